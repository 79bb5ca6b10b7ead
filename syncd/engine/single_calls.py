"""Calls of one request each, judged one by one: exports and feedback."""

from collections.abc import Callable, Sequence

from syncd.core.delivery import Change, Delivered, Item, Outcome, spared
from syncd.core.failure import Reject
from syncd.core.lane_state import LaneState, Terms
from syncd.core.verdict import Verdict, judge_call

Answer = Outcome | BaseException | None
"""The outcome of one request; None: it was not sent, for one before stopped the pass."""


def is_gone(answer: Answer) -> bool:
    """Tell if CTGO knows the lead, or the segment, no longer: there is nothing left to send."""
    return isinstance(answer, Reject) and answer.code == "not_found"


def unless_the_route_is_missing(answer: Answer, code: str) -> Answer:
    """A *gone* as a rejection under a code of its own: ten in a row, and none found, are the route's fault."""
    if not is_gone(answer):
        return answer
    return Reject(code, "CTGO knows none of the leads that it is asked for.")


def gone_of(verdict: Verdict, code: str) -> tuple[Verdict, list[int]]:
    """The verdict with what is *gone* judged delivered, and the ids of that."""
    gone = {change.id for change in verdict.changes if (change.state, change.code) == ("rejected", code)}
    changes = tuple(
        Change(change.id, "delivered", change.attempts) if change.id in gone else change
        for change in verdict.changes
    )
    return verdict._replace(changes=changes), sorted(gone)


def judge_each(
    asked: Sequence[tuple[Item, Answer]],
    lane: LaneState,
    terms: Terms,
    is_done: Callable[[Item, Answer], bool],
) -> Verdict:
    """One request each, so each answer is judged as a call of its own. `is_done`: whether an answer is as good as a yes."""
    begun, terms = lane, terms._replace(well=any(is_done(*it) for it in asked))
    changes: dict[int, Change] = {}
    revived: set[int] = set()
    for n, (item, answer) in enumerate(asked, 1):
        if answer is None:
            continue
        outcome = [Delivered()] if is_done(item, answer) else answer
        one = judge_call([item], outcome, lane, terms._replace(others=terms.others or n < len(asked)))
        lane = one.lane
        if lane.status == "open":  # one pass is one question
            lane = lane._replace(doubts=lane.doubts[: len(begun.doubts) + 1])
        changes |= {change.id: change for change in one.changes}
        revived |= set(one.revived)
    # What this very pass rejected, and then found to be the lane's fault, was never written
    kept = [spared(c, terms.now) if c.id in revived else c for c in changes.values()]
    return Verdict(tuple(kept), lane, tuple(revived - changes.keys()))
