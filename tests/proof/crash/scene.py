"""One run over a folder, and what must hold of it: at any moment, when an export comes in, and in the end."""

import csv
import shutil
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from syncd.simulator import Options
from syncd.simulator.world import World
from tests.proof.crash.older import COPY, KEEPSAKE, KEPT, asked
from tests.proof.crash.remotes import Crm, FarEnds

SHEET, CRM = "sheet", "crm"
TABLES = {
    SHEET: 'type = "csv"\npath = "disk/out/leads.csv"',
    CRM: 'type = "create_only"\nurl = "{url}/crm"\ngate = 0',
}
SOURCE = """\
[state]
url = "sqlite:///disk/state/syncd.db"
[sources.main]
api_key = "ctgo_x"
base_url = "{url}/api/v2"
requests_per_minute = 60000
poll = "1h"
[health]
listen = ""
"""
COLUMNS = 15


class Row(NamedTuple):
    """A delivery as the ledger has it."""

    state: str
    maybe_sent: bool


class Standing(NamedTuple):
    """What a ledger says: deliveries by (lead id, connector), the ids it knows, its watermark.

    `damage`: what is wrong with the file; `off`: where the tally is not what the rows are.
    """

    deliveries: Mapping[tuple[int, str], Row]
    known: frozenset[int]
    watermark: float | None
    damage: str
    off: tuple[str, ...] = ()


NOTHING = Standing({}, frozenset(), None, damage="")
TALLY = """
    SELECT kind, name, state, sum(n), sum(told) FROM (
    SELECT 'lead' kind, source name, state, 1 n, 0 told FROM lead
    UNION ALL SELECT 'delivery', connector, state, 1, 0 FROM delivery
    UNION ALL SELECT 'export', source, state, 1, 0 FROM export
    UNION ALL SELECT kind, name, state, 0, n FROM tally)
    GROUP BY kind, name, state HAVING sum(n) <> sum(told)
"""
UNKNOWN = Row("unknown", maybe_sent=False)


def standing(ledger: Path) -> Standing:
    """Read beside whoever writes; a ledger that is missing, or has no tables yet, says nothing."""
    if not ledger.exists():
        return NOTHING
    with closing(sqlite3.connect(f"{ledger.as_uri()}?mode=rw", uri=True, timeout=30)) as connection:
        damage = str(connection.execute("PRAGMA integrity_check").fetchone()[0])
        try:
            rows = connection.execute(
                "SELECT l.lead_id, d.connector, d.state, d.maybe_sent FROM delivery d"
                " JOIN lead l ON l.seq = d.lead_seq"
            ).fetchall()
            known = connection.execute("SELECT lead_id FROM lead").fetchall()
            off = connection.execute(TALLY).fetchall()
            marks = connection.execute("SELECT watermark FROM source").fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            rows, known, marks, off = [], [], [], []
    deliveries = {(lead, name): Row(state, bool(maybe)) for lead, name, state, maybe in rows}
    ids, mark = frozenset(it[0] for it in known), marks[0][0] if marks else None
    return Standing(deliveries, ids, mark, "" if damage == "ok" else damage, tuple(map(str, off)))


def left(ledger: Path) -> Standing:
    """What a ledger says whose process is dead, read from a copy: to look at it may heal it."""
    if not ledger.exists():
        return NOTHING
    with tempfile.TemporaryDirectory(dir=ledger.parents[2]) as folder:
        for suffix in ("", "-wal", "-journal"):
            file = ledger.with_name(ledger.name + suffix)
            if file.exists():
                shutil.copy(file, folder)
        return standing(Path(folder) / ledger.name)


class Plan(NamedTuple):
    """What is run, and over what.

    `before`: a folder to begin with, left by an earlier run over an empty CTGO; `upgrades`: or by an earlier version.
    """

    name: str
    places: frozenset[str]
    daemon: bool = False
    before: Path | None = None
    upgrades: bool = False


