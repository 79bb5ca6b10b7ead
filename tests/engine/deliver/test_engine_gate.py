"""The flood gate: in one burst five and no more, whatever is killed or started meanwhile, and nothing is lost."""

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from syncd.core.failure import Halt
from syncd.ledger.admin.actions import drop_held, pause_lanes, release, resume_lanes
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.lanes import halt_lanes, load_lanes
from tests.engine.enrich.test_engine_enriching import terms
from tests.support import Bench, Crash, Remote, Seams, unreachable

GATE = 10
LANE = ("deliver", "crm")


def boot(bench: Bench, rows: int = 4) -> None:
    """A life of the engine whose pages hold so many rows at most."""
    bench.boot()

    def fewer(request: httpx.Request, let: Any) -> httpx.Response:
        if "limit" in request.url.params:
            request.url = request.url.copy_set_param("limit", rows)
        return let()  # type: ignore[no-any-return]

    for wire in bench.life.wires.values():
        wire.answering = fewer


def once(bench: Bench) -> None:
    if bench._life is None:
        boot(bench)
    bench.once()
    bench.clock.advance(60)


def let(bench: Bench, first: int | None = None) -> int:
    with bench.ledger.write() as connection:
        n = release(connection, "crm", bench.clock.now(), who="ana", first=first)
    bench.wake(*LANE)
    return n


def held(bench: Bench) -> int:
    with bench.ledger.read() as connection:
        gate = flood_gate.gates(connection).get("crm")
    return gate.held if gate else 0


@pytest.fixture
def far(bench: Bench) -> Remote:
    bench.ctgo(leads=23, rate_limit=10_000, limit=10_000)
    return bench.place(people=True, gate=GATE, batch_size=3)


def test_of_a_flood_the_five_oldest_are_sent_though_no_page_is_one(bench: Bench, far: Remote) -> None:
    once(bench)
    bench.check()
    listed = sorted(bench.accounts["main"].world.listed(), key=lambda row: row.discovered)
    assert far.lead_ids() == sorted(row.id for row in listed[:5])
    assert bench.troubles[LANE] == "gate_held"
    assert bench.log.named("lane_halted") == [
        {
            "kind": "deliver", "name": "crm", "code": "gate_held",
            "detail": "18 deliveries wait at its gate: more than 10 would have gone there in one burst.",
        }
    ]  # fmt: skip
    assert bench.leads() == {"delivering": 18, "exported": 5}


def test_a_release_lets_the_rest_go_to_a_running_engine(bench: Bench, far: Remote) -> None:
    once(bench)
    assert let(bench, 4) == 4
    bench.run()
    assert len(far.things) == 9
    assert let(bench) == 14
    bench.run()
    bench.check()
    assert bench.leads() == {"exported": 23}
    bench.accounts["main"].world.add_leads(GATE)
    bench.clock.advance(60)
    once(bench)
    assert bench.leads() == {"exported": 33}, "an open gate is open"


def test_a_pass_that_brings_nothing_wakes_a_lane_that_was_given_work_by_hand(
    bench: Bench, far: Remote
) -> None:
    once(bench)
    with bench.ledger.write() as connection:
        release(connection, "crm", bench.clock.now(), who="ana")
    once(bench)
    assert len(far.things) == 23


def test_the_export_waits_for_a_connector_whose_gate_holds_the_lead(bench: Bench, far: Remote) -> None:
    sheet = bench.place("sheet")
    once(bench)
    bench.check()
    assert (len(sheet.things), len(far.things)) == (23, 5)
    assert bench.leads() == {"delivering": 18, "exported": 5}


def test_neither_starts_nor_probes_nor_resumes_open_it(bench: Bench, far: Remote) -> None:
    once(bench)
    for _ in range(3):
        bench.stop()
        once(bench)
        with bench.ledger.write() as connection:
            halt_lanes(connection, ["deliver"], "crm", Halt("bad", "Bad."), bench.clock.now())
        bench.stop()
        once(bench)
        with bench.ledger.write() as connection:
            pause_lanes(connection, [LANE], bench.clock.now(), who="ana", until=None, reason="")
            resume_lanes(connection, [LANE], bench.clock.now(), who="ana")
        bench.wake(*LANE)
        bench.run()
    bench.check()
    assert (len(far.things), held(bench)) == (5, 18)


def test_the_five_are_retried_and_the_rest_stay_where_they_are(bench: Bench, far: Remote) -> None:
    far.script.extend([unreachable] * 4)
    once(bench)
    bench.check()
    assert (len(far.things), held(bench)) == (5, 18)


