"""Rejections, the halt that a row of them is, and calls that are refused whole."""

import pytest

from syncd.core.delivery import Delivered, Item, Outcome
from syncd.core.failure import Halt, Refused, Reject, Retry
from syncd.core.lane_state import LaneState, halted, reopened
from syncd.core.verdict import ALIKE_LIMIT, Verdict
from tests.core.test_delivery_rules import DOWN, OPEN, items, judged, spent, states


def rejections(lane: LaneState, first: int, count: int, code: str = "invalid") -> Verdict:
    return judged(items(*range(first, first + count)), [Reject(code, "no")] * count, lane)


def test_a_rejected_lead_is_set_aside_and_the_lane_goes_on() -> None:
    verdict = rejections(OPEN, 1, 1)

    assert (states(verdict), spent(verdict), verdict.lane.status) == (["rejected"], [1], "open")


def test_ten_alike_rejections_across_calls_halt_and_all_ten_return_to_pending() -> None:
    nine = rejections(rejections(OPEN, 1, 4).lane, 5, 5)
    assert nine.lane.status == "open"

    tenth = rejections(nine.lane, 10, 2)

    assert tenth.lane.status == "halted"
    assert tenth.lane.code == "invalid"
    assert sorted(tenth.revived) == [*range(1, 10)]
    assert states(tenth) == ["pending", "pending"]
    assert spent(tenth) == [0, 0]


def test_ten_alike_rejections_within_one_call_halt_and_return_to_pending() -> None:
    verdict = rejections(OPEN, 1, ALIKE_LIMIT)

    assert verdict.lane.status == "halted"
    assert (states(verdict), spent(verdict)) == (["pending"] * 10, [0] * 10)
    assert verdict.revived == ()


def test_a_lane_that_rejections_alike_halted_is_probed_soon_and_then_ever_later_up_to_the_pace() -> None:
    hour, waits = 3600.0, []
    verdict = rejections(OPEN, 1, 10)
    for n in range(11, 19):
        waits.append(verdict.lane.wait(verdict.lane.since, hour))
        verdict = rejections(reopened(verdict.lane), n, 1)
    assert waits == [60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, hour, hour]
    assert verdict.lane.wait(verdict.lane.since) is None, "without a daemon a person must act"

    well = judged(items(19), [Delivered()], reopened(verdict.lane))
    assert rejections(well.lane, 20, 10).lane.wait(0.0, hour) == 60.0


def test_a_halt_for_another_reason_keeps_the_pace_of_the_probe() -> None:
    lane = halted(rejections(OPEN, 1, 3).lane, Halt("key_refused", "no"), 0.0)
    assert lane.wait(0.0, 3600.0) == 3600.0


@pytest.mark.parametrize("other", [Delivered(), Reject("other", "no")], ids=["delivered", "another code"])
def test_what_comes_between_breaks_the_row(other: Outcome) -> None:
    no = Reject("invalid", "no")
    verdict = judged(items(*range(19)), [*[no] * 9, other, *[no] * 9])

    assert verdict.lane.status == "open"
    assert states(verdict).count("rejected") >= 18
    assert len(verdict.lane.alike) == 9


def test_a_lifted_halt_that_is_rejected_the_same_way_halts_again_and_another_way_does_not() -> None:
    lifted = reopened(rejections(OPEN, 1, 10).lane)

    again = rejections(lifted, 1, 1)
    assert (states(again), spent(again), again.lane.status) == (["pending"], [0], "halted")

    assert again.lane.detail.startswith("The first lead after the halt was rejected as well: ")
    assert again.changes[0].suspect, "it may be this lead's own fault: the next probe is another"

    otherwise = rejections(lifted, 1, 1, code="other")
    assert (states(otherwise), otherwise.lane.status) == (["rejected"], "open")
    assert otherwise.lane.probing, "only a success ends probation"

    through = judged(items(1), [Delivered()], lifted)
    assert rejections(through.lane, 2, 1).lane.status == "open"


@pytest.mark.parametrize(("size", "limit"), [(10, 5), (5, 2), (3, 1), (2, 1)])
def test_a_refused_call_is_halved_and_nobody_pays(size: int, limit: int) -> None:
    verdict = judged(items(*range(size)), Refused("too_large", "413"))

    assert {change.limit for change in verdict.changes} == {limit}
    assert spent(verdict) == [0] * size
    assert verdict.lane == OPEN


def test_a_refused_call_of_one_is_a_rejection() -> None:
    verdict = judged([Item(1, limit=1)], Refused("too_large", "413"))

    assert (states(verdict), verdict.changes[0].code) == (["rejected"], "too_large")


def test_a_success_clears_the_limit_and_anything_else_keeps_it() -> None:
    call = [Item(1, limit=2), Item(2, limit=2)]

    assert [change.limit for change in judged(call, [Delivered(), Retry("busy", "locked")]).changes] == [
        None,
        2,
    ]


def test_a_success_ends_probation_for_good() -> None:
    lifted = reopened(rejections(OPEN, 1, 10).lane)
    through = judged(items(1), [Delivered()], lifted).lane
    doubted = judged([Item(2, suspect=True)], DOWN, through).lane
    assert doubted.probing

    assert rejections(doubted, 3, 1).lane.status == "open"
