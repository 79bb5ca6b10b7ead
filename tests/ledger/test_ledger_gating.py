"""The gate in the ledger: what a pass brings is counted whole, five go, and only a person lets the rest through."""

from typing import Any

import pytest

from syncd.core.delivery import Change
from syncd.core.failure import Halt
from syncd.core.flood_gate import Gates
from syncd.core.lane_state import LaneState
from syncd.ledger import Ledger, overview
from syncd.ledger.admin.actions import drop_held, pause_lanes, release, resume_lanes
from syncd.ledger.admin.rejections import Chosen, drop, retry
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.deliveries.attempts import next_due
from syncd.ledger.deliveries.due import due
from syncd.ledger.lanes import halt_lanes, lift_halts, load_lanes, save_lane
from syncd.ledger.leads.ingest import Admission, ingest
from syncd.ledger.schema import Delivery
from tests.ledger.rows import EXPORTS, NOW, ROUTES, admission, ids, settle

TEN = Gates({"crm": 10})


def page(
    ledger: Ledger,
    *admissions: Admission,
    over: bool,
    gates: Gates = TEN,
    source: str = "main",
    kind: str = "live",
) -> None:
    with ledger.write() as connection:
        page = flood_gate.page(connection, gates, source, kind)
        ingest(connection, (), admissions, (), NOW)
        flood_gate.take_in(connection, gates, page, NOW, over=over)


def leads(first: int, last: int, *connectors: str) -> list[Admission]:
    return [admission(n, *connectors) for n in range(first, last + 1)]


def free(ledger: Ledger, name: str = "crm") -> list[int]:
    """The leads that may be sent now."""
    with ledger.read() as connection:
        found = due(connection, LaneState("deliver", name), NOW, 3600.0, 1000)
        assert (next_due(connection, Delivery, name) is None) == (not found)
    return sorted(one.lead_seq for one in found)


def held(ledger: Ledger, name: str = "crm") -> int:
    with ledger.read() as connection:
        gate = flood_gate.gates(connection).get(name)
    return gate.held if gate else 0


def closed(ledger: Ledger) -> set[str]:
    with ledger.read() as connection:
        return flood_gate.closed_gates(connection)


def let(ledger: Ledger, first: int | None = None) -> int:
    with ledger.write() as connection:
        return release(connection, "crm", NOW, who="ana", first=first)


def test_as_many_as_the_gate_takes_go_at_once(ledger: Ledger) -> None:
    page(ledger, *leads(1, 10), over=True)
    assert (len(free(ledger)), held(ledger), closed(ledger)) == (10, 0, set())


def test_of_one_more_the_five_oldest_go(ledger: Ledger) -> None:
    page(ledger, *leads(1, 11), over=True)
    assert (free(ledger), held(ledger), closed(ledger)) == ([1, 2, 3, 4, 5], 6, {"crm"})


def test_oldest_is_by_discovery_not_by_the_order_of_the_listing(ledger: Ledger) -> None:
    page(ledger, *leads(1, 11), over=False)
    with ledger.write() as connection:
        connection.exec_driver_sql("UPDATE lead SET discovered_at = 1000 - seq")
    page(ledger, over=True)
    assert free(ledger) == [7, 8, 9, 10, 11]


def test_a_pass_is_counted_over_all_its_pages(ledger: Ledger) -> None:
    page(ledger, *leads(1, 6), over=False)
    assert (free(ledger), held(ledger), closed(ledger)) == ([], 6, set())
    page(ledger, *leads(7, 12), over=False)
    page(ledger, over=True)
    assert (free(ledger), held(ledger)) == ([1, 2, 3, 4, 5], 7)


def test_a_small_pass_over_several_pages_goes_when_it_is_over(ledger: Ledger) -> None:
    page(ledger, *leads(1, 4), over=False)
    page(ledger, *leads(5, 8), over=True)
    assert (len(free(ledger)), held(ledger), closed(ledger)) == (8, 0, set())


