"""The remotes: two CTGO accounts, three CRMs, a receiver of webhooks and a folder. They outlive every process, and are asked what they hold."""

import csv
import random
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncd.simulator import Options, World
from syncd.simulator.crms import webhook
from syncd.simulator.crms.webhook import WebhookFake
from tests.proof.simulation.outside import second
from tests.proof.simulation.outside.first import FirstApollo, FirstCtgo, FirstHubSpot, FirstSalesforce
from tests.proof.simulation.outside.remote import Crm, Ctgo, Remote

HOSTS = {
    "ctgo": "ctgo.example",
    "two": "two.example",
    "crm": "crm.example",
    "org": "org.example",
    "outreach": "outreach.example",
    "hook": "hook.example",
}
ACCOUNTS = {"main": "ctgo", "second": "two"}
"""Sources by name, and their remotes."""
KEYS = {"main": "ctgo_first_account", "second": "ctgo_second_account"}
APART = 1_000_000
"""Leads between those of the first account and those of the second."""
CONNECTORS = ("sheet", "crm", "org", "outreach")
HOOK = "hook"
"""A receiver of webhooks, which only some worlds have."""


@dataclass(frozen=True, slots=True)
class PersonQuery:
    """One row of the ledger, as a remote may know it."""

    lead_id: int
    stream_id: int
    segment_id: int
    person: str


class FarEnds:
    """See the module. `chance` decides how each behaves where its vendor leaves that unsaid.

    `theirs`: remotes that the second author's programs play. `worlds`: accounts that CTGO's simulator plays.
    """

    def __init__(
        self,
        folder: Path,
        wall: Callable[[], float],
        steady: Callable[[], float],
        chance: random.Random,
        theirs: Collection[str] = (),
    ) -> None:
        self.folder = folder
        self.worlds = {name: World(_options(chance, n), wall) for n, name in enumerate(ACCOUNTS)}
        self.worlds["second"].leads._found = APART  # ids are CTGO's, so no two accounts have one in common
        self.accounts: dict[str, Ctgo] = {name: FirstCtgo(world) for name, world in self.worlds.items()}
        self.crms: dict[str, Crm] = {
            "crm": FirstHubSpot(wall, steady),
            "org": FirstSalesforce(f"https://{HOSTS['org']}"),
            "outreach": FirstApollo(wall, chance.choice([0.0, 20.0])),
        }
        seed = chance.getrandbits(32) if theirs else 0
        for name, far in ACCOUNTS.items():
            if far in theirs:
                del self.worlds[name]
                self.accounts[name] = second.ctgo(far, seed, wall, KEYS[name])
        for far in self.crms.keys() & theirs:
            self.crms[far] = second.crm(far, seed, wall)
        self.receiver = WebhookFake(wall, signed=False)  # its clock and the machine's may be a month apart
        self._sheet: tuple[object, Counter[tuple[str, ...]]] = (None, Counter())

    @property
    def remotes(self) -> dict[str, Remote]:
        """The remotes that both authors wrote, by the name of their host."""
        return {**{ACCOUNTS[name]: account for name, account in self.accounts.items()}, **self.crms}

    def apps(self) -> Iterator[tuple[str, Any]]:
        """Each remote's name and its WSGI app."""
        for far, remote in self.remotes.items():
            yield far, remote.app
        yield HOOK, self.receiver.wsgi

    def know_apollos_fields(self) -> None:
        """Apollo's team has made the fields that the connector fills."""
        outreach = self.crms["outreach"]
        if isinstance(outreach, FirstApollo):
            outreach.know_fields()

    # What they hold

    def holds(self, connector: str, sought: PersonQuery) -> bool:
        """Whether a connector's remote has this lead, or its person."""
        if connector == "sheet":
            key = (str(sought.lead_id), str(sought.stream_id or ""), str(sought.segment_id or ""))
            return key in self.rows()
        if connector == HOOK:
            return (sought.lead_id, sought.stream_id, sought.segment_id) in self._taken()
        return sought.person in self.crms[connector].held()

    def _taken(self) -> Counter[tuple[int, ...]]:
        """How many ids the receiver was told for each lead."""
        return Counter(tuple(map(int, id_.rsplit("-", 3)[1:])) for id_ in self.receiver.taken)

    def people(self, connector: str) -> Counter[str]:
        """How many objects a CRM holds for each person."""
        return self.crms[connector].people()

    def rows(self) -> Counter[tuple[str, ...]]:
        """How many rows the file has for each lead; what was renamed counts as well."""
        files = sorted(self.folder.glob("leads*.csv"))
        mark = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
        if mark != self._sheet[0]:
            found: Counter[tuple[str, ...]] = Counter()
            for file in files:
                with file.open(encoding="utf-8", newline="") as text:
                    reader = csv.DictReader(text)
                    found.update(
                        (row["id"], row["stream_id"], row["segment_id"] or "")
                        for row in reader
                        if None not in row.values()
                    )
            self._sheet = (mark, found)
        return self._sheet[1]

    def formulas(self) -> list[str]:
        """Cells of the file that some spreadsheet runs: Excel splits at the system's separator, LibreOffice at several."""
        cells = set[str]()
        for file in self.folder.glob("leads*.csv"):
            with file.open(encoding="utf-8", newline="") as text:
                cells.update(cell for row in csv.reader(text) for cell in row)
        return sorted(cell for cell in cells if _RUN.search(cell))

    def doubles(self) -> list[str]:
        """Whoever is somewhere more than once (I-3)."""
        told = [f"sheet: row {key} {n} times" for key, n in self.rows().items() if n > 1]
        told += [f"{HOOK}: {key} under {n} ids" for key, n in self._taken().items() if n > 1]
        for connector in CONNECTORS[1:]:
            told += [
                f"{connector}: {person} {n} times" for person, n in self.people(connector).items() if n > 1
            ]
        return told

    # What happens to them

    def revoke(self, far: str) -> None:
        """Credentials are refused from now on."""
        self.remotes[far].revoke()
        if far == "outreach":
            self.receiver.tokens.clear()

    def give_back(self) -> None:
        """All credentials are good again."""
        for remote in self.remotes.values():
            remote.give_back()
        self.receiver.tokens.add(webhook.TOKEN)

    def expire(self) -> None:
        """The org's sessions are over, as they are every hour or so."""
        self.crms["org"].expire()

    def poison(self, person: str) -> None:
        """Every CRM refuses this person."""
        for crm in self.crms.values():
            crm.poison(person)
        self.receiver.poisoned.add(person)

    def lock(self, person: str) -> None:
        """Every CRM keeps this person's record locked."""
        for crm in self.crms.values():
            crm.lock(person)

    def mark(self, connector: str, person: str, value: str) -> bool:
        """A salesperson says something of a person; whether that person is there."""
        return self.crms[connector].mark(person, value)

    def heal(self) -> None:
        """Nobody is refused, and nobody's own weather goes on."""
        for remote in self.remotes.values():
            remote.calm()
        self.receiver.poisoned.clear()

    def forget_rows(self, n: int) -> None:
        """The next answer to a batch leaves out so many rows."""
        for crm in self.crms.values():
            crm.forget_rows(n)

    def new_day(self) -> None:
        """Daily allocations begin anew."""
        for crm in self.crms.values():
            crm.new_day()


