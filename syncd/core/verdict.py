"""The verdict on a call: a pure function of (members, outcomes, lane, policy, chance).

An export is a delivery to CTGO, so the same rules serve both. The rule behind all others: one answer decides nothing. The
fault may be the lead's or the lane's, and both look alike until another lead was tried.

* A `Halt`, an unexplained `Pause`, and `PAUSE_LIMIT` explained ones in a row cost no attempt. The members of the call
  become *suspects* at the end of the line, and the lane is in doubt: its next call is one other delivery, alone.
* In a pause of that kind whose length is our own, a lead that was never tried waits a minute at most: it may be well.
* A success ends the doubt. The suspects then go alone, and each spends its own attempts.
* `PAUSE_LIMIT` pauses in a row for a bug of the connector, none delivered between, make the next one count as a halt.
* A lane in doubt halts when `HALT_LIMIT` leads, or all there are, were tried in vain. No lead is rejected for it.
* Exhausted attempts reject a lead only if the lane delivered something since its first failure (`mark` is the lane's
  count of successes at that time). Otherwise the lane is in doubt, unless the remote named the record: then the lead is
  rejected, and counts as one of the alike rejections below.
* `ALIKE_LIMIT` alike rejections in a row, none delivered between, put the lane in doubt as well. If one of the next
  leads is delivered, the rejections stand; if none is, all return to pending in the transaction that halts the lane.
* A decision made before anything was sent is about that lead alone, not about the lane.
* A lane whose halt was lifted is on probation: it sends one delivery, alone, and only a success ends that.

This module decides; `syncd.ledger` writes the decision in one transaction, and the engine acts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from syncd.core.delivery import Change, Delivered, Item, Outcome, kept, spared
from syncd.core.failure import CONNECTOR_BUG, Failure, Halt, Pause, Refused, Reject, Retry
from syncd.core.lane_state import (
    BY_HAND,
    LONGEST_PAUSE,
    LaneState,
    Situation,
    backoff,
    halted,
    is_believed,
    is_explained,
    is_lasting_bug,
    paused,
)

ALIKE_LIMIT = 10
"""Rejections of one code in a row, none delivered between, that put a lane in doubt."""
HALT_LIMIT = 10
"""Leads that a lane in doubt tries, one by one, before it halts."""
UNTRIED_PAUSE = 60.0
"""Seconds that a lead which was never tried waits at most for a lane whose pause has no reason, and a length of our own."""
PAUSE_DOUBTED = 300.0
"""Seconds. A pause that the remote wants longer, as for a daily quota, never counts against one lead."""
MOMENT = 0.001
"""Seconds by which a suspect that was sent alone stands behind one that was sent with others."""
FEWEST_ATTEMPTS = 3
"""Failures of its own before a delivery's age can exhaust it: an outage makes a delivery old, not guilty."""


class Verdict(NamedTuple):
    """The changes to write after a call. `revived`: earlier rejections that return to pending."""

    changes: tuple[Change, ...]
    lane: LaneState
    revived: tuple[int, ...] = ()


def may_go_on(lane: LaneState) -> bool:
    """True if a halted lane may still try a lead that it has not tried: too few have failed."""
    return lane.status == "halted" and 0 < len(lane.doubts) < HALT_LIMIT


def until_untried(lane: LaneState, now: float) -> float | None:
    """Return the seconds until a paused lane may try a lead that nobody tried yet; None: not before the pause ends.

    The leads that were tried in vain may be the cause of a pause for which the remote gave neither a reason nor a length.
    """
    if lane.status != "paused" or lane.code == BY_HAND or not lane.probing or lane.pauses:
        return None
    return lane._replace(until=lane.since + UNTRIED_PAUSE).wait(now)