def test_two_small_passes_are_not_one(ledger: Ledger) -> None:
    page(ledger, *leads(1, 8), over=True)
    page(ledger, *leads(9, 16), over=True)
    assert (len(free(ledger)), held(ledger)) == (16, 0)


def test_a_pass_that_was_cut_short_is_counted_with_the_one_that_begins_again(ledger: Ledger) -> None:
    page(ledger, *leads(1, 8), over=False)
    page(ledger, *leads(1, 8), over=False)
    page(ledger, *leads(9, 12), over=True)
    assert (free(ledger), held(ledger)) == ([1, 2, 3, 4, 5], 7)


def test_another_sources_pass_under_way_is_not_freed(ledger: Ledger) -> None:
    page(ledger, *leads(1, 8), over=False)
    page(ledger, over=True, source="other")
    assert (free(ledger), held(ledger)) == ([], 8)


def test_a_live_pass_between_the_pages_of_a_window_does_not_free_it(ledger: Ledger) -> None:
    page(ledger, *leads(1, 8), over=False, kind="window")
    page(ledger, *leads(9, 14), over=True)
    assert (free(ledger), held(ledger)) == ([*range(9, 15)], 8)
    page(ledger, *leads(15, 18), over=True, kind="window")
    assert (free(ledger), held(ledger), closed(ledger)) == ([1, 2, 3, 4, 5], 13, {"crm"})


def test_what_a_dead_pass_left_is_counted_with_the_next_one_of_any_kind(ledger: Ledger) -> None:
    page(ledger, *leads(1, 8), over=False, kind="window")
    with ledger.write() as connection:
        flood_gate.start(connection, {"crm": 10}, ROUTES, (), NOW)
    page(ledger, *leads(9, 11), over=True)
    assert (free(ledger), held(ledger)) == ([1, 2, 3, 4, 5], 6)


def test_what_comes_while_it_is_closed_is_held_however_little(ledger: Ledger) -> None:
    page(ledger, *leads(1, 11), over=True)
    page(ledger, *leads(12, 13), over=True)
    assert (free(ledger), held(ledger)) == ([1, 2, 3, 4, 5], 8)


def test_a_closing_gate_holds_what_an_earlier_pass_left(ledger: Ledger) -> None:
    page(ledger, *leads(1, 8), over=True)
    settle(ledger, Change(1, "delivered", 1))
    page(ledger, *leads(9, 19), over=True)
    assert (free(ledger), held(ledger)) == ([2, 3, 4, 5, 6], 13)


def test_a_connector_without_a_gate_pays_nothing_and_gets_all(ledger: Ledger) -> None:
    page(ledger, *leads(1, 30, "crm", "sheet"), over=True)
    assert (len(free(ledger)), len(free(ledger, "sheet"))) == (5, 30)
    untouched: Any = None  # not a single statement
    flood_gate.take_in(
        untouched, Gates(), flood_gate.page(untouched, Gates(), "main", "live"), NOW, over=True
    )


def test_rejected_filters_are_not_counted(ledger: Ledger) -> None:
    page(ledger, *(admission(n, code="filter_failed", state="rejected") for n in range(1, 20)), over=True)
    assert (held(ledger), closed(ledger)) == (0, set())


def test_release_lets_all_go_and_the_next_pull_is_counted_anew(ledger: Ledger) -> None:
    page(ledger, *leads(1, 30), over=True)
    assert let(ledger) == 25
    assert (len(free(ledger)), closed(ledger)) == (30, set())
    page(ledger, *leads(31, 40), over=True)
    assert len(free(ledger)) == 40
    page(ledger, *leads(41, 60), over=True)
    assert (len(free(ledger)), held(ledger)) == (35, 25), "released ones stay so, others are held"


def test_a_first_few_can_be_released_the_oldest(ledger: Ledger) -> None:
    page(ledger, *leads(1, 30), over=True)
    assert let(ledger, 3) == 3
    assert (free(ledger), held(ledger), closed(ledger)) == ([*range(1, 9)], 22, {"crm"})
    assert let(ledger, 100) == 22
    assert closed(ledger) == set()