_RUN = re.compile(r"(^|[;|\t\r\n])\s*[=+@-]")
"""The begin of a formula, as OWASP's page on CSV injection lists it."""


def _options(chance: random.Random, n: int) -> Options:
    return Options(
        seed=chance.randrange(1000) * 2 + n,
        leads=chance.choice([0, 3, 30]) if n == 0 else 0,
        campaigns=chance.choice([1, 3]),
        per_second=chance.choice([1, 3]),
        repeats=chance.choice([0.0, 0.2]),
        repeat_ids=chance.choice(["shared", "own"]),
        late_rate=chance.choice([0.0, 0.1]),
        future_lead=chance.random() < 0.2 and n == 0,
        null_segment_rate=chance.choice([0.0, 0.2]),
        hostile_rate=chance.choice([0.0, 0.1]),
        malformed_rate=chance.choice([0.0, 0.03]),
        since=chance.choice(["exclusive", "inclusive"]),
        order=chance.choice(["ascending", "descending", "id", "shuffled"]),
        leads_route=chance.choice(
            ["paged", "paged", "paged", "ignored", "without_has_more", "bare", "missing"]
        ),
        contact_in_listings="lead",
        credits=chance.choice([20, 2000]),
        charge_when_empty=chance.choice([True, False]),
        contact_rate=chance.choice([0.6, 1.0]),
        times=chance.choice(["seconds", "milliseconds"]),
        errors=chance.choice(["codes", "sentences"]),
        window=chance.choice(["fixed", "sliding"]),
        fixed_from=chance.choice(["first_request", "minute"]),
        retry_after=chance.choice(["seconds", "date", "absent"]),
        export_scope=chance.choice(["id", "id", "row"]),
        export_status=chance.choice([200, 204]),
        export_repeat=chance.choice(["ok", "again", "conflict"]),
        request_log=10,
    )
