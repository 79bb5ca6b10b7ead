"""A world in virtual time: CTGO's simulator, far ends, a real ledger on disk, and the lanes stepped by one thread.

Everything a test needs to run the engine end to end without sleeping, without a network, and repeatably: a clock that
only moves when it is told to, a far end that outlives the engine, a transport and a ledger with seams where a crash
can be raised, and oracles that look from outside.
"""

import random
import shutil
import sqlite3
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import httpx
from pydantic import BaseModel, SecretStr
from sqlalchemy import Connection

from syncd.connector import Context, Field, Finding
from syncd.delivery import Delivered, Delivery, Outcome, Policy, Route
from syncd.engine.admitting import Taker
from syncd.engine.delivering import Deliver, Outfit
from syncd.engine.desk import Desk
from syncd.engine.exporting import Export
from syncd.engine.pacing import Pacer
from syncd.engine.pulling import Pull
from syncd.engine.step import Next, Stepper
from syncd.failure import Pause, Refused, Reject
from syncd.ledger import Ledger, reading
from syncd.ledger.lanes import lift_halts, load_lane
from syncd.lead import utc_text
from syncd.mapping import FieldMap, Filter
from syncd.simulator import Options, World, create_app
from syncd.upstream import Upstream

START = 1_790_000_000.0
KEY = "ctgo_test"
DAY = 86400.0


class Clock:
    """Virtual time. `true` is the world's; `now` is the machine's wall clock, which `jump` sets wrong."""

    def __init__(self, start: float = START) -> None:
        self.passed = 0.0
        self.skew = 0.0
        self.booted = "boot-1"
        self._start = start
        self._stopping = False

    def true(self) -> float:
        return self._start + self.passed

    def now(self) -> float:
        return self.true() + self.skew

    def monotonic(self) -> float:
        return 1000.0 + self.passed

    def boot(self) -> str:
        return self.booted

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        if not event.is_set() and not self._stopping:
            assert seconds is not None, "nothing would ever end this wait"
            self.advance(seconds)
        return event.is_set() and not self._stopping

    def stop(self) -> None:
        self._stopping = True

    @property
    def stopping(self) -> bool:
        return self._stopping

    def advance(self, seconds: float) -> None:
        self.passed += seconds

    def jump(self, seconds: float) -> None:
        """The wall clock is set; nothing passes."""
        self.skew += seconds


class Log:
    """Keeps the events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def debug(self, event: str, **ids: object) -> None:
        self.events.append((event, ids))

    def info(self, event: str, **ids: object) -> None:
        self.events.append((event, ids))

    def warning(self, event: str, **ids: object) -> None:
        self.events.append((event, ids))

    def named(self, event: str) -> list[dict[str, object]]:
        return [ids for name, ids in self.events if name == event]


class Crash(BaseException):  # noqa: N818 - the process dies here
    """Raised out of a seam."""


class Seams:
    """Counts the places where a process may die, and dies at the n-th. Once dead, nothing gets through any more."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.count, self.dead = at, 0, False
        self.passed: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, where: str) -> None:
        with self._lock:
            if self.dead:
                raise Crash(where)
            self.count += 1
            self.passed.append(where)
            if self.count == self.at:
                self.dead = True
                raise Crash(where)


class SeamLedger(Ledger):
    """A ledger that may die just before and just after a commit."""

    seams: Seams | None = None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with super().write() as connection:
            yield connection
            self._seam("before commit")
        self._seam("after commit")

    def _seam(self, where: str) -> None:
        if self.seams is not None:
            self.seams(where)


Answering = Callable[[httpx.Request, Callable[[], httpx.Response]], httpx.Response]
"""What a test puts between the client and CTGO; the second argument lets the request through."""