def test_an_outage_that_ends_by_itself_needs_nobody(bench: Bench, far: Remote) -> None:
    once(bench)
    let(bench)
    bench.run()
    far.rule = unreachable
    for _ in range(5):
        bench.accounts["main"].world.add_leads(6)
        bench.clock.advance(60)
        boot(bench)
        bench.once(300)
    far.rule = None
    bench.run()
    bench.check()
    assert bench.leads() == {"exported": 53}


def test_a_backlog_that_a_person_sets_going_is_looked_at_first(bench: Bench, far: Remote) -> None:
    once(bench)
    let(bench)
    bench.run()
    with bench.ledger.write() as connection:
        pause_lanes(connection, [LANE], bench.clock.now(), who="ana", until=None, reason="")
    for _ in range(5):
        bench.accounts["main"].world.add_leads(6)
        bench.clock.advance(60)
        once(bench)
    with bench.ledger.write() as connection:
        resume_lanes(connection, [LANE], bench.clock.now(), who="ana")
    bench.wake(*LANE)
    bench.run()
    bench.check()
    assert (len(far.things), held(bench)) == (23 + 5, 25)


def test_leads_that_enriching_lets_go_all_at_once_are_a_stroke(bench: Bench) -> None:
    """Credits are spent: what waits for them goes on without, in sets of a hundred."""
    bench.ctgo(
        leads=230,
        rate_limit=10_000,
        limit=10_000,
        credits=3,
        context={"enriching": terms()},
        contact_rate=1.0,
    )
    far = bench.place(gate=150)
    bench.once(120)
    bench.check()
    asked = sum(r.path.endswith("/enrich") for r in bench.accounts["main"].world.requests)
    assert 0 < len(far.things) <= 5 + asked
    assert len(far.things) + held(bench) == 230
    let(bench)
    bench.run(120)
    assert bench.leads() == {"exported": 230}


def test_few_leads_that_enriching_lets_go_are_sent(bench: Bench) -> None:
    bench.ctgo(leads=130, rate_limit=10_000, limit=10_000, credits=0, context={"enriching": terms()})
    bench.place(gate=150)
    bench.once(120)
    bench.check()
    assert bench.leads() == {"exported": 130}


def test_a_reader_sees_the_halt_and_what_stands_behind_it(bench: Bench, far: Remote) -> None:
    once(bench)
    assert len(far.things) == 5
    with bench.ledger.read() as connection:
        lanes = {(lane.kind, lane.name): lane for lane in load_lanes(connection)}
    assert (lanes[LANE].status, lanes[LANE].code) == ("halted", "gate_held")
    assert bench.lane(*LANE).status == "open", "what is stored of the lane is its own"


