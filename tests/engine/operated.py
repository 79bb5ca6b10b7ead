"""A bench with two sources and three connectors, and every act of a person, a world or a machine as a method of it."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from syncd.core.feedback import Judgement, Judging
from syncd.core.lead_state import UNSETTLED
from syncd.engine import replay as engine_replay
from syncd.engine.fanout import Recipient
from syncd.engine.housekeeping import Housekeeping
from syncd.engine.names import Names, names_in
from syncd.ledger import history, sources
from syncd.ledger.admin import actions, auditor, forgotten, rejections
from syncd.ledger.admin.forgotten import PersonQuery
from syncd.ledger.admin.rejections import Chosen
from syncd.ledger.admin.replays import Wanted
from syncd.mapping import Filter
from syncd.simulator import Fault, World
from tests.engine.deliver.test_engine_restored import back_up, restore
from tests.engine.enrich.test_engine_enriching import terms
from tests.support import (
    DAY,
    Account,
    Bench,
    Place,
    Remote,
    Rule,
    chokes_on,
    lost_answer,
    refuses,
    rejects,
    unreachable,
)

JUDGING = Judging("status", {"won": Judgement("good"), "lost": Judgement("bad", "wrong_job")}, poll=300.0)
ROWS = 4
"""Of a page: so that most passes are under way when something happens."""
FIELDS = {"handle": "{{ handle }}", "email": "{{ email }}", "campaign": "{{ stream_name }}"}


class Whole(Bench):
    """A bench with two sources and three connectors that a person operates.

    `hears`: and whose CRM is listened to. `doubts`: and who undoes things.
    """

    def __init__(self, folder: Path, seed: int, *, hears: bool = False, doubts: bool = False) -> None:
        super().__init__(folder, seed=seed)
        self.chance = random.Random(seed)  # noqa: S311 - to be repeated
        self.hears, self.doubts = hears, doubts
        self.away: dict[str, Account] = {}
        self.gone: dict[str, Place] = {}
        self.past: Path | None = None
        self.said: list[str] = []
        self.page = ROWS
        self.unread: dict[int, list[int]] = {}
        self.enriching = terms(
            "match_confidence == 'high'", per_day=4, keep_credits=2, when_exhausted=self.chance.choice(["deliver", "hold"])
        )  # fmt: skip
        options: dict[str, Any] = {"credits": 12, "repeats": 0.3, "late_rate": 0.1}
        self.ctgo("main", leads=3, context={"enriching": self.enriching}, **options)
        self.ctgo("second", key="ctgo_second", leads=2, seed=8, **options)
        self.place(
            "crm",
            people=True,
            upsert=False,
            gate=6,
            batch_size=3,
            fields=FIELDS,
            judging=JUDGING if hears else None,
        )
        self.place("mail", people=True, required=False, where="email", gate=4, batch_size=3)
        self.place("sheet", where="stream_name != 'x'", batch_size=5)

    def boot(self) -> None:
        super().boot()

        def short(request: httpx.Request, through: Callable[[], httpx.Response]) -> httpx.Response:
            if "limit" in request.url.params:
                request.url = request.url.copy_set_param("limit", self.page)
            return through()

        for wire in self.life.wires.values():
            wire.answering = short

    @property
    def worlds(self) -> list[tuple[str, World]]:
        return [(name, account.world) for name, account in {**self.accounts, **self.away}.items()]

    def far(self) -> Remote:
        return self.chance.choice([place.far for place in {**self.places, **self.gone}.values()])

    @property
    def now(self) -> float:
        return self.clock.now()

    def reasons(self) -> None:
        """What is said of a ledger that may be in the middle of anything."""
        with self.ledger.read() as connection:
            assert list(auditor.contradictions(connection)) == []
            unsettled = connection.exec_driver_sql(
                f"SELECT count(*) FROM lead WHERE state IN {UNSETTLED}"  # noqa: S608 - our own words
            ).scalar()
            assert bool(auditor.reasons(connection)) == bool(unsettled)

    # What people do

    def release(self) -> None:
        name, first = self.chance.choice(["crm", "mail"]), self.chance.choice([None, 1, 3])
        with self.ledger.write() as connection:
            actions.release(connection, name, self.now, who="ana", first=first)

    def drop_held(self) -> None:
        with self.ledger.write() as connection:
            actions.drop_held(
                connection, self.chance.choice(["crm", "mail"]), self.now, who="ana", exports={}
            )

    def pause(self) -> None:
        lane = self.chance.choice(self.lanes())
        until = self.chance.choice([None, self.now + 600])
        with self.ledger.write() as connection:
            actions.pause_lanes(connection, [lane], self.now, who="ana", until=until, reason="")

    def resume(self) -> None:
        with self.ledger.write() as connection:
            actions.resume_lanes(connection, self.chance.sample(self.lanes(), 3), self.now, who="ana")

    def lanes(self) -> list[tuple[str, str]]:
        more = [("feedback", "main"), ("feedback", "second"), ("hear", "crm")] if self.hears else []
        sources = [(kind, name) for kind in ("pull", "export", "enrich") for name in ("main", "second")]
        return [*sources, *(("deliver", name) for name in ("crm", "mail", "sheet")), *more]

    def retry(self) -> None:
        with self.ledger.write() as connection:
            rejections.retry(connection, Chosen(), self.now, who="ana", exports={})

    def take_back(self) -> None:
        with self.ledger.write() as connection:
            number = history.newest_touching(connection, "retry") or 0
            for part in history.parts_of(connection, number):
                rejections.take_back(connection, part, self.now, who="ana", exports={})

    def hold_again(self) -> None:
        with self.ledger.write() as connection:
            number = history.newest_touching(connection, "release") or 0
            for part in history.parts_of(connection, number):
                actions.hold_again(connection, part, self.now, who="ana")

    def drop(self) -> None:
        code = self.chance.choice(["invalid", "lead_malformed", "filter_failed"])
        with self.ledger.write() as connection:
            rejections.drop(connection, Chosen(code=code), self.now, who="ana", exports={})

    def forget(self) -> None:
        assert self.ledger
        rows = self.rows("SELECT source, lead_id FROM lead WHERE lead_id > 0 AND state <> 'forgotten'")
        if not rows:
            return
        _, lead_id = self.chance.choice(rows)
        with self.ledger.read() as connection:
            found = forgotten.find(connection, PersonQuery(lead_id=lead_id))
        with self.ledger.write() as connection:
            forgotten.forget(connection, found, self.now, who="ana")

    def replay(self) -> None:
        name = self.chance.choice(sorted(self.places))
        place = self.places[name]
        taker = Recipient(name, place.required, Filter.compile(name, place.where))
        lists = names_in(taker.where.uses)
        names = {source: Names(source, lists, self.ledger, self.clock) for source in self.accounts}
        wanted = Wanted(
            name,
            tuple(self.accounts),
            rejected=self.chance.random() < 0.5,
            unwanted=self.chance.random() < 0.5,
            delivered=name != "sheet" and self.chance.random() < 0.5,
        )
        found = engine_replay.look(self.ledger, wanted, taker, names)
        order = engine_replay.Order("ana", self.now, place.gate or None, {})
        engine_replay.carry_out(self.ledger, found, taker, order)

    def window(self) -> None:
        since = self.clock.true() - self.chance.choice([600, 3600, 40 * DAY])
        source = self.chance.choice(["main", "second"])
        with self.ledger.write() as connection:
            sources.ask_window(
                connection,
                source,
                self.now,
                since=since,
                until=None,
                limit=self.chance.choice([None, 2]),
                who="ana",
            )

    def back_up(self) -> None:
        assert self.ledger
        self.past = back_up(self)

    def restore(self) -> None:
        if self.past is not None:
            restore(self, self.past)

    def reload(self) -> None:
        """Another configuration: a source or a connector leaves or is back, or enriching does."""
        self.stop()
        kind = self.chance.choice(["source", "connector", "enrich", "gate"])
        if kind == "source":
            if self.away:
                self.accounts.update(self.away)
                self.away.clear()
            else:
                self.away["second"] = self.accounts.pop("second")
        elif kind == "connector":
            if self.gone:
                self.places.update(self.gone)
                self.gone.clear()
            else:
                name = self.chance.choice(["crm", "mail", "sheet"])
                self.gone[name] = self.places.pop(name)
        elif kind == "enrich":
            context = self.accounts["main"].context
            context["enriching"] = None if context.get("enriching") else self.enriching
        else:
            self.places.get("crm", Place(Remote())).gate = self.chance.choice([0, 3, 6, 50])

    def keep_house(self) -> None:
        house = Housekeeping(self.ledger, self.clock, self.log, self.chance.choice([60.0, 90 * DAY]))
        with self.ledger.write() as connection:
            history.note_done(connection, "retention", self.now - 2 * DAY)
        house.keep()

    # What the world and the machine do

    def judge(self) -> None:
        """Sales makes something of somebody."""
        far = {**self.places, **self.gone}["crm"].far
        if far.things:
            value = self.chance.choice(["won", "lost", "thinking"])
            far.mark(value, self.chance.choice(far.things).writes[-1])

    def unheard(self) -> list[tuple[str, int, str, str]]:
        """Leads of which CTGO has another word than the last that sales said."""
        marks = self.places["crm"].far.marks
        words = {it.person: word.line for it in marks if (word := JUDGING.judge(it.value))}
        worlds, wrong = dict(self.worlds), []
        for source, lead_id, segment_id, person, word in self.rows(
            "SELECT f.source, f.lead_id, f.segment_id, l.person, f.word FROM feedback f JOIN lead l ON l.source = f.source"
            " AND l.lead_id = f.lead_id AND l.segment_id = f.segment_id WHERE f.state = 'delivered'"
        ):
            told = worlds[source].feedback.stored[lead_id, segment_id].judgement
            said = " ".join(filter(None, (told.feedback, told.reason)))
            if not said == word == words[person]:
                wrong.append((source, lead_id, said, words[person]))
        return wrong

    def find(self) -> None:
        self.chance.choice(self.worlds)[1].add_leads(self.chance.choice([1, 2, 4, 9]))

    def find_again(self) -> None:
        """Somebody who is known already is found once more."""
        world = self.chance.choice(self.worlds)[1]
        new = world.add_leads(1)[0]
        world.amend_lead(
            new, {"profile": {"xUserId": self.chance.choice(["777", "778"]), "handle": "gemini"}}
        )

    def find_malformed(self) -> None:
        """One that cannot be read; sometimes it can be later."""
        world = self.chance.choice(self.worlds)[1]
        unread = self.unread.setdefault(id(world), [])
        if unread and self.chance.random() < 0.5:
            world.amend_lead(unread.pop(), {"segmentId": None})
        else:
            unread += world.add_leads(1)
            world.amend_lead(unread[-1], {"segmentId": "soon"})

    def weather(self) -> None:
        rules: list[Rule | None] = [
            None,
            unreachable,
            lost_answer,
            rejects(),
            chokes_on(90211),
            refuses(90211),
        ]
        self.far().rule = self.chance.choice(rules)

    def fault(self) -> None:
        more = ["feedback"] if self.hears else []
        route = self.chance.choice(["leads", "export", "enrich", "streams", "*", *more])
        status = self.chance.choice([500, 503, 429, 200, 401])
        fault = Fault(route, self.chance.choice([1, 3]), status, after_applying=self.chance.random() < 0.5)
        self.chance.choice(self.worlds)[1].fail(fault)

    def jump(self) -> None:
        self.clock.jump(self.chance.choice([-3600, 3600, -30 * DAY, 30 * DAY]))

    def start(self) -> None:
        self.stop()

    def work(self) -> None:
        with self.ledger.read() as connection:
            asked = [row for row in sources.pending_windows(connection) if row.source in self.accounts]
        for row in asked:
            self.life.pulls[row.source].ask_window(row.since, row.until, row.most, window=row.id)
        for pull in self.life.pulls.values():
            pull.ask_live()
            if self.chance.random() < 0.3:
                pull.ask_reconcile()
        for owner in self.due:
            self.wake(*owner)
        self.run(self.chance.choice([0, 1, 20, 300]))

    def wait(self) -> None:
        self.clock.advance(self.chance.choice([5, 60, 3600]))

    # The end

    def clear_up(self) -> None:
        """The weather clears, all that was configured is back, and a person lets everything through."""
        self.clock.skew = 0.0
        self.seams.at = None
        self.stop()
        self.accounts.update(self.away)
        self.places.update(self.gone)
        self.away.clear()
        self.gone.clear()
        for account in self.accounts.values():
            account.world.gateway.clear_faults()
            account.world.credits += 1000
            if account.context.get("enriching"):
                account.context["enriching"] = replace(self.enriching, per_day=1000)
        for place in self.places.values():
            place.far.rule = None
            place.far.page = 1000
        self.page = 500
        for _ in range(4):
            with self.ledger.write() as connection:
                actions.resume_lanes(connection, self.lanes(), self.now, who="ana")
                for name in ("crm", "mail"):
                    actions.release(connection, name, self.now, who="ana")
                rejections.retry(connection, Chosen(), self.now, who="ana", exports={})
                rejections.drop(connection, Chosen(code="lead_malformed"), self.now, who="ana", exports={})
            for pull in self.life.pulls.values():
                pull.ask_live()
                pull.ask_reconcile()
            for owner in self.due:
                self.wake(*owner)
            self.run(2 * 3600)
            self.clock.advance(3600)
