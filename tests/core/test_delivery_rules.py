"""What becomes of a delivery, rule by rule.

Packing and rejections are beside it, and `test_delivery_lane` has a lane under faults, in virtual time.
"""

from collections.abc import Sequence

import pytest

from syncd.core.delivery import Delivered, Item, Outcome
from syncd.core.failure import Halt, Pause, Reject, Retry
from syncd.core.lane_state import LaneState, Policy, Situation, backoff, paused
from syncd.core.verdict import Verdict, judge_call

NOW = 1_000_000.0
DAY = 86400.0
OPEN = LaneState("connector", "crm")
SITUATION = Situation(NOW, Policy(), lambda: 0.5)
DOWN = Pause("down", "no answer", unexplained=True)


def items(*ids: int) -> list[Item]:
    return [Item(number) for number in ids]


def judged(
    call: Sequence[Item],
    answer: Sequence[Outcome] | BaseException,
    lane: LaneState = OPEN,
    situation: Situation = SITUATION,
) -> Verdict:
    verdict = judge_call(call, answer, lane, situation)
    assert [change.id for change in verdict.changes] == [item.id for item in call]
    return verdict


def states(verdict: Verdict) -> list[str]:
    return [change.state for change in verdict.changes]


def spent(verdict: Verdict) -> list[int]:
    return [change.attempts for change in verdict.changes]


# Pause: the lane waits and nobody pays


def test_an_unexplained_failure_of_a_call_makes_suspects_spends_no_attempt_and_probes_next() -> None:
    verdict = judged(items(1, 2, 3), DOWN)

    assert states(verdict) == ["pending"] * 3
    assert spent(verdict) == [0, 0, 0]
    assert all(change.suspect for change in verdict.changes)
    assert (verdict.lane.status, verdict.lane.probing, verdict.lane.code) == ("paused", True, "down")


def test_a_lane_that_was_told_to_wait_waits_as_long_and_suspects_nobody() -> None:
    verdict = judged(items(1, 2), Pause("rate_limited", "429", after=17.0))

    assert spent(verdict) == [0, 0]
    assert not any(change.suspect for change in verdict.changes)
    assert verdict.lane.wait(NOW) == 17.0
    assert not verdict.lane.probing
    assert verdict.lane.failures == 0


def test_a_pause_in_a_list_stands_for_the_rest_but_what_was_delivered_counts() -> None:
    no = Reject("invalid", "no")
    verdict = judged(items(1, 2, 3, 4), [Delivered("a"), DOWN, no, Delivered("d")])

    assert states(verdict) == ["delivered", "pending", "pending", "delivered"]
    assert [change.suspect for change in verdict.changes] == [False, True, True, False]
    assert verdict.lane.delivered == 2
    assert verdict.lane.status == "paused"


def test_pauses_grow_and_a_success_starts_them_over() -> None:
    lane, waits = OPEN, []
    for _ in range(12):
        lane = paused(lane, DOWN, SITUATION)
        waits.append(lane.wait(NOW) or 0.0)

    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (2.0, 150.0)
    assert judged(items(1), [Delivered()], lane).lane.failures == 0


def test_halting_keeps_every_lead_pending_and_waits_for_somebody() -> None:
    verdict = judged(items(1), Halt("key_refused", "401"))

    assert (states(verdict), spent(verdict)) == (["pending"], [0])
    assert (verdict.lane.status, verdict.lane.probing) == ("halted", True)
    assert verdict.lane.wait(NOW + DAY) is None


# Suspects


def test_a_lone_suspect_that_fails_after_a_success_pays_and_another_must_prove_the_lane() -> None:
    verdict = judged([Item(1, suspect=True)], DOWN)

    assert spent(verdict) == [1]
    assert verdict.changes[0].suspect
    assert verdict.changes[0].due_at > NOW
    assert (verdict.lane.status, verdict.lane.probing) == ("open", True)


@pytest.mark.parametrize(
    ("call", "lane"),
    [
        ([Item(1, suspect=True)], OPEN._replace(probing=True)),
        ([Item(1)], OPEN),
        ([Item(1, suspect=True), Item(2, suspect=True)], OPEN),
    ],
    ids=["probe", "no suspect", "not alone"],
)
def test_otherwise_nobody_pays_for_an_unexplained_failure(call: list[Item], lane: LaneState) -> None:
    verdict = judged(call, DOWN, lane)

    assert spent(verdict) == [0] * len(call)
    assert verdict.lane.status == "paused"


