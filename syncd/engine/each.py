"""Calls of one request each, judged one by one: exports and feedback."""

from collections.abc import Callable, Sequence

from syncd.delivery import Change, Delivered, Item, LaneState, Outcome, Terms, Verdict, judge_call, spared

Answer = Outcome | BaseException | None
"""What one request came to; None: it was not sent, for one before said stop."""


def judge_each(
    asked: Sequence[tuple[Item, Answer]],
    lane: LaneState,
    terms: Terms,
    is_done: Callable[[Item, Answer], bool],
) -> Verdict:
    """One request each, so each answer is judged as a call of its own. `is_done`: whether an answer is as good as a yes."""
    changes: dict[int, Change] = {}
    revived: set[int] = set()
    for n, (item, answer) in enumerate(asked, 1):
        if answer is None:
            continue
        outcome = [Delivered()] if is_done(item, answer) else answer
        one = judge_call([item], outcome, lane, terms._replace(others=terms.others or n < len(asked)))
        lane = one.lane
        changes |= {change.id: change for change in one.changes}
        revived |= set(one.revived)
    # What this very pass rejected, and then found to be the lane's fault, was never written
    kept = [spared(c, terms.now) if c.id in revived else c for c in changes.values()]
    return Verdict(tuple(kept), lane, tuple(revived - changes.keys()))
