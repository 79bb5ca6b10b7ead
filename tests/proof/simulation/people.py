"""What people do to a running syncd, each act as the command of its name does it: beside the engine, through the ledger."""

import random
from collections.abc import Sequence
from typing import Any

from syncd.engine import replay as engine_replay
from syncd.engine.fanout import Recipient
from syncd.engine.names import Names, names_in
from syncd.ledger import sources
from syncd.ledger.admin import actions, forgotten, rejections
from syncd.ledger.admin.forgotten import PersonQuery
from syncd.ledger.admin.rejections import Chosen
from syncd.ledger.admin.replays import Wanted
from syncd.ledger.leads.marks import export_again, exported
from tests.proof.simulation.remotes import ACCOUNTS
from tests.proof.simulation.script import DAY
from tests.proof.simulation.setup import WORDS
from tests.proof.simulation.world import Simulation

HOUR = 3600.0
WHO = "ana"


class People:
    """An act draws its own choices from `chance`."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.chance = random.Random(0)  # noqa: S311 - a world to be repeated

    @property
    def now(self) -> float:
        return self.sim.machine.wall()

    def _lanes(self) -> list[tuple[str, str]]:
        sources = [(kind, name) for kind in ("pull", "export", "enrich", "feedback") for name in ACCOUNTS]
        return [*sources, *((kind, name) for kind in ("deliver", "hear") for name in self.sim.setup.names)]

    def _operate(self, act: Any) -> None:
        if not self.sim.has_ledger():
            return
        with self.sim.beside() as ledger, ledger.write() as connection:
            act(connection)

    def pause(self) -> None:
        lane = self.chance.choice(self._lanes())
        until = self.chance.choice([None, self.now + HOUR, self.now + DAY])
        self._operate(lambda c: actions.pause_lanes(c, [lane], self.now, who=WHO, until=until, reason=""))

    def resume(self) -> None:
        self.resume_lanes(self.chance.sample(self._lanes(), 4))

    def resume_lanes(self, lanes: Sequence[tuple[str, str]]) -> None:
        self._operate(lambda c: actions.resume_lanes(c, lanes, self.now, who=WHO))

    def release(self) -> None:
        first = self.chance.choice([None, 3])
        for name in self.sim.setup.names[1:]:
            self.release_of(name, first)

    def release_of(self, name: str, first: int | None = None) -> None:
        self._operate(lambda c: actions.release(c, name, self.now, who=WHO, first=first))

    def drop_held_of(self, name: str) -> None:
        self._operate(lambda c: actions.drop_held(c, name, self.now, who=WHO, exports={}))

    def retry(self) -> None:
        self._operate(lambda c: rejections.retry(c, Chosen(), self.now, who=WHO, exports={}))

    def drop(self, code: str = "") -> None:
        self._operate(lambda c: rejections.drop(c, Chosen(code=code), self.now, who=WHO, exports={}))

    def export_again(self) -> None:
        """`replay --exports`: of leads that CTGO lists as new although it took their export."""
        for source, account in self.sim.far.accounts.items():
            ids = sorted(account.new())
            self._operate(
                lambda c, source=source, ids=ids: export_again(c, source, exported(c, source, ids), self.now)
            )

    def mark(self) -> None:
        """Salespeople say what they think of a few people."""
        speaks = self.sim.setup.speaks
        known = sorted(self.sim.far.people(speaks)) if speaks and self.sim.has_ledger() else []
        for person in self.chance.sample(known, min(len(known), 3)):
            value = self.chance.choice(sorted(WORDS))
            if self.sim.far.mark(speaks, person, value):
                self.sim.oracle.mark(speaks, person, WORDS[value])
                self.sim.counts["marked"] += 1

    def window(self) -> None:
        since = self.sim.machine.true() - self.chance.choice([600.0, HOUR, 40 * DAY])
        most = self.chance.choice([None, 2])
        for source in sorted(self.sim.setup.sources):
            self._operate(
                lambda c, source=source: sources.ask_window(
                    c, source, self.now, since=since, until=None, limit=most, who=WHO
                )
            )

    def forget(self) -> None:
        if not self.sim.has_ledger():
            return
        with self.sim.beside() as ledger:
            with ledger.read() as connection:
                rows = connection.exec_driver_sql(
                    "SELECT lead_id, person FROM lead WHERE lead_id > 0 AND state <> 'forgotten' ORDER BY seq"
                ).all()
            if not rows:
                return
            lead_id, person = self.chance.choice(rows)
            self.sim.oracle.excused.add(person)
            with ledger.read() as connection:
                found = forgotten.find(connection, PersonQuery(lead_id=lead_id))
            self.sim.outside.excused.add(person)
            with ledger.write() as connection:
                forgotten.forget(connection, found, self.now, who=WHO)

    def replay(self) -> None:
        if not self.sim.has_ledger():
            return
        _, mapped = self.sim.configuration.read()
        name = self.chance.choice(sorted(mapped))
        m = mapped[name]
        taker = Recipient(name, m.configured.required, m.where)
        with self.sim.beside() as ledger:
            clock = self.sim.clock()
            names = {source: Names(source, names_in(taker.where.uses), ledger, clock) for source in ACCOUNTS}
            rejected, unwanted = self.chance.random() < 0.5, self.chance.random() < 0.5
            delivered = m.configured.cls.objects == "people" and self.chance.random() < 0.5
            wanted = Wanted(name, tuple(ACCOUNTS), None, rejected, unwanted, delivered)
            found = engine_replay.look(ledger, wanted, taker, names)
            order = engine_replay.Order(WHO, self.now, m.configured.gate or None, {})
            engine_replay.carry_out(ledger, found, taker, order)
        self.sim.oracle.forget_what_was()
