"""Faults that the rules once had, each with its smallest example."""

import pytest

from syncd.core.delivery import Delivered, Item
from syncd.core.failure import Pause, Refused, Reject
from syncd.core.lane_state import LaneState, Policy, Situation, paused, reopened
from syncd.core.verdict import judge_call
from tests.core.test_delivery_lane import DAY, Crm, Lane, by_due

NOW = 1_000_000.0
OPEN = LaneState("connector", "crm")
SITUATION = Situation(NOW, Policy(), lambda: 0.5)
DOWN = Pause("down", "no answer", unexplained=True)
THREE = [Item(1), Item(2), Item(3)]
NO = Reject("invalid", "no")


def test_one_poison_lead_ahead_of_all_does_not_block_the_lane() -> None:
    lane = Lane(Crm(["poison", "healthy", "healthy"], []), 3, 7, by_due)
    lane.run(5 * DAY, "healthy")

    assert lane.left("healthy") == []


def test_a_lone_suspect_pays_for_a_returned_pause_as_for_a_raised_one() -> None:
    call = [Item(1, suspect=True)]

    assert judge_call(call, [DOWN], OPEN, SITUATION) == judge_call(call, DOWN, OPEN, SITUATION)


def test_members_of_a_call_with_a_wrong_number_of_outcomes_go_alone_next() -> None:
    verdict = judge_call(THREE, [Delivered()], OPEN, SITUATION)

    assert all(change.suspect for change in verdict.changes)


def test_a_raised_rejection_rejects_no_lead_but_the_guilty() -> None:
    verdict = judge_call(THREE, NO, OPEN, SITUATION)

    assert [change.state for change in verdict.changes] == ["pending"] * 3


def test_a_pause_does_not_end_probation() -> None:
    halted = judge_call([Item(n) for n in range(10)], [NO] * 10, OPEN, SITUATION).lane
    interrupted = judge_call([Item(1)], DOWN, reopened(halted), SITUATION).lane

    verdict = judge_call([Item(1)], [NO], reopened(interrupted), SITUATION)

    assert verdict.lane.status == "halted"


def test_a_pause_ends_although_the_clock_went_back_a_month() -> None:
    lane = paused(OPEN, Pause("down", "503", after=60.0), SITUATION)
    now, waited = NOW - 30 * DAY, 0.0
    while (wait := lane.wait(now)) and waited < 600.0:
        now += wait
        waited += wait

    assert waited <= 60.0


@pytest.mark.parametrize("after", [0.0, -5.0, 0.001])
def test_a_pause_of_no_time_at_all_is_a_second_at_the_least(after: float) -> None:
    assert (paused(OPEN, Pause("rate_limited", "429", after=after), SITUATION).wait(NOW) or 0.0) >= 1.0


@pytest.mark.parametrize("wrong", [None, "ok", Refused("too_large", "413")])
def test_an_outcome_that_is_none_is_a_bug_of_the_connector(wrong: object) -> None:
    verdict = judge_call(THREE, [Delivered(), wrong, Delivered()], OPEN, SITUATION)

    assert [change.code for change in verdict.changes] == ["", "connector_bug", ""]


def test_a_long_outage_between_two_failures_does_not_exhaust_a_lead() -> None:
    once = THREE[0]._replace(attempts=1, mark=0, failing_since=NOW - 8 * DAY, suspect=True)

    verdict = judge_call([once], DOWN, OPEN._replace(delivered=5), SITUATION)

    assert verdict.changes[0].state == "pending"
