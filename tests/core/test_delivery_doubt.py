"""A lane in doubt: who is asked next, when it halts, and who pays."""

import pytest

from syncd.core.delivery import Delivered, Item, Outcome
from syncd.core.failure import Failure, Halt, Pause, Reject, Retry
from syncd.core.lane_state import PAUSE_LIMIT, LaneState, Situation, reopened
from syncd.core.verdict import ALIKE_LIMIT, HALT_LIMIT, Verdict, judge_unsent, may_go_on
from tests.core.test_delivery_rules import NOW, OPEN, SITUATION, items, judged, spent, states

OTHERS = SITUATION._replace(others=True)
NO = Reject("invalid", "no")
STOP = Halt("access", "403", fix="Ask for it.")
LOCKED = Pause("locked", "423", after=2.0)


def asked(lane: LaneState, first: int, count: int, answer: Outcome, situation: Situation = OTHERS) -> Verdict:
    """So many leads are asked one by one; the last verdict."""
    for number in range(first, first + count):
        verdict = judged([Item(number)], [answer], reopened(lane), situation)
        lane = verdict.lane
    return verdict


def test_one_halt_makes_a_suspect_and_asks_another() -> None:
    verdict = judged([Item(1)], STOP, OPEN, OTHERS)

    assert (verdict.lane.status, verdict.lane.probing, verdict.lane.doubts) == ("open", True, (1,))
    assert (verdict.changes[0].suspect, verdict.changes[0].due_at, spent(verdict)) == (True, NOW, [0])


def test_a_halt_of_a_call_of_several_asks_its_members_one_by_one() -> None:
    verdict = judged(items(1, 2), STOP)

    assert (verdict.lane.status, verdict.lane.probing) == ("open", True)
    assert all(change.suspect and change.due_at < NOW for change in verdict.changes)


def test_a_lane_halts_when_so_many_were_asked_in_vain_and_nobody_pays() -> None:
    assert asked(OPEN, 1, HALT_LIMIT - 1, STOP).lane.status == "open"

    last = asked(OPEN, 1, HALT_LIMIT, STOP)

    assert (last.lane.status, last.lane.code, spent(last)) == ("halted", "access", [0])
    assert not may_go_on(last.lane)
    assert judged([Item(99)], STOP, reopened(last.lane), OTHERS).lane.status == "halted", "one more is enough"


def test_a_lane_halts_when_there_is_nobody_else_and_asks_whoever_comes() -> None:
    halted = judged([Item(1)], STOP, OPEN).lane

    assert halted.status == "halted"
    assert may_go_on(halted)


def test_once_another_goes_through_who_halted_goes_alone_and_pays() -> None:
    doubting = judged([Item(1)], STOP, OPEN, OTHERS).lane
    well = judged([Item(2)], [Delivered()], doubting, OTHERS).lane
    assert (well.probing, well.doubts, well.code) == (False, (), "")

    verdict = judged([Item(1, suspect=True)], [STOP], well, OTHERS)

    assert (states(verdict), spent(verdict)) == (["pending"], [1])
    assert (verdict.lane.status, verdict.lane.probing) == ("open", True)


def test_in_the_end_it_is_rejected_with_the_code_of_the_halt() -> None:
    guilty = Item(1, attempts=7, suspect=True, mark=4, failing_since=NOW)
    verdict = judged([guilty], STOP, OPEN._replace(delivered=5), OTHERS)

    assert (states(verdict), verdict.changes[0].code, verdict.lane.status) == (["rejected"], "access", "open")


# Pauses


def test_explained_pauses_alike_in_a_row_become_unexplained_and_grow() -> None:
    verdict = asked(OPEN, 1, PAUSE_LIMIT - 1, LOCKED)
    assert (verdict.lane.probing, verdict.changes[0].suspect, verdict.lane.wait(NOW)) == (False, False, 2.0)

    verdict = judged(items(7, 8), LOCKED, reopened(verdict.lane))

    assert verdict.lane.probing
    assert all(change.suspect and change.attempts == 0 for change in verdict.changes)
    waits = []
    for number in range(20):
        verdict = judged([Item(number)], LOCKED, reopened(verdict.lane))
        waits.append(verdict.lane.wait(NOW) or 0.0)
    assert waits == sorted(waits)
    assert waits[-1] == 150.0


@pytest.mark.parametrize(
    "between", [Delivered(), Pause("slow", "429", after=2.0)], ids=["delivered", "other"]
)
def test_what_comes_between_begins_the_row_anew(between: Outcome) -> None:
    lane = asked(OPEN, 1, PAUSE_LIMIT - 1, LOCKED).lane
    lane = judged([Item(50)], [between], reopened(lane)).lane

    assert not judged([Item(51)], LOCKED, reopened(lane)).lane.probing


def test_a_suspect_that_pauses_a_well_lane_pays_and_the_lane_waits_as_it_was_told() -> None:
    verdict = judged([Item(1, suspect=True)], LOCKED)

    assert (spent(verdict), verdict.lane.status, verdict.lane.probing) == ([1], "paused", True)
    assert verdict.lane.wait(NOW) == 2.0