def broken_off(outcomes: Sequence[Outcome], why: Exception, count: int) -> Sequence[Outcome] | Exception:
    """The answer of a call of `count` members that raised `why` after some outcomes: those stand, for they are true.

    `Pause` and `Halt` stand for the others. Of anything else nobody knows which member it is about.
    """
    if not outcomes:
        return why
    if not isinstance(why, Pause | Halt):
        code = why.code if isinstance(why, Failure | Refused) else CONNECTOR_BUG
        detail = (
            why.detail if isinstance(why, Failure | Refused) else f"{type(why).__name__} in the connector"
        )
        why = Pause(code, detail, unexplained=True)
    return [*outcomes, *[why] * (count - len(outcomes))]


def judge_call(call: Sequence[Item], answer: object, lane: LaneState, situation: Situation) -> Verdict:
    """Decide what one call changes.

    `answer`: a sequence with an outcome for each member, or the exception that was raised. All else is the plugin's bug.
    """
    if not isinstance(answer, BaseException):
        if not isinstance(answer, Sequence) or isinstance(answer, str | bytes):
            answer = ContractError(f"{type(answer).__name__} is not a list of outcomes")
        elif len(answer) != len(call):
            answer = ContractError(f"{len(answer)} outcomes for {len(call)} deliveries")
        elif len(call) == 1 and isinstance(answer[0], Pause | Halt):
            answer = answer[0]  # of a call of one, it makes no difference if its member or the call is meant
    if isinstance(answer, Reject) and len(call) > 1:
        answer = Refused(
            answer.code, answer.detail
        )  # one member is at fault, and the answer does not say which
    if isinstance(answer, Refused):
        return _refused(call, answer, lane, situation)
    if isinstance(answer, BaseException):
        return _raised(call, answer, lane, situation)
    return _judged(call, answer if isinstance(answer, Sequence) else (), lane, situation)


class ContractError(Exception):
    """A connector broke the contract; used in place of an exception that it raised."""


def _refused(call: Sequence[Item], why: Refused, lane: LaneState, situation: Situation) -> Verdict:
    if len(call) == 1:
        return _judged(call, [Reject(why.code, why.detail)], lane, situation)
    half = len(call) // 2
    changes = tuple(kept(item)._replace(limit=half, code=why.code, detail=why.detail) for item in call)
    return Verdict(changes, lane)


def judge_unsent(
    items: Sequence[Item], outcomes: Sequence[Failure], lane: LaneState, situation: Situation
) -> Verdict:
    """Decide what becomes of deliveries that were not sent: a rejection among them says nothing about the lane."""
    rejected = [
        kept(item)._replace(state="rejected", suspect=False, code=why.code, detail=why.detail)
        for item, why in zip(items, outcomes, strict=True)
        if isinstance(why, Reject)
    ]
    others = [it for it in zip(items, outcomes, strict=True) if not isinstance(it[1], Reject)]
    if not others:
        return Verdict(tuple(rejected), lane)
    verdict = _judged([item for item, _ in others], [why for _, why in others], lane, situation)
    return verdict._replace(changes=(*rejected, *verdict.changes))


def _raised(call: Sequence[Item], why: BaseException, lane: LaneState, situation: Situation) -> Verdict:
    """Judge a call whose answer is one failure for all of its members."""
    if isinstance(why, Pause | Halt) and len(call) == 1 and _is_its_own(call[0], why, lane):
        # Another delivery must succeed before the next suspect counts as guilty: a new outage would spend everybody's attempts
        own = Retry(why.code, why.detail, after=why.after)
        verdict = _judged(call, [own], lane, situation)
        after = verdict.lane._replace(probing=True)
        if is_explained(why) and after.status == "open":
            after = paused(after, why, situation)
        return verdict._replace(lane=after)
    if isinstance(why, Failure):
        return _judged(call, [why] * len(call), lane, situation)
    detail = str(why) if isinstance(why, ContractError) else f"{type(why).__name__} in the connector"
    bug = Retry(CONNECTOR_BUG, detail)
    verdict = _judged(call, [bug] * len(call), lane, situation)
    suspects = tuple(change._replace(suspect=change.state == "pending") for change in verdict.changes)
    return verdict._replace(changes=suspects)


