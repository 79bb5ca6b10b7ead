"""CTGO's marks as calm sweeps see them: what CTGO lost is told and not exported again; what it lists no more is gone."""

from collections.abc import Callable

import httpx
import pytest

from syncd.engine.pull.marks import Sightings
from syncd.ledger.leads.marks import export_again
from syncd.simulator import World
from tests.support import DAY, Bench

HOUR = 3600.0
MISSING = b'{"error":"Not Found","message":"Cannot POST"}'


def _lose_a_mark(world: World) -> int:
    """CTGO lists a lead as new again; return its id."""
    lead_id = world.listed()[1].id
    world.lose_mark(lead_id)
    return lead_id


def _sweep(bench: Bench) -> None:
    bench.life.pulls["main"].ask_reconcile()
    bench.wake("pull", "main")
    bench.run(60)


def _sweeps(bench: Bench, hours: float) -> None:
    """A sweep every six hours."""
    _sweep(bench)
    for _ in range(int(hours / 6)):
        bench.clock.advance(6 * HOUR)
        _sweep(bench)


def test_an_id_is_believed_when_sweeps_in_a_row_have_found_it_for_long_enough() -> None:
    seen = Sightings(10.0)
    assert seen.note([1, 2], 0.0) == []
    assert seen.note([2], 9.0) == []
    assert seen.note([1, 2], 10.0) == [2]
    assert seen.note([1, 2], 5.0) == [], "a clock that went back begins anew"
    assert seen.note([1, 2], 15.0) == [1, 2]


def test_a_mark_that_ctgo_lost_is_told_once_after_a_day_and_not_made_again(bench: Bench) -> None:
    world = bench.ctgo(leads=4)
    bench.place()
    bench.once()
    lost = _lose_a_mark(world)
    _sweeps(bench, 18)
    assert not bench.log.named("mark_lost")
    _sweeps(bench, 24)
    bench.check()
    told = bench.log.named("mark_lost")
    assert [(it["source"], it["n"], it["leads"]) for it in told] == [("main", 1, [lost])]
    assert bench.exports() == {"delivered": 4}, "a person may have taken the mark back"


def test_a_mark_that_comes_back_within_the_day_is_told_to_nobody(bench: Bench) -> None:
    world = bench.ctgo(leads=4)
    bench.place()
    bench.once()
    lost = _lose_a_mark(world)
    _sweeps(bench, 12)
    world.export(lost)
    _sweeps(bench, 6)
    assert _lose_a_mark(world) == lost
    _sweeps(bench, 12)
    assert not bench.log.named("mark_lost")


def test_a_mark_that_was_lost_is_made_again_when_a_person_says_so(bench: Bench) -> None:
    world = bench.ctgo(leads=4)
    bench.place()
    bench.once()
    lost = _lose_a_mark(world)
    with bench.ledger.write() as connection:
        assert export_again(connection, "main", [lost, 404], bench.clock.now()) == 1
    bench.check()
    assert bench.leads() == {"exported": 3, "exporting": 1}
    bench.stop()
    bench.once()
    bench.check()
    assert bench.leads() == {"exported": 4}
    assert lost in world.exported


def _without_exports(request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
    return httpx.Response(404, content=MISSING) if request.method == "POST" else send()


@pytest.mark.parametrize("archived", [True, False])
def test_exports_behind_a_halted_lane_are_gone_if_ctgo_lists_their_leads_no_more(
    bench: Bench, *, archived: bool
) -> None:
    world = bench.ctgo(leads=12, rate_limit=1000, limit=1000)
    bench.place()
    bench.life.wires["main"].answering = _without_exports
    bench.once()
    assert bench.lane("export", "main").code == "export_route_missing"
    for lead in list(world.listed()) if archived else ():
        world.remove_lead(lead.id)
    _sweep(bench)
    assert bench.exports() == {"pending": 12}, "one sweep decides nothing"
    _sweeps(bench, 6)
    bench.check()
    assert bench.exports() == ({"gone": 12} if archived else {"pending": 12})


def test_what_was_never_answered_is_not_gone_although_it_is_not_listed(bench: Bench) -> None:
    """An empty listing may be CTGO's fault, and these exports were not even tried."""
    world = bench.ctgo(leads=3)
    bench.place()
    bench.life.wires["main"].answering = lambda request, send: (
        httpx.Response(500) if request.method == "POST" else send()
    )
    bench.once(seconds=60)
    for lead in list(world.listed()):
        world.remove_lead(lead.id)
    _sweeps(bench, 2 * DAY / HOUR)
    assert bench.exports() == {"pending": 3}