def test_a_success_clears_suspicion_and_ends_the_probe() -> None:
    verdict = judged([Item(1, suspect=True)], [Delivered()], OPEN._replace(probing=True))

    assert not verdict.changes[0].suspect
    assert not verdict.lane.probing


# Attempts


def test_a_retry_spends_an_attempt_and_waits_as_long_as_it_was_told_at_the_least() -> None:
    told, own = judged(
        items(1, 2), [Retry("busy", "locked", after=900.0), Retry("busy", "locked")], OPEN
    ).changes

    assert (told.attempts, told.due_at, told.mark, told.failing_since) == (1, NOW + 900.0, 0, NOW)
    assert own.due_at == NOW + 5.0


@pytest.mark.parametrize(
    ("attempts", "since", "delivered", "state", "status"),
    [
        (6, NOW, 5, "pending", "open"),
        (7, NOW, 5, "rejected", "open"),
        (7, NOW, 4, "pending", "halted"),
        (2, NOW - 8 * DAY, 5, "rejected", "open"),
        (2, NOW - 8 * DAY, 4, "pending", "halted"),
        (0, NOW - 8 * DAY, 5, "pending", "open"),
    ],
    ids=[
        "not yet",
        "exhausted",
        "nothing else went",
        "too old",
        "too old, nothing else went",
        "first attempt",
    ],
)
def test_exhausted_attempts_reject_only_if_something_was_delivered_meanwhile(
    attempts: int, since: float, delivered: int, state: str, status: str
) -> None:
    item = Item(1, attempts=attempts, mark=4, failing_since=since)
    verdict = judged([item], [Retry("busy", "locked")], OPEN._replace(delivered=delivered))

    assert (states(verdict), verdict.lane.status) == ([state], status)
    assert spent(verdict) == [attempts + 1]


def test_what_the_same_call_delivered_is_delivered_meanwhile() -> None:
    verdict = judged([Item(1, attempts=7), Item(2)], [Retry("busy", "locked"), Delivered()])

    assert states(verdict) == ["rejected", "delivered"]


# A bug of the connector


def test_an_unexpected_exception_spends_an_attempt_and_each_member_goes_alone_next() -> None:
    verdict = judged(items(1, 2), ZeroDivisionError("secret"))

    assert spent(verdict) == [1, 1]
    assert all(change.suspect and change.code == "connector_bug" for change in verdict.changes)
    assert "secret" not in verdict.changes[0].detail
    assert verdict.lane.status == "open"


@pytest.mark.parametrize("outcomes", [[], [Delivered()], [Delivered()] * 3])
def test_a_wrong_number_of_outcomes_is_no_success_for_anybody(outcomes: list[Outcome]) -> None:
    verdict = judged(items(1, 2), outcomes)

    assert states(verdict) == ["pending", "pending"]
    assert {change.code for change in verdict.changes} == {"connector_bug"}
    assert verdict.lane.delivered == 0


# Time


@pytest.mark.parametrize("failures", [0, 1, 5, 30, 10_000])
@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_backoff_is_full_jitter_under_a_ceiling_and_never_under_a_second(
    failures: int, chance: float
) -> None:
    ceiling = min(300.0, 2.0 * 2.0 ** min(failures, 30))

    assert backoff(failures, 2.0, 300.0, lambda: chance) == max(1.0, ceiling * chance)


@pytest.mark.parametrize(("jump", "wait"), [(-30 * DAY, 0.0), (-30.0, 60.0), (0.0, 60.0), (30 * DAY, 0.0)])
def test_a_pause_is_never_longer_than_it_was_meant_to_be(jump: float, wait: float) -> None:
    lane = paused(OPEN, Pause("down", "503", after=60.0), SITUATION)

    assert lane.wait(NOW + jump) == wait


def test_a_pause_by_hand_without_an_end_waits_for_somebody() -> None:
    assert OPEN._replace(status="paused").wait(NOW) is None
    assert OPEN.wait(NOW) == 0.0