def _is_its_own(item: Item, why: Failure, lane: LaneState) -> bool:
    """True if the failure of a call of one is about that lead: it is a suspect, and others went through."""
    quota = is_explained(why) and (why.after or 0.0) > PAUSE_DOUBTED
    return item.suspect and not lane.probing and not quota


@dataclass(slots=True)
class _Tally:
    """The findings of the walk over one call's outcomes so far."""

    lane: LaneState
    changes: list[Change] = field(default_factory=list)
    stop: Failure | None = None


def _judged(
    call: Sequence[Item], outcomes: Sequence[object], lane: LaneState, situation: Situation
) -> Verdict:
    delivered = sum(isinstance(outcome, Delivered) for outcome in outcomes)
    if delivered == len(call):
        changes = [_delivered(item, outcome) for item, outcome in zip(call, outcomes, strict=True)]  # type: ignore[arg-type]
        return Verdict(tuple(changes), _proved(lane._replace(delivered=lane.delivered + delivered)))
    walk = _Tally(lane._replace(delivered=lane.delivered + delivered))
    before, lenient = lane.delivered, delivered > 0 or situation.well
    for item, outcome in zip(call, outcomes, strict=True):
        if isinstance(outcome, Delivered):
            walk.changes.append(_delivered(item, outcome))
            walk.lane = _proved(walk.lane)
        elif walk.stop is not None:  # an earlier Pause or Halt counts for the rest of the call
            _on_stopped(walk, item, walk.stop, situation.now, alone=len(call) == 1)
        elif isinstance(outcome, Pause | Halt):
            walk.stop = outcome
            _on_stopped(walk, item, outcome, situation.now, alone=len(call) == 1)
        elif isinstance(outcome, Reject):
            _on_rejected(walk, item, outcome, situation.now, lenient=lenient)
        elif not isinstance(outcome, Failure):
            wrong = Retry(CONNECTOR_BUG, f"{type(outcome).__name__} is not an outcome")
            _on_retry(walk, item, wrong, before, situation)
        else:
            _on_retry(walk, item, outcome, before, situation)
    return _closed(walk, call, lane, situation, lenient=lenient)


def _delivered(item: Item, outcome: Delivered) -> Change:
    return Change(
        item.id, "delivered", item.attempts + 1, remote_id=outcome.remote_id, created=outcome.created
    )


def _proved(lane: LaneState) -> LaneState:
    """Clear the lane's failures and doubts after a success."""
    if not (lane.code or lane.probing or lane.failures or lane.alike_code or lane.doubts or lane.pauses):
        return lane
    well = lane._replace(probing=False, failures=0, alike_code="", alike=(), doubts=(), pauses=0)
    # A lane that was stopped during the call keeps the reason, and what it must prove
    return well._replace(code="", detail="") if lane.status == "open" else well._replace(probing=lane.probing)


def _on_stopped(walk: _Tally, item: Item, why: Failure, now: float, *, alone: bool) -> None:
    change = kept(item)._replace(code=why.code, detail=why.detail)
    if not item.suspect and is_believed(walk.lane, why):
        walk.changes.append(change)
        return
    # Move it to the end of the line: every probe would be the same lead otherwise
    walk.changes.append(change._replace(suspect=True, due_at=now if alone else now - MOMENT))


def _on_rejected(walk: _Tally, item: Item, why: Failure, now: float, *, lenient: bool) -> None:
    """Reject an item. `lenient`: the same call delivered something, so the lane is well, whatever the order."""
    lane = walk.lane
    change = kept(item)._replace(
        state="rejected",
        code=why.code,
        detail=why.detail,
        attempts=item.attempts + 1,
        suspect=False,
        maybe_sent=False,
    )
    if lane.probing and lane.alike_code == why.code and not lane.alike:
        # On probation, this may still be the lead's own fault: the next probe is another lead
        walk.changes.append(spared(change, now))
        walk.stop = Halt(why.code, f"The first lead after the halt was rejected as well: {why.detail}")
        return
    walk.changes.append(change)
    if lane.alike_code == why.code:
        walk.lane = lane._replace(alike=(*lane.alike, item.id))
    elif len(lane.alike) < ALIKE_LIMIT:  # or the lane is in doubt, which only a success ends
        walk.lane = lane._replace(alike_code=why.code, alike=(item.id,))
    if lenient:
        walk.lane = walk.lane._replace(alike=walk.lane.alike[-ALIKE_LIMIT:])


