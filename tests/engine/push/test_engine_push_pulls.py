"""A push pulls at once, and no flood of pushes makes too many pulls."""

from itertools import pairwise
from pathlib import Path

import httpx

from syncd.engine.push import SPACING
from tests.support.pushing import Pushing

LEADS = "/leads"


def test_a_push_pulls_at_once(bench: Pushing) -> None:
    bench.serve()
    bench.pass_(60)
    bench.accounts["main"].world.add_leads(2)
    bench.push().came()
    bench.pass_(1)
    assert bench.leads() == {"exported": 7}
    heard = bench.subscription()
    assert heard is not None
    assert heard.heard_at is not None


def test_a_flood_of_pushes_is_one_pull_in_five_seconds(bench: Pushing) -> None:
    bench.serve()
    bench.pass_(60)
    before = len(bench.asked("GET", LEADS))
    wakes = len(bench.wakes)
    for _ in range(600):
        for _ in range(10):
            bench.push().came()
        bench.pass_(0.1)
    bench.pass_(10)
    pulls = bench.asked("GET", LEADS)[before:]
    assert 10 <= len(pulls) <= 13
    gaps = [later - earlier for earlier, later in pairwise(pulls)]
    assert min(gaps) >= SPACING - 0.001
    assert len(bench.wakes) - wakes < 120, "and those that wait wake nobody"


def test_a_push_while_a_pull_is_under_way_brings_another(bench: Pushing) -> None:
    bench.serve()
    bench.pass_(60)
    world = bench.accounts["main"].world

    def late(_: httpx.Request, go: object) -> httpx.Response:
        answer: httpx.Response = go()  # type: ignore[operator]
        world.add_leads(1)
        bench.push().came()
        bench.life.wires["main"].answering = None
        return answer

    bench.life.wires["main"].answering = late
    bench.push().came()
    bench.pass_(20)
    assert bench.leads() == {"exported": 6}


def test_a_flood_of_pushes_delays_no_scheduled_pull_and_keeps_the_limit(tmp_path: Path) -> None:
    bench = Pushing(tmp_path)
    world = bench.ctgo(leads=0, limit=6, rate_limit=6)
    bench.place()
    bench.polls["main"] = {"poll": "30s"}
    bench.serve()
    bench.pass_(60)
    for _ in range(100):
        bench.push().came()
        bench.pass_(6)
    due = bench.daemon_.calendar.due_in("pull:main")
    assert due is not None
    phase = (bench.clock.passed + due) % 30
    pulls = bench.asked("GET", LEADS)
    on_time = [at for at in pulls if min((at - phase) % 30, (phase - at) % 30) < 0.01]
    assert len(on_time) >= 20, "every scheduled one is there at its instant"
    assert world.busiest_minute() <= 6
    bench.check()
    bench.close()


def test_exports_get_their_half_in_a_flood_of_pushes(tmp_path: Path) -> None:
    bench = Pushing(tmp_path)
    world = bench.ctgo(leads=20, limit=6, rate_limit=6)
    bench.place()
    bench.polls["main"] = {"poll": "1h"}
    bench.serve()
    for _ in range(100):
        bench.push().came()
        bench.pass_(6)
    assert len(world.exported) == 20
    bench.check()
    bench.close()


def test_a_scheduled_pull_that_comes_due_in_an_extra_one_lends_it_its_slots(tmp_path: Path) -> None:
    bench = Pushing(tmp_path)
    bench.wanted.clear()
    bench.ctgo(leads=0, limit=2, rate_limit=2)
    bench.place()
    pull = bench.life.pulls["main"]
    pull.expect(bench.clock.monotonic() + 30, 60.0)
    bench.once(1)
    pull.ask_extra()
    bench.wake("pull", "main")
    bench.run(20)
    assert len(bench.asked("GET", LEADS)) == 1, "the slot that is left is the scheduled pull's"
    pull.ask_live()
    bench.wake("pull", "main")
    bench.run(1)
    assert len(bench.asked("GET", LEADS)) == 2
    bench.close()