def test_a_pause_as_long_as_a_quotas_is_held_against_nobody() -> None:
    quota = Pause("quota", "limit", after=4 * 3600.0)
    lane = asked(OPEN, 1, 4 * PAUSE_LIMIT, quota).lane
    assert lane.probing, "another is tried after it"

    verdict = judged([Item(1, suspect=True)], quota)

    assert spent(verdict) == [0]
    assert verdict.changes[0].due_at == NOW, "at the end of the line"


# Alike rejections


def test_ten_alike_rejections_ask_others_before_they_halt() -> None:
    tenth = asked(OPEN, 1, ALIKE_LIMIT, NO)
    assert (states(tenth), tenth.revived) == (["rejected"], ())
    assert (tenth.lane.status, tenth.lane.probing) == ("open", True)

    last = asked(tenth.lane, 11, HALT_LIMIT, NO)

    assert (last.lane.status, last.lane.code) == ("halted", "invalid")
    assert sorted(last.revived) == list(range(1, 20))
    assert (states(last), spent(last), last.changes[0].suspect) == (["pending"], [0], True)
    assert last.changes[0].due_at == NOW


def test_one_that_is_delivered_shows_that_the_rejections_were_the_leads_own() -> None:
    lane = asked(OPEN, 1, ALIKE_LIMIT + HALT_LIMIT - 1, NO).lane
    well = judged([Item(50)], [Delivered()], lane, OTHERS)

    assert (well.revived, well.lane.probing, well.lane.alike) == ((), False, ())
    assert asked(well.lane, 60, 1, NO).lane.status == "open"


def test_another_code_does_not_end_the_doubt() -> None:
    lane = asked(OPEN, 1, ALIKE_LIMIT, NO).lane
    last = asked(lane, 11, HALT_LIMIT, Reject("other", "no"))

    assert last.lane.status == "halted"
    assert sorted(last.revived) == list(range(1, ALIKE_LIMIT + 1))


def test_the_rest_of_a_backlog_is_asked_if_it_is_shorter() -> None:
    lane = asked(OPEN, 1, ALIKE_LIMIT + 1, NO).lane
    last = judged([Item(12)], [NO], lane, SITUATION)

    assert last.lane.status == "halted"
    assert sorted(last.revived) == list(range(1, 12))


# Before anything is sent


@pytest.mark.parametrize(
    "lane", [OPEN, OPEN._replace(probing=True, alike_code="gone")], ids=["open", "doubt"]
)
def test_what_is_decided_before_sending_is_no_word_on_the_lane(lane: LaneState) -> None:
    several: list[Failure] = [Reject("gone", "no payload")] * (3 * ALIKE_LIMIT)
    verdict = judge_unsent(items(*range(len(several))), several, lane, SITUATION)

    assert (set(states(verdict)), set(spent(verdict)), verdict.lane) == ({"rejected"}, {0}, lane)


def test_a_bug_before_sending_spends_an_attempt_as_ever() -> None:
    verdict = judge_unsent(items(1, 2), [Retry("connector_bug", "KeyError"), NO], OPEN, SITUATION)

    assert {change.id: (change.state, change.attempts) for change in verdict.changes} == {
        1: ("pending", 1),
        2: ("rejected", 0),
    }


# Exhausted attempts where nothing else went through

NAMED, BARE = Retry("not_unique", "field email", of_record=True), Retry("failed", "no reason")


def last_tries(count: int, why: Failure, situation: Situation = SITUATION) -> Verdict:
    """So many leads fail one by one, each for the last time, and nothing was ever delivered; the last verdict."""
    lane = OPEN
    for number in range(1, count + 1):
        verdict = judged(
            [Item(number, attempts=7, mark=0, failing_since=NOW)], [why], reopened(lane), situation
        )
        lane = verdict.lane
    return verdict


@pytest.mark.parametrize("number", [1, 2])
def test_a_record_that_the_remote_names_is_set_aside_with_nobody_to_compare_it_with(number: int) -> None:
    verdict = last_tries(number, NAMED)

    assert (states(verdict), verdict.changes[0].code, spent(verdict)) == (["rejected"], "not_unique", [8])
    assert verdict.lane.status == "open"


def test_what_may_be_the_systems_fault_sets_nobody_aside() -> None:
    verdict = last_tries(2, BARE)

    assert (states(verdict), verdict.lane.status) == (["pending"], "halted")


def test_ten_named_alike_are_the_lanes_fault_and_return() -> None:
    verdict = last_tries(ALIKE_LIMIT, NAMED)

    assert (verdict.lane.status, verdict.lane.code) == ("halted", "not_unique")
    assert (states(verdict), spent(verdict)) == (["pending"], [7])
    assert sorted(verdict.revived) == list(range(1, ALIKE_LIMIT))


def test_a_doubt_outlasts_a_rejection_for_exhausted_attempts() -> None:
    item = Item(1, attempts=7, mark=0, failing_since=NOW, maybe_sent=True)

    assert judged([item], [NAMED]).changes[0].maybe_sent