def _on_retry(walk: _Tally, item: Item, why: Failure, before: int, situation: Situation) -> None:
    attempts = item.attempts + 1
    mark = before if item.mark is None else item.mark
    since = situation.now if item.failing_since is None else item.failing_since
    own = backoff(attempts, situation.policy.retry_base, situation.policy.retry_cap, situation.chance)
    change = kept(item)._replace(
        attempts=attempts,
        due_at=situation.now + min(max(why.after or 0.0, own), LONGEST_PAUSE),
        mark=mark,
        failing_since=since,
        code=why.code,
        detail=why.detail,
    )
    old = attempts >= FEWEST_ATTEMPTS and situation.now - since > situation.policy.max_age
    if attempts >= situation.policy.attempts or old:
        if walk.lane.delivered > mark:
            change = change._replace(state="rejected", due_at=0.0, suspect=False)
        elif isinstance(why, Retry) and why.of_record:
            _on_rejected(walk, item, why, situation.now, lenient=situation.well)
            walk.changes[-1] = walk.changes[-1]._replace(maybe_sent=item.maybe_sent)
            return
        else:
            change = change._replace(suspect=True, due_at=situation.now)
            walk.stop = Halt(
                CONNECTOR_BUG if why.code == CONNECTOR_BUG else "attempts_exhausted",
                f"{attempts} attempts failed and nothing else was delivered meanwhile; the last: {why.detail}",
            )
    walk.changes.append(change)


def _closed(
    walk: _Tally, call: Sequence[Item], before: LaneState, situation: Situation, *, lenient: bool
) -> Verdict:
    lane, stop = walk.lane, walk.stop
    if isinstance(stop, Pause) and not is_lasting_bug(lane, stop):
        return Verdict(tuple(walk.changes), paused(lane, stop, situation))
    alike = len(lane.alike) >= ALIKE_LIMIT and not lenient
    rejected = any(change.state == "rejected" for change in walk.changes)
    if stop is None and not (alike and rejected):
        return Verdict(tuple(walk.changes), lane)
    doubts = lane.doubts
    if stop is not None or len(before.alike) >= ALIKE_LIMIT:
        doubts = (*doubts, call[0].id if len(call) == 1 else 0)[-HALT_LIMIT:]
    lane = lane._replace(doubts=doubts, probing=True)
    others = situation.others or (stop is not None and len(call) > 1)
    if others and len(doubts) < HALT_LIMIT:
        why = stop or _alike(walk)
        return Verdict(tuple(walk.changes), lane._replace(code=why.code, detail=why.detail))
    return _convicted(walk, lane, stop or _alike(walk), situation.now)


def _alike(walk: _Tally) -> Halt:
    last = next(change for change in reversed(walk.changes) if change.state == "rejected")
    n = len(walk.lane.alike)
    detail = f"{n} alike rejections in a row, none delivered between: {last.detail}"
    return Halt(walk.lane.alike_code, detail)


def _convicted(walk: _Tally, lane: LaneState, why: Failure, now: float) -> Verdict:
    """Halt the lane, and take back the rejections in a row: they were its fault."""
    lane = halted(lane, why, now)
    if why.code == lane.alike_code:
        lane = lane._replace(failures=lane.failures + 1)
    if len(lane.alike) < ALIKE_LIMIT:
        return Verdict(tuple(walk.changes), lane)
    alike = set(lane.alike)
    changes = tuple(
        spared(change, now) if change.state == "rejected" and change.id in alike else change
        for change in walk.changes
    )
    mine = {change.id for change in walk.changes}
    revived = tuple(other for other in lane.alike if other not in mine)
    doubts = (*lane.doubts, *lane.alike)[-HALT_LIMIT:]
    return Verdict(changes, lane._replace(alike=(), doubts=doubts), revived)