def test_a_release_is_logged_and_one_of_nothing_is_not(ledger: Ledger) -> None:
    assert let(ledger) == 0
    page(ledger, *leads(1, 30), over=True)
    let(ledger, 3)
    assert ids(ledger, "SELECT who, verb, name, detail FROM action") == [
        ("ana", "release", "crm", "3 let through")
    ]


def test_what_is_dropped_is_settled_and_the_gate_is_open(ledger: Ledger) -> None:
    page(ledger, *leads(1, 30, "crm", "sheet"), over=True)
    settle(ledger, *(Change(n, "delivered", 1) for n in range(31, 61)), connector="sheet")
    with ledger.write() as connection:
        assert drop_held(connection, "crm", NOW, who="ana", exports=EXPORTS) == 25
    with ledger.read() as connection:
        counts = overview.counts(connection)
    assert counts["delivery"]["crm"] == {"pending": 5, "dropped": 25}
    assert counts["lead"]["main"] == {"delivering": 5, "exporting": 25}
    assert (closed(ledger), ids(ledger, "SELECT verb, detail FROM action")) == (
        set(),
        [("release", "25 dropped")],
    )


def test_a_start_opens_no_gate(ledger: Ledger) -> None:
    page(ledger, *leads(1, 30), over=True)
    for sizes in ({"crm": 10}, {"crm": 1000}, {"crm": 0}, {}):
        with ledger.write() as connection:
            lift_halts(connection)
            flood_gate.start(connection, sizes, ROUTES, (), NOW)
        assert (free(ledger), held(ledger)) == ([1, 2, 3, 4, 5], 25), sizes


def test_resuming_opens_no_gate(ledger: Ledger) -> None:
    page(ledger, *leads(1, 30), over=True)
    with ledger.write() as connection:
        pause_lanes(connection, [("deliver", "crm")], NOW, who="ana", until=None, reason="")
        resume_lanes(connection, [("deliver", "crm")], NOW, who="ana")
    assert held(ledger) == 25


def test_a_start_frees_a_pass_that_was_cut_short_if_the_gate_is_gone(ledger: Ledger) -> None:
    page(ledger, *leads(1, 3), over=False)
    with ledger.write() as connection:
        flood_gate.start(connection, {"crm": 10}, ROUTES, (), NOW)
    assert free(ledger) == []
    with ledger.write() as connection:
        flood_gate.start(connection, {"crm": 0}, ROUTES, (), NOW)
    assert len(free(ledger)) == 3


@pytest.mark.parametrize(("n", "free_ones"), [(10, 10), (30, 5)])
@pytest.mark.parametrize("routes", [{}, {"main": ("sheet",)}, {"main": ("sheet",), "other": ("crm",)}])
def test_what_no_configured_pass_will_count_is_a_stroke(
    ledger: Ledger, routes: dict[str, tuple[str, ...]], n: int, free_ones: int
) -> None:
    page(ledger, *leads(1, n), over=False)
    with ledger.write() as connection:
        flood_gate.start(connection, {"crm": 10}, ROUTES, (), NOW)
    assert free(ledger) == [], "the next pass counts them"
    with ledger.write() as connection:
        flood_gate.start(connection, {"crm": 10}, routes, (), NOW)
    assert len(free(ledger)) == free_ones
    with ledger.read() as connection:
        assert bool(flood_gate.closed_gates(connection)) == (n > 10)


def gathered(ledger: Ledger, n: int) -> None:
    """So many deliveries, a small pass at a time."""
    with ledger.write() as connection:
        flood_gate.start(connection, {"crm": 10}, ROUTES, (), NOW)
    for first in range(1, n + 1, 5):
        page(ledger, *leads(first, min(n, first + 4)), over=True)