class Wire(httpx.BaseTransport):
    """The way to CTGO: may die before a request leaves and after its answer came, and may be tampered with."""

    def __init__(self, app: Any, seams: Seams) -> None:
        self._inner = httpx.WSGITransport(app=app)
        self._seams = seams
        self.answering: Answering | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._seams("before request")
        response = (
            self.answering(request, lambda: self._inner.handle_request(request))
            if self.answering
            else self._inner.handle_request(request)
        )
        self._seams("after request")
        return response


class NoOptions(BaseModel):
    """A connector of the tests has none."""


@dataclass
class Thing:
    """What the far end holds."""

    remote_id: str
    key: str
    since: float
    writes: list[int] = field(default_factory=list)
    """Lead ids, in the order in which they were written over it."""
    fields: dict[str, object] = field(default_factory=dict)


Rule = Callable[["FarEnd", Sequence[Delivery]], Sequence[Outcome]]
"""How the far end answers one call; may raise."""


@dataclass
class FarEnd:
    """A CRM that outlives every engine. `script`: rules for the next calls; then `rule` for all that follow."""

    objects: Literal["people", "leads"] = "leads"
    clock: Clock = field(default_factory=Clock)
    upsert: bool = True
    search_lag: float = 0.0
    """Seconds until a search finds what was written."""
    things: list[Thing] = field(default_factory=list)
    calls: list[tuple[Delivery, ...]] = field(default_factory=list)
    script: deque[Rule] = field(default_factory=deque)
    rule: Rule | None = None

    def key(self, delivery: Delivery) -> str:
        return delivery.person if self.objects == "people" else str(delivery.lead.key)

    def answer(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        self.calls.append(tuple(batch))
        rule = self.script.popleft() if self.script else self.rule
        return rule(self, batch) if rule else self.accept(batch)

    def accept(self, batch: Sequence[Delivery]) -> list[Outcome]:
        return [self.write(delivery) for delivery in batch]

    def write(self, delivery: Delivery) -> Delivered:
        """Upsert; without one, update what is known by id, look for what may be there, else create."""
        found = self._find(delivery)
        thing = found or Thing(f"r{len(self.things) + 1}", self.key(delivery), self.clock.true())
        if found is None:
            self.things.append(thing)
        thing.writes.append(delivery.lead.id)
        thing.fields = dict(delivery.fields)
        return Delivered(thing.remote_id, created=found is None)

    def _find(self, delivery: Delivery) -> Thing | None:
        if self.upsert:
            return next((t for t in self.things if t.key == self.key(delivery)), None)
        if delivery.remote_id is not None and self.objects == "people":
            return next(t for t in self.things if t.remote_id == delivery.remote_id)
        if not delivery.maybe_sent and not self.search_lag:
            return None
        seen = self.clock.true() - self.search_lag
        return next((t for t in self.things if t.key == self.key(delivery) and t.since <= seen), None)

    def lead_ids(self) -> list[int]:
        """Lead ids by thing, each thing's first write; sorted."""
        return sorted(thing.writes[0] for thing in self.things)

    def duplicates(self) -> list[str]:
        return [key for key, n in Counter(thing.key for thing in self.things).items() if n > 1]

    def holds(self, lead_id: int) -> bool:
        return any(lead_id in thing.writes for thing in self.things)


def unreachable(_: FarEnd, __: Sequence[Delivery]) -> Sequence[Outcome]:
    """Failed whole, nothing applied."""
    raise Pause("unreachable", "The far end cannot be reached.", unexplained=True)


def lost_answer(far: FarEnd, batch: Sequence[Delivery]) -> Sequence[Outcome]:
    """A 500 after applying."""
    far.accept(batch)
    raise Pause("unavailable", "The far end answered 500.", unexplained=True)


def chokes_on(*poison: int) -> Rule:
    """A far end that answers 500 to any call that holds one of these leads."""

    def rule(far: FarEnd, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        return unreachable(far, batch) if {d.lead.id for d in batch} & set(poison) else far.accept(batch)

    return rule


def refuses(*poison: int) -> Rule:
    """A far end that refuses the whole call when one of these leads is in it."""

    def rule(far: FarEnd, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        if {d.lead.id for d in batch} & set(poison):
            raise Refused("invalid", "A member of the call is not valid.")
        return far.accept(batch)

    return rule


def rejects(*poison: int) -> Rule:
    """A far end that turns these leads down one by one; without any, every lead."""

    def rule(far: FarEnd, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        bad = set(poison) or {d.lead.id for d in batch}
        return [Reject("invalid", "Not valid.") if d.lead.id in bad else far.write(d) for d in batch]

    return rule


class MemoryConnector:
    """A connector to a `FarEnd`; its objects are leads."""

    Options: ClassVar[type[BaseModel]] = NoOptions
    codes: ClassVar[Mapping[str, str]] = {}
    defaults: ClassVar[Mapping[str, str | Field]] = {"handle": "{{ handle }}", "bio": "{{ bio }}"}
    objects: ClassVar[Literal["people", "leads"]] = "leads"
    batch_size = 100

    def __init__(self, options: Any, context: Context) -> None:
        self.context = context
        self.far: FarEnd = options
        self.seams: Seams = Seams()
        self.groups: Callable[[Delivery], str] = lambda _: "all"

    def check(self) -> Sequence[Finding]:
        return []

    def route(self, delivery: Delivery) -> Route:
        return Route(self.groups(delivery), self.far.key(delivery), resend_safe=self.far.upsert)

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        self.seams("before deliver")
        outcomes = self.far.answer(batch)
        self.seams("after deliver")
        return outcomes

    def close(self) -> None:
        pass


class PeopleConnector(MemoryConnector):
    """Its objects are people."""

    objects: ClassVar[Literal["people", "leads"]] = "people"


@dataclass
class Place:
    """A configured connector: its far end, and how it is configured."""

    far: FarEnd
    required: bool = True
    where: str = ""
    batch_size: int = 100
    policy: Policy = field(default_factory=Policy)
    fields: Mapping[str, str] = field(
        default_factory=lambda: dict[str, str](handle="{{ handle }}", bio="{{ bio }}")
    )
    groups: Callable[[Delivery], str] = lambda _: "all"
    route: Callable[[Delivery], Route] | None = None


@dataclass
class Account:
    """A CTGO account and how the source that polls it is configured."""

    world: World
    wire_app: Any
    limit: int = 60
    desk: dict[str, Any] = field(default_factory=dict)
    takers: Sequence[str] | None = None
    key: str = KEY


@dataclass
class Lanes:
    """One life of the engine: what a crash takes away."""

    ledger: SeamLedger
    desks: dict[str, Desk]
    pulls: dict[str, Pull]
    exports: dict[str, Export]
    delivers: dict[str, Deliver]
    wires: dict[str, Wire]

    def all(self) -> list[Stepper]:
        return [*self.pulls.values(), *self.delivers.values(), *self.exports.values()]


class Bench:
    """The whole system. `boot` begins a life of the engine, `crash` ends it without a word; the world goes on."""

    def __init__(self, folder: Path, *, seed: int = 1) -> None:
        self.path = folder / "syncd.db"
        self.clock = Clock()
        self.log = Log()
        self.places: dict[str, Place] = {}
        self.accounts: dict[str, Account] = {}
        self.seams = Seams()
        self.objections: list[str] = []
        self.bugs: list[Exception] = []
        self.tolerant = False
        """Whether a bug in a lane is kept in `bugs`, as the runner does, instead of raised."""
        self.due: dict[tuple[str, str], float | None] = {}
        self.troubles: dict[tuple[str, str], str] = {}
        self._chance = random.Random(seed)
        self._life: Lanes | None = None
        self._lives = 0

    # The world

    def ctgo(self, name: str = "main", *, limit: int = 60, key: str = KEY, takers: Sequence[str] | None = None,
             desk: Mapping[str, Any] | None = None, **options: Any) -> World:  # fmt: skip
        """Add an account and the source that polls it. `desk`: of the source; `options`: of the simulator."""
        settings = Options(**{"spacing": 1.0, "rate_limit": 60, **options})
        world = World(settings, self.clock.true)
        app = create_app(settings, world=world, sleep=self.clock.advance)
        self.accounts[name] = Account(world, app, limit, dict(desk or {}), takers, key)
        world.on_export = lambda lead_id: self._witness(name, lead_id)
        return world

    def place(self, name: str = "crm", *, people: bool = False, upsert: bool = True, **settings: Any) -> FarEnd:
        """Add a connector and its far end."""
        far = FarEnd("people" if people else "leads", self.clock, upsert)
        self.places[name] = Place(far, **settings)
        return far

    def _witness(self, source: str, lead_id: int) -> None:
        """I-1, asked the instant an export arrives, of what is on the disk. Kept, for an engine may swallow it."""
        with closing(sqlite3.connect(self.path)) as connection:
            rows = connection.execute(
                "SELECT l.seq, l.state, d.connector, d.required, d.state FROM lead l LEFT JOIN delivery d"
                " ON d.lead_seq = l.seq WHERE l.source = ? AND l.lead_id = ?",
                (source, lead_id),
            ).fetchall()
        by_row: dict[int, list[tuple[str, bool, str]]] = defaultdict(list)
        for seq, lead_state, connector, required, state in rows:
            if lead_state == "quarantined":
                self.objections.append(f"{lead_id} exported while a row of it is in quarantine")
            if connector:
                by_row[seq].append((connector, required, state))
        for deliveries in by_row.values():
            self._judge(lead_id, deliveries)
        if not any(state == "delivered" for row in by_row.values() for *_, state in row):
            self.objections.append(f"{lead_id} exported and delivered nowhere")

    def _judge(self, lead_id: int, deliveries: Sequence[tuple[str, bool, str]]) -> None:
        for connector, required, state in deliveries:
            if required and state not in {"delivered", "dropped"}:
                self.objections.append(f"{lead_id} exported while {connector} has it {state}")
            place = self.places.get(connector)
            if state == "delivered" and place and place.far.objects == "leads" and not place.far.holds(lead_id):
                self.objections.append(f"{lead_id} exported and {connector} does not hold it")

    # The engine

    @property
    def life(self) -> Lanes:
        if self._life is None:
            self.boot()
        assert self._life is not None
        return self._life

    @property
    def ledger(self) -> Ledger:
        return self.life.ledger

    def boot(self) -> None:
        """A start, as the composition root does it."""
        ledger = SeamLedger.open(self.path)
        ledger.seams = self.seams
        exporting = {name: bool(a.desk.get("exports", True)) for name, a in self.accounts.items()}
        wires, desks = {}, {}
        for name, account in self.accounts.items():
            wires[name] = Wire(account.wire_app, self.seams)
            desks[name] = self._desk(name, account, wires[name])
        with ledger.write() as connection:
            lift_halts(connection)
            for desk in desks.values():
                desk.pacer.start(connection)
        delivers = {name: self._deliver(name, place, ledger, exporting) for name, place in self.places.items()}
        pulls = {
            name: Pull(desk, ledger, self.clock, self.log, self.wake, chance=self._chance.random)
            for name, desk in desks.items()
        }
        exports = {
            name: Export(desk, ledger, self.clock, self.log, chance=self._chance.random)
            for name, desk in desks.items()
            if desk.exports
        }
        self._life = Lanes(ledger, desks, pulls, exports, delivers, wires)
        self.due = {(lane.kind, lane.name): self.clock.monotonic() for lane in self._life.all()}

    def _desk(self, name: str, account: Account, wire: Wire) -> Desk:
        pacer = Pacer(account.key, account.limit, self.clock, deadline=30.0)
        upstream = Upstream(
            "http://127.0.0.1/api/v2", SecretStr(account.key), self.clock, observe=pacer.observe, transport=wire
        )
        takers = [
            Taker(place, self.places[place].required, Filter.compile(place, self.places[place].where))
            for place in (self.places if account.takers is None else account.takers)
        ]
        return Desk(name, upstream, pacer, takers, **account.desk)

    def _deliver(self, name: str, place: Place, ledger: Ledger, exporting: Mapping[str, bool]) -> Deliver:
        kind = PeopleConnector if place.far.objects == "people" else MemoryConnector
        connector = kind(place.far, Context(name, self.clock, self.log))
        connector.batch_size, connector.seams, connector.groups = place.batch_size, self.seams, place.groups
        if place.route:
            connector.route = place.route  # type: ignore[method-assign]  # a plugin of its own
        fields = FieldMap.compile(name, {key: Field(value=text) for key, text in place.fields.items()})
        where = Filter.compile(name, place.where)
        outfit = Outfit(name, connector, fields, where, place.policy, exporting)
        return Deliver(outfit, ledger, self.clock, self.log, self.wake, chance=self._chance.random)

    def wake(self, kind: str, name: str) -> None:
        if (kind, name) in self.due:
            self.due[kind, name] = self.clock.monotonic()

    def stop(self) -> None:
        """A clean end of this life."""
        if self._life is not None:
            life, self._life = self._life, None
            for export in life.exports.values():
                export.close()
            for desk in life.desks.values():
                desk.upstream.close()
            life.ledger.close()

    def crash(self) -> None:
        """The process is dead. What the disk holds at this moment is copied first, so that no close mends it."""
        self._lives += 1
        image = self.path.with_name(f"life-{self._lives}.db")
        for suffix in ("", "-wal"):
            part = self.path.with_name(self.path.name + suffix)
            if part.exists():
                shutil.copy(part, image.with_name(image.name + suffix))
        self.stop()
        self.path = image
        self.seams = Seams()

    # Running

    def once(self, seconds: float = DAY, **ask: Any) -> None:
        """Pull and drain, as `--once` does."""
        for pull in self.life.pulls.values():
            pull.ask_live(**ask)
            self.wake("pull", pull.name)
        self.run(seconds)

    def daemon(self, seconds: float, *, poll: float = 60.0, reconcile: float | None = 3600.0) -> None:
        """Poll and drain for so long, as the daemon does."""
        end, polled = self.clock.monotonic() + seconds, 0
        while self.clock.monotonic() < end:
            for pull in self.life.pulls.values():
                pull.ask_live()
                if reconcile and polled and polled % round(reconcile / poll) == 0:
                    pull.ask_reconcile()
                self.wake("pull", pull.name)
            for kind in ("deliver", "export"):
                for owner, name in list(self.due):
                    if owner == kind:
                        self.wake(kind, name)
            polled += 1
            begun = self.clock.monotonic()
            self.run(poll)
            self.clock.advance(max(0.0, begun + poll - self.clock.monotonic()))

    def run(self, seconds: float = DAY) -> None:
        """Step the lanes in turn until all are idle, or so much virtual time has passed."""
        end, at, steps = self.clock.monotonic() + seconds, -1.0, 0
        while True:
            now = self.clock.monotonic()
            steps, at = (steps + 1 if now == at else 0), now
            assert steps < 20_000, f"a hot loop: {self.due}, {self.troubles}"
            ready = [lane for lane in self.life.all() if self._is_due(lane, now)]
            if ready:
                for lane in ready:
                    self._step(lane)
                continue
            times = [due for due in self.due.values() if due is not None]
            if not times or min(times) > end:
                return
            self.clock.advance(min(times) - now)

    def _is_due(self, lane: Stepper, now: float) -> bool:
        due = self.due.get((lane.kind, lane.name))
        return due is not None and due <= now

    def _step(self, lane: Stepper) -> None:
        owner = (lane.kind, lane.name)
        self.due[owner] = None
        try:
            after = lane.step()
        except Exception as bug:
            if not self.tolerant:
                raise
            self.bugs.append(bug)
            after = Next(30.0, "bug")
        self.troubles[owner] = after.trouble
        woken = self.due[owner] is not None and not after.trouble
        if not woken:
            self.due[owner] = None if after.wait is None else self.clock.monotonic() + after.wait

    # Looking

    def counts(self, kind: str, name: str) -> dict[str, int]:
        with self.ledger.read() as connection:
            return reading.counts(connection)[kind].get(name, {})

    def leads(self, source: str = "main") -> dict[str, int]:
        return self.counts("lead", source)

    def deliveries(self, connector: str = "crm") -> dict[str, int]:
        return self.counts("delivery", connector)

    def exports(self, source: str = "main") -> dict[str, int]:
        return self.counts("export", source)

    def lane(self, kind: str, name: str) -> Any:
        with self.ledger.read() as connection:
            return load_lane(connection, kind, name)

    def rows(self, sql: str, *values: object) -> list[Any]:
        """Rows of a query on what is on the disk."""
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(sql, values).fetchall()

    def sql(self, sql: str, *values: object) -> None:
        """Change what is on the disk, behind the engine's back."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(sql, values)

    def check(self) -> None:
        """What must hold after every run, whatever it met."""
        assert self.objections == []
        assert_books(self.ledger)
        for account in self.accounts.values():
            assert account.world.busiest_minute() <= account.world.options.rate_limit
        for name, place in self.places.items():
            assert place.far.duplicates() == [], f"{name} holds somebody twice"
            delivered = self.rows(
                "SELECT l.lead_id, l.person FROM delivery d JOIN lead l ON l.seq = d.lead_seq"
                " WHERE d.connector = ? AND d.state = 'delivered'",
                name,
            )
            held = {t.key for t in place.far.things}
            for lead_id, person in delivered:
                known = person in held if place.far.objects == "people" else place.far.holds(lead_id)
                assert known, f"{lead_id} counts as delivered to {name}, which does not hold it"

    def close(self) -> None:
        self.stop()


def assert_books(ledger: Ledger) -> None:
    """I-9 and I-12: the tally is what the rows say, every row is where its deliveries put it, the file is sound."""
    with ledger.read() as connection:
        tally = {
            (kind, name, state): n
            for kind, names in reading.counts(connection).items()
            for name, states in names.items()
            for state, n in states.items()
        }
        assert tally == reading.recount(connection)
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").first() is None
        for sql in _CONTRADICTIONS:
            assert connection.exec_driver_sql(sql).all() == [], sql


_CONTRADICTIONS = (
    "SELECT seq FROM lead WHERE (settled_at IS NULL) <>"
    " (state IN ('enriching', 'delivering', 'rejected', 'exporting', 'quarantined'))",
    "SELECT id FROM delivery WHERE (settled_at IS NULL) <> (state = 'pending') AND code <> 'filter_failed'",
    "SELECT seq FROM lead l WHERE state IN ('exporting', 'exported', 'unexported') AND EXISTS (SELECT 1 FROM"
    " delivery d WHERE d.lead_seq = l.seq AND required AND d.state IN ('pending', 'rejected'))",
    "SELECT seq FROM lead l WHERE state = 'delivering' AND NOT EXISTS (SELECT 1 FROM delivery d WHERE"
    " d.lead_seq = l.seq AND d.state = 'pending')",
    "SELECT seq FROM lead l WHERE state = 'exporting' AND NOT EXISTS (SELECT 1 FROM export e WHERE"
    " e.source = l.source AND e.lead_id = l.lead_id AND e.state IN ('pending', 'rejected')) AND NOT EXISTS"
    " (SELECT 1 FROM lead s WHERE s.source = l.source AND s.lead_id = l.lead_id AND s.state IN"
    " ('enriching', 'delivering', 'rejected', 'quarantined'))",
)


def iso(instant: float) -> str:
    """An instant as CTGO writes it."""
    return utc_text(instant)