@pytest.mark.parametrize("brought", [4, 13])
def test_what_a_source_that_left_in_the_middle_of_a_pass_brought_goes_on(bench: Bench, brought: int) -> None:
    bench.ctgo(leads=brought + 4, rate_limit=10_000, limit=10_000)
    far = bench.place(gate=GATE)
    boot(bench)
    pull = bench.life.pulls["main"]
    pull.ask_live()
    for _ in range(brought // 3):  # pages of four overlap by a row
        pull.step()
    assert held(bench) == brought
    bench.stop()
    bench.ctgo("second", key="ctgo_second", leads=0)
    del bench.accounts["main"]
    once(bench)
    bench.check()
    closed = brought > GATE
    assert len(far.things) == (5 if closed else brought)
    assert bench.troubles[LANE] == ("gate_held" if closed else "")


# Whatever happens


@dataclass
class Watched:
    """A run and what may have been sent by now: five a flood, small passes whole, and what was released."""

    bench: Bench
    far: Remote
    allowed: int = 0
    fresh: int = 0
    """Listed since the last pass that was over."""
    closed: bool = False
    dropped: int = 0
    pulled_at: float | None = None
    said: list[str] = field(default_factory=list)

    def add(self, n: int) -> None:
        self.bench.accounts["main"].world.add_leads(n)
        self.bench.clock.advance(60)
        self.fresh += n

    def run(self, crash_at: int | None) -> None:
        self.bench.seams = Seams(crash_at)
        if self.bench._life is not None:
            self.bench.stop()
        try:
            boot(self.bench)
            self.bench.once(3600)
        except Crash:
            self.bench.crash()
        self.bench.seams.at = None
        self._count()
        self.bench.clock.advance(60)

    def _count(self) -> None:
        """A pass is over when the disk says so; it was one burst however often it began."""
        pulled_at = self.bench.rows("SELECT pulled_at FROM source")
        if pulled_at and pulled_at[0][0] != self.pulled_at:
            self.pulled_at = pulled_at[0][0]
            if not self.closed:
                self.closed = self.fresh > GATE
                self.allowed += 5 if self.closed else self.fresh
            self.fresh = 0

    def release(self, first: int | None) -> None:
        self.allowed += let(self.bench, first)
        self.closed = held(self.bench) > 0

    def drop(self) -> None:
        with self.bench.ledger.write() as connection:
            self.dropped += drop_held(connection, "crm", self.bench.clock.now(), who="ana", exports={})
        self.closed = False

    def step(self, chance: random.Random) -> None:
        act = chance.choice(["add", "add", "run", "run", "kill", "kill", "kill", "release", "first", "drop"])
        self.said.append(act)
        if act == "add":
            self.add(chance.choice([1, 3, 6, GATE + 1, 2 * GATE]))
        elif act in {"run", "kill"}:
            self.run(chance.randrange(1, 60) if act == "kill" else None)
        elif act == "drop":
            self.drop()
        else:
            self.release(chance.randrange(1, 8) if act == "first" else None)
        assert len(self.far.things) <= self.allowed, self.said


@pytest.mark.parametrize("seed", range(12))
def test_never_more_than_five_and_what_was_released_and_nothing_lost(tmp_path: Path, seed: int) -> None:
    bench = Bench(tmp_path, seed=seed)
    world = bench.ctgo(leads=0, rate_limit=10_000, limit=10_000)
    watched = Watched(bench, bench.place(gate=GATE, batch_size=3))
    chance = random.Random(seed)  # noqa: S311 - to be repeated
    for _ in range(20):
        watched.step(chance)
    watched.run(None)
    watched.release(None)
    watched.run(None)
    watched.release(None)
    bench.run()
    bench.check()
    things = bench.rows(
        "SELECT lead_id FROM lead l JOIN delivery d ON d.lead_seq = l.seq WHERE d.state = 'delivered'"
    )
    assert len(things) == len(watched.far.things) == len(world.listed()) - watched.dropped
    assert set(bench.deliveries()) <= {"delivered", "dropped"}
    bench.close()


def test_killed_at_any_seam_of_a_flood_five_are_sent_and_the_gate_is_closed(tmp_path: Path) -> None:
    at, killed = -2, True
    while killed:
        at += 3  # seams come in pairs, so that this meets both of them in turn
        (tmp_path / str(at)).mkdir()
        bench = Bench(tmp_path / str(at))
        bench.ctgo(leads=GATE + 1, rate_limit=10_000, limit=10_000)
        far = bench.place(gate=GATE, batch_size=3)
        bench.seams = Seams(at)
        killed = False
        try:
            boot(bench)
            bench.once()
        except Crash:
            killed = True
            bench.crash()
        bench.seams.at = None
        once(bench)
        once(bench)
        bench.check()
        assert (len(far.things), held(bench)) == (5, 6), f"killed at seam {at}"
        bench.close()
    assert at > 20, "a sweep over next to nothing proves nothing"


def test_a_pass_that_never_ends_does_not_hold_for_ever_what_it_brought(bench: Bench) -> None:
    bench.ctgo(leads=1300, rate_limit=2000, limit=2000, context={"exports": False})
    far = bench.place(gate=2000)

    def third_page_fails(request: httpx.Request, send: Any) -> httpx.Response:
        return httpx.Response(500) if "offset=998" in str(request.url) else send()

    bench.life.wires["main"].answering = third_page_fails
    bench.daemon(3600, poll=300, reconcile=None)
    assert len(far.things) == 999


def test_a_sweep_that_never_ends_does_not_hold_what_it_brought_though_live_passes_end_well(
    bench: Bench,
) -> None:
    world = bench.ctgo(leads=600, rate_limit=2000, limit=2000, context={"exports": False})
    far = bench.place(gate=2000)
    bench.daemon(3600, poll=300, reconcile=None)
    bench.clock.advance(2 * 86400)
    world.add_leads(1)
    bench.daemon(600, poll=300, reconcile=None)
    late = set(world.add_leads(600, discovered=bench.clock.true() - 30 * 3600))

    def sweeps_second_page_fails(request: httpx.Request, send: Any) -> httpx.Response:
        asked = request.url.params
        fails = asked.get("lifecycle") == "new" and asked.get("offset") != "0"
        return httpx.Response(500) if fails else send()

    bench.life.wires["main"].answering = sweeps_second_page_fails
    bench.daemon(3600, poll=10, reconcile=600)
    assert len(late & set(far.lead_ids())) == 499