@pytest.mark.parametrize(("n", "free_ones"), [(10, 10), (11, 5)])
def test_what_gathered_during_a_pause_is_one_stroke_when_it_is_resumed(
    ledger: Ledger, n: int, free_ones: int
) -> None:
    gathered(ledger, n)
    with ledger.write() as connection:
        pause_lanes(connection, [("deliver", "crm")], NOW, who="ana", until=None, reason="")
        resume_lanes(connection, [("deliver", "crm")], NOW, who="ana")
    assert len(free(ledger)) == free_ones


def test_what_gathered_behind_a_halt_is_one_stroke_when_a_start_lifts_it(ledger: Ledger) -> None:
    gathered(ledger, 30)
    with ledger.write() as connection:
        flood_gate.start(connection, {"crm": 10}, ROUTES, {name for _, name in lift_halts(connection)}, NOW)
    assert len(free(ledger)) == 30, "a start alone is nothing"
    with ledger.write() as connection:
        halt_lanes(connection, ["deliver"], "crm", Halt("bad", "Bad."), NOW)
        flood_gate.start(connection, {"crm": 10}, ROUTES, {name for _, name in lift_halts(connection)}, NOW)
    assert len(free(ledger)) == 5


def test_what_was_released_is_not_held_again_after_a_halt(ledger: Ledger) -> None:
    page(ledger, *leads(1, 30), over=True)
    let(ledger)
    with ledger.write() as connection:
        flood_gate.start(connection, {"crm": 10}, ROUTES, ["crm"], NOW)
    assert len(free(ledger)) == 30


def test_a_connector_that_is_back_in_the_configuration_gets_five_of_what_waited(ledger: Ledger) -> None:
    gathered(ledger, 30)
    for sizes in ({"sheet": 0}, {"crm": 10}):
        with ledger.write() as connection:
            flood_gate.start(connection, sizes, ROUTES, (), NOW)
    assert len(free(ledger)) == 5


def test_what_comes_while_a_person_approves_is_never_held(ledger: Ledger) -> None:
    page(ledger, *leads(1, 30), over=True, gates=Gates({}, frozenset({"crm"})))
    with ledger.write() as connection:
        flood_gate.start(connection, {"crm": 10}, ROUTES, ["crm"], NOW)
    assert len(free(ledger)) == 30


def test_a_closed_gate_reads_as_a_halt_and_is_stored_as_none(ledger: Ledger) -> None:
    page(ledger, *leads(1, 1300), over=True)
    with ledger.read() as connection:
        (lane,) = load_lanes(connection)
    assert (lane.kind, lane.name, lane.status, lane.code, lane.since) == (
        "deliver",
        "crm",
        "halted",
        "gate_held",
        NOW,
    )
    assert lane.detail.startswith("1,295 deliveries wait at its gate")
    assert ids(ledger, "SELECT * FROM lane") == []


@pytest.mark.parametrize("status", ["halted", "paused"])
def test_a_lane_that_stands_still_for_a_reason_of_its_own_says_that(ledger: Ledger, status: str) -> None:
    page(ledger, *leads(1, 30), over=True)
    with ledger.write() as connection:
        code = "paused_by_hand" if status == "paused" else "token"
        save_lane(connection, LaneState("deliver", "crm", status, code))  # type: ignore[arg-type]
    with ledger.read() as connection:
        assert [lane.code for lane in load_lanes(connection)] == [code]


def test_when_nothing_is_held_any_more_the_gate_is_open(ledger: Ledger) -> None:
    page(ledger, *leads(1, 30), over=True)
    with ledger.write() as connection:
        drop(connection, Chosen("crm", unconfigured=True), NOW, who="ana", exports=EXPORTS)
    page(ledger, *leads(31, 33), over=True)
    assert (len(free(ledger)), closed(ledger)) == (3, set())


def test_a_retry_by_hand_is_no_stroke(ledger: Ledger) -> None:
    page(ledger, *leads(1, 11), over=True)
    settle(ledger, Change(1, "rejected", 1, code="bad"))
    with ledger.write() as connection:
        retry(connection, Chosen(), NOW, who="ana", exports=EXPORTS)
    assert len(free(ledger)) == 5
