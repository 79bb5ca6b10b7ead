"""The remotes: two CTGO accounts, three CRMs, a receiver of webhooks and a folder. They outlive every process, and are asked what they hold."""

import csv
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.apollo.connector import ApolloConnector
from connectors.salesforce.setup import CUSTOM_FIELDS, key_metadata
from syncd.simulator import Options, World, create_app
from tests.fakes import apollo, hubspot, webhook
from tests.fakes.apollo import ApolloFake
from tests.fakes.hubspot import HubSpotFake
from tests.fakes.salesforce import SalesforceFake
from tests.fakes.salesforce_lead import KEY
from tests.fakes.webhook import WebhookFake

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
class Sought:
    """One row of the ledger, as a remote may know it."""

    lead_id: int
    stream_id: int
    segment_id: int
    person: str


class FarEnds:
    """See the module. `chance` decides how each behaves where its vendor leaves that unsaid."""

    def __init__(
        self, folder: Path, wall: Callable[[], float], steady: Callable[[], float], chance: random.Random
    ) -> None:
        self.folder = folder
        self.worlds = {name: World(_options(chance, n), wall) for n, name in enumerate(ACCOUNTS)}
        self.worlds["second"].leads._found = APART  # ids are CTGO's, so no two accounts have one in common
        self.hubspot = HubSpotFake(wall, steady)
        self.salesforce = SalesforceFake()
        self.salesforce.url = f"https://{HOSTS['org']}"
        self.salesforce.org.set_up(CUSTOM_FIELDS, key_metadata())
        self.salesforce.org.rule = "off"
        self.apollo = ApolloFake(wall)
        self.apollo.book.lag = chance.choice([0.0, 20.0])
        self.receiver = WebhookFake(wall, signed=False)  # its clock and the machine's may be a month apart
        self._sheet: tuple[object, Counter[tuple[str, ...]]] = (None, Counter())

    def apps(self) -> Iterator[tuple[str, Any]]:
        """Each remote's name and its WSGI app."""
        for name, world in self.worlds.items():
            yield ACCOUNTS[name], create_app(world.options, world=world, sleep=lambda _: None)
        yield "crm", self.hubspot.wsgi
        yield "org", self.salesforce.wsgi
        yield "outreach", self.apollo.wsgi
        yield HOOK, self.receiver.wsgi

    def know_apollos_fields(self) -> None:
        """Apollo's team has made the fields that the connector fills."""
        for name in ApolloConnector.defaults:
            if name.startswith("ctgo_"):
                self.apollo.book.field(name, "number" if name == "ctgo_follower_count" else "string")
        self.apollo.book.label("ctgo")

    # What they hold

    def holds(self, connector: str, sought: Sought) -> bool:
        """Whether a connector's remote has this lead, or its person."""
        if connector == "sheet":
            key = (str(sought.lead_id), str(sought.stream_id or ""), str(sought.segment_id or ""))
            return key in self.rows()
        if connector == HOOK:
            return (sought.lead_id, sought.stream_id, sought.segment_id) in self._taken()
        return sought.person in self.people(connector)

    def _taken(self) -> Counter[tuple[int, ...]]:
        """How many ids the receiver was told for each lead."""
        return Counter(tuple(map(int, id_.rsplit("-", 3)[1:])) for id_ in self.receiver.taken)

    def people(self, connector: str) -> Counter[str]:
        """How many objects a CRM holds for each person."""
        if connector == "crm":
            return Counter(str(it.get("ctgo_x_user_id")) for it in self.hubspot.portal.contacts.values())
        if connector == "org":
            return Counter(str(it.get(KEY)) for it in self.salesforce.org.leads.values())
        book = self.apollo.book
        keys = {id_ for id_, it in book.fields.items() if it["label"] == "ctgo_x_user_id"}
        return Counter(
            str(value)
            for contact in book.contacts.values()
            for id_, value in contact["typed_custom_fields"].items()
            if id_ in keys
        )

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
        if far == "crm":
            self.hubspot.revoke()
        elif far == "org":
            self.salesforce.revoke()
        elif far == "outreach":
            self.apollo.keys.clear()
            self.receiver.tokens.clear()
        else:
            self._world(far).gateway.revoke(None)

    def give_back(self) -> None:
        """All credentials are good again."""
        self.hubspot.token = hubspot.TOKEN
        self.salesforce.revoked = False
        self.apollo.keys.add(apollo.KEY)
        self.receiver.tokens.add(webhook.TOKEN)
        for world in self.worlds.values():
            world.gateway.restore_keys()

    def expire(self) -> None:
        """The org's sessions are over, as they are every hour or so."""
        self.salesforce.expire()

    def poison(self, person: str) -> None:
        """Every CRM refuses this person."""
        said = {"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "no", "fields": []}
        self.hubspot.poison(person)
        self.salesforce.org.errors[person] = said
        self.apollo.book.poisoned.add(person)
        self.receiver.poisoned.add(person)

    def mark(self, connector: str, person: str, value: str) -> bool:
        """A salesperson says something of a person; whether that person is there."""
        return bool((self.hubspot if connector == "crm" else self.salesforce).mark(person, value))

    def heal(self) -> None:
        """Nobody is refused."""
        self.hubspot.portal.poisoned.clear()
        self.salesforce.org.errors.clear()
        self.apollo.book.poisoned.clear()
        self.receiver.poisoned.clear()
        self.apollo.forgets.clear()

    def forget_rows(self, n: int) -> None:
        """The next answer to a batch leaves out so many rows."""
        self.hubspot.batches.forget = n
        self.salesforce.forget_rows = n

    def new_day(self) -> None:
        """Daily allocations begin anew."""
        self.salesforce.used = 0

    def _world(self, far: str) -> World:
        return next(self.worlds[name] for name, it in ACCOUNTS.items() if it == far)


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
