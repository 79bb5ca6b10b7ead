"""The bench: CTGO, the remotes and the engine over a real ledger, stepped by one thread in virtual time."""

import random
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from syncd.connector import Context, Field
from syncd.core.flood_gate import Gates
from syncd.ctgo import Upstream
from syncd.engine.budget import RequestBudget
from syncd.engine.deliver import Deliver, LaneConfig
from syncd.engine.enrich import Enrich
from syncd.engine.export import Export
from syncd.engine.fanout import Recipient, Recipients
from syncd.engine.feedback import CollectFeedback, FeedbackPoll, SendFeedback
from syncd.engine.lane import Lane, LaneTools, Next
from syncd.engine.names import Names, Naming, names_in
from syncd.engine.pull.lane import Pull
from syncd.engine.source import SourceContext
from syncd.ledger import Ledger, overview, twins
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.lanes import lift_halts, load_lane
from syncd.ledger.leads import settlement
from syncd.ledger.leads.enrichment import waiting
from syncd.mapping import FieldMap, Filter
from syncd.simulator import Options, World, create_app
from tests.support.books import assert_books
from tests.support.early_export import early_export
from tests.support.engine_parts import Account, Lanes
from tests.support.remote import MemoryConnector, PeopleConnector, Place, Remote
from tests.support.virtual import DAY, KEY, Clock, Log, SeamLedger, Seams, Wire


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
        self._chance = random.Random(seed)  # noqa: S311 - jitter, to be repeated
        self._life: Lanes | None = None
        self._opened: Ledger | None = None
        self._names: dict[str, Names] = {}
        self._lives = 0

    # The world

    def ctgo(self, name: str = "main", *, limit: int = 60, key: str = KEY, takers: Sequence[str] | None = None,
             context: Mapping[str, Any] | None = None, **options: Any) -> World:  # fmt: skip
        """Add an account and the source that polls it. `context`: of the source; `options`: of the simulator."""
        settings = Options(**{"spacing": 1.0, "rate_limit": 60, **options})
        world = World(settings, self.clock.true)
        self.account(name, world, limit=limit, context=dict(context or {}), takers=takers, key=key)
        world.on_export = lambda lead_id: self._witness(name, lead_id)
        return world

    def account(self, name: str, world: World, **settings: Any) -> None:
        """Add the source that polls a world. `settings`: of `Account`."""
        app = create_app(world.options, world=world, sleep=self.clock.advance)
        self.accounts[name] = Account(world, app, **settings)

    def another_key(self, name: str, key: str, *, takers: Sequence[str], context: Mapping[str, Any]) -> None:
        """Add a source that polls the account of `main` with another key."""
        self.accounts[name] = replace(self.accounts["main"], key=key, takers=takers, context=dict(context))

    def place(
        self, name: str = "crm", *, people: bool = False, upsert: bool = True, **settings: Any
    ) -> Remote:
        """Add a connector and its remote."""
        far = Remote("people" if people else "leads", self.clock, upsert)
        self.places[name] = Place(far, **settings)
        return far

    def _witness(self, source: str, lead_id: int) -> None:
        """I-1, asked the instant an export arrives. Kept, for an engine may swallow it."""
        world = self.accounts[source].world
        sources = [name for name, account in self.accounts.items() if account.world is world]
        self.objections += early_export(self.path, sources, self.places, lead_id)

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
        """A start, as the composition root does it; a life that is not over ends first."""
        self.stop()
        ledger = self._opened = SeamLedger.open(self.path)
        ledger.seams = self.seams
        exporting = {name: bool(a.context.get("exports", True)) for name, a in self.accounts.items()}
        wires, contexts = {}, {}
        self._names = self._named(ledger)
        for name, account in self.accounts.items():
            wires[name] = Wire(account.wire_app, self.seams)
            contexts[name] = self._context(name, account, wires[name])
        with ledger.write() as connection:
            lifted = {name for kind, name in lift_halts(connection) if kind == "deliver"}
            sizes = {name: place.gate for name, place in self.places.items()}
            settlement.apply_exporting(connection, exporting, self.clock.now())
            twins.set_addresses(
                connection, {name: f"world-{id(a.world)}" for name, a in self.accounts.items()}
            )
            routes = {name: self._places_of(account) for name, account in self.accounts.items()}
            flood_gate.start(connection, sizes, routes, lifted, self.clock.now())
            for context in contexts.values():
                context.budget.start(connection)
        delivers = {
            name: self._deliver(name, place, ledger, exporting) for name, place in self.places.items()
        }
        tools = self.tools(ledger)
        pulls = {name: Pull(context, tools) for name, context in contexts.items()}
        exports = {name: Export(context, tools) for name, context in contexts.items() if context.exports}
        self._life = Lanes(ledger, contexts, pulls, exports, delivers, wires)
        self._life.others += [
            Enrich(context, tools) for context in contexts.values() if self._enriches(context, ledger)
        ]
        self._life.others += [
            self._naming(contexts[name], names, ledger) for name, names in self._names.items()
        ]
        self._life.others += self._feedback(self._life)
        self.due = {(lane.kind, lane.name): self.clock.monotonic() for lane in self._life.all()}

    def _feedback(self, life: Lanes) -> list[Lane]:
        """The lanes of feedback, if any place is listened to."""
        polls = [
            FeedbackPoll(name, deliver._config.connector, judging, self.places[name].policy)  # type: ignore[arg-type]
            for name, deliver in life.delivers.items()
            if (judging := self.places[name].judging)
        ]
        tools = self.tools(life.ledger)
        collects = [CollectFeedback(poll, tools) for poll in polls]
        sends = [
            SendFeedback(context, tools, partial(getattr, life.pulls[name], "busy"))
            for name, context in life.contexts.items()
        ]
        return [*collects, *sends] if collects else []

    def tools(self, ledger: Ledger) -> LaneTools:
        return LaneTools(ledger, self.clock, self.log, self.wake, self._chance.random)

    @staticmethod
    def _enriches(context: SourceContext, ledger: Ledger) -> bool:
        with ledger.read() as connection:
            return bool(
                context.recipients.enriching
                or waiting(connection, context.name, 1, context.recipients.connectors)
            )

    def _places_of(self, account: Account) -> Sequence[str]:
        return list(self.places) if account.takers is None else account.takers

    def _named(self, ledger: Ledger) -> dict[str, Names]:
        """The names that each source's places use, if they use any."""
        found = {}
        for name, account in self.accounts.items():
            enriching = account.context.get("enriching")
            uses: frozenset[str] = enriching.uses if enriching else frozenset()
            for place in self._places_of(account):
                chosen = self.places[place]
                fields = FieldMap.compile(
                    place, {key: Field(value=text) for key, text in chosen.fields.items()}
                )
                uses |= fields.uses | Filter.compile(place, chosen.where).uses
            if kinds := names_in(uses):
                found[name] = Names(name, kinds, ledger, self.clock)
        return found

    def _naming(self, context: SourceContext, names: Names, ledger: Ledger) -> Naming:
        tools = self.tools(ledger)
        return Naming(names, context.upstream, context.budget, tools, context.recipients.connectors)

    def _context(self, name: str, account: Account, wire: Wire) -> SourceContext:
        pacer = RequestBudget(account.key, account.limit, self.clock, deadline=30.0)
        upstream = Upstream(
            "http://127.0.0.1/api/v2",
            SecretStr(account.key),
            self.clock,
            observe=pacer.observe,
            transport=wire,
        )
        takers = [
            Recipient(place, self.places[place].required, Filter.compile(place, self.places[place].where))
            for place in self._places_of(account)
        ]
        settings = {
            key: value for key, value in account.context.items() if key not in {"exports", "enriching"}
        }
        chosen = Recipients(
            takers,
            bool(account.context.get("exports", True)),
            self._names.get(name),
            account.context.get("enriching"),
        )
        gates = Gates({taker.name: gate for taker in takers if (gate := self.places[taker.name].gate)})
        return SourceContext(name, upstream, pacer, chosen, gates=gates, **settings)

    def _deliver(self, name: str, place: Place, ledger: Ledger, exporting: Mapping[str, bool]) -> Deliver:
        kind = PeopleConnector if place.far.objects == "people" else MemoryConnector
        connector = kind(place.far, Context(name, self.clock, self.log))
        connector.batch_size, connector.seams, connector.groups = place.batch_size, self.seams, place.groups
        if place.route:
            connector.route = place.route  # type: ignore[assignment,method-assign]  # a plugin of its own
        fields = FieldMap.compile(name, {key: Field(value=text) for key, text in place.fields.items()})
        where = Filter.compile(name, place.where)
        outfit = LaneConfig(name, connector, fields, where, place.policy, exporting, self._names)
        return Deliver(outfit, self.tools(ledger))

    def wake(self, kind: str, name: str) -> None:
        if (kind, name) in self.due:
            self.due[kind, name] = self.clock.monotonic()

    def stop(self) -> None:
        """A clean end of this life."""
        if self._life is not None:
            life, self._life = self._life, None
            for export in life.exports.values():
                export.close()
            for context in life.contexts.values():
                context.upstream.close()
        if self._opened is not None:  # also by a start that died before it was one
            self._opened.close()
            self._opened = None

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

    def daemon(
        self, seconds: float, *, poll: float = 60.0, reconcile: float | None = 3600.0, checks: bool = False
    ) -> None:
        """Poll and drain for so long, as the daemon does. `checks`: whether books are compared by the hour."""
        end, polled = self.clock.monotonic() + seconds, 0
        while self.clock.monotonic() < end:
            for pull in self.life.pulls.values():
                pull.ask_live()
                if reconcile and polled and polled % round(reconcile / poll) == 0:
                    pull.ask_reconcile()
                if checks and polled and not pull.until_check():
                    pull.ask_check()
                self.wake("pull", pull.name)
            for kind in ("deliver", "export", "enrich", "hear", "feedback"):
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
            assert steps < 5_000, f"a hot loop: {self.due}, {self.troubles}"
            ready = [lane for lane in self.life.all() if self._is_due(lane, now)]
            if ready:
                for lane in ready:
                    self._step(lane)
                continue
            times = [due for due in self.due.values() if due is not None]
            if not times or min(times) > end:
                return
            self.clock.advance(min(times) - now)

    def _is_due(self, lane: Lane, now: float) -> bool:
        due = self.due.get((lane.kind, lane.name))
        return due is not None and due <= now

    def _step(self, lane: Lane) -> None:
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
            return overview.counts(connection)[kind].get(name, {})

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
                " WHERE d.connector = ? AND d.state = 'delivered' AND l.state <> 'forgotten'",
                name,
            )
            held = {t.key for t in place.far.things}
            for lead_id, person in delivered:
                known = person in held if place.far.objects == "people" else place.far.holds(lead_id)
                assert known, f"{lead_id} counts as delivered to {name}, which does not hold it"

    def close(self) -> None:
        self.stop()