class Scene:
    """A folder with a configuration, and what it is about. What must survive is in `disk`."""

    def __init__(self, folder: Path, ends: FarEnds, plan: Plan, world: World) -> None:
        self.folder, self.plan, self.world, self.crm = folder, plan, world, Crm()
        self.broken: list[str] = []
        """What the oracles saw."""
        self.asked: Counter[int] = Counter()
        """Exports that came in, by lead id."""
        self.ids = {row.id: row.person.x_user_id for row in world.listed()}
        world.on_export = self._on_export
        if plan.before:
            shutil.copytree(plan.before, self.disk)
        else:
            self.disk.mkdir(parents=True)
        self._watermark = standing(self.ledger).watermark
        url = ends.open(folder.name, world, self.crm)
        tables = [f"[connectors.{name}]\n{TABLES[name]}" for name in sorted(plan.places)]
        self.config.write_text("\n".join([SOURCE, *tables]).replace("{url}", url))
        self.config.chmod(0o600)

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    @property
    def disk(self) -> Path:
        return self.folder / "disk"

    @property
    def ledger(self) -> Path:
        return self.disk / "state" / "syncd.db"

    @property
    def done(self) -> bool:
        """Whether CTGO has been told of every lead."""
        return self.world.exported.keys() == self.ids.keys()

    def find(self, count: int = 1) -> None:
        """Let CTGO find more leads; that the watermark has moved before does not mean that they are known."""
        self.world.add_leads(count)
        self.ids = {row.id: row.person.x_user_id for row in self.world.listed()}
        self._watermark = left(self.ledger).watermark

    def check(self) -> None:
        """What holds at any moment, a process just killed included: what is in the file, at the remotes, in the ledger.

        I-1 of every export that left, I-2, I-3, I-4, I-5, I-9 and I-12.
        """
        now = left(self.ledger)
        if now.damage:
            self.broken.append(f"I-12 the ledger is damaged: {now.damage}")
        self.broken += [f"I-9 the tally and the rows: {it}" for it in now.off]
        if now.watermark != self._watermark and not self.ids.keys() <= now.known:
            self.broken.append(f"I-4 the watermark has moved, and the ledger knows {sorted(now.known)}")
        for place in self.plan.places:
            held = self.held(place)
            self.broken += [f"I-3 {place}: {n} of lead {lead}" for lead, n in held.items() if n > 1]
            for lead in self.ids:
                row = now.deliveries.get((lead, place), UNKNOWN)
                if row.state == "delivered" and not held[lead]:
                    self.broken.append(f"I-2 {place}: lead {lead} is delivered, and is not there")
                if held[lead] and row.state != "delivered" and not row.maybe_sent:
                    self.broken.append(
                        f"I-5 {place}: lead {lead} is there, and nobody wrote down that it may be"
                    )
                if self.asked[lead] and row.state != "delivered":
                    self.broken.append(f"I-1 lead {lead}: exported, and {place} has it as {row.state}")
                if self.asked[lead] and not held[lead]:
                    self.broken.append(f"I-1 lead {lead}: exported, and is not in {place}")

    def check_end(self) -> None:
        """What holds once a run came to its end: every lead is everywhere once, and CTGO was told."""
        self.check()
        for place in self.plan.places:
            held = self.held(place)
            if held != dict.fromkeys(self.ids, 1):
                self.broken.append(f"{place} holds {dict(held)}")
        if not self.done:
            self.broken.append(f"exported: {sorted(self.world.exported)} of {sorted(self.ids)}")
        if self.plan.upgrades and not asked(self.ledger, KEPT) == asked(self.disk / COPY, KEPT) == KEEPSAKE:
            self.broken.append("what the older ledger held is lost, or there is no copy of it")

    def held(self, place: str) -> Counter[int]:
        """How many times each lead is there."""
        if place == CRM:
            people = self.crm.people()
            return Counter({lead: people[person] for lead, person in self.ids.items() if people[person]})
        return sheet(self.disk / "out" / "leads.csv")

    def _on_export(self, lead: int) -> None:
        """The oracle of I-1: at the instant an export comes in, the remotes and the ledger have the lead."""
        self.asked[lead] += 1
        now = standing(self.ledger)
        for place in self.plan.places:
            if now.deliveries.get((lead, place), UNKNOWN).state != "delivered":
                self.broken.append(f"I-1 lead {lead} is exported without evidence of {place}")
            if not self.held(place)[lead]:
                self.broken.append(f"I-1 lead {lead} is exported, and {place} does not have it")


def sheet(file: Path) -> Counter[int]:
    """Whole rows of a leads file by lead id; what a kill tore is no row."""
    if not file.exists():
        return Counter()
    with file.open(newline="", errors="replace") as lines:
        rows = [row for row in csv.reader(lines) if len(row) == COLUMNS]
    return Counter(int(row[0]) for row in rows if row[0].isdigit())


def two_leads(instant: float | None = None) -> World:
    """A CTGO that has found two leads, the second a moment ago; with an instant, its clock stands still."""
    now = time.time if instant is None else lambda: instant
    world = World(Options(leads=0, rate_limit=60000), now)
    world.add_leads(1, discovered=world.start - 60)
    world.add_leads(1)
    return world


@contextmanager
def opened(folder: Path, ends: FarEnds, plan: Plan, world: World | None = None) -> Iterator[Scene]:
    """A scene whose remotes and folder are there as long as the `with` lasts."""
    scene = Scene(folder, ends, plan, world or two_leads())
    try:
        yield scene
    finally:
        ends.close(folder.name)
        shutil.rmtree(folder)
