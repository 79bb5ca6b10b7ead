"""What happens next to a delivery: a pure function of (delivery, outcome, lane, policy, chance).

Exporting is delivering to CTGO, so the same rules serve both. One answer decides nothing: one lead never stands for its
lane, for its own fault and the lane's look alike until another lead was asked.

* A `Halt`, an unexplained `Pause`, and `PAUSE_LIMIT` explained ones in a row spend nobody's attempt. The members of
  the call become *suspects* at the end of the line, and the lane is in doubt: its next call is one other delivery, alone.
* Once one succeeds, the doubt is over. The suspects go alone, and then each spends its own attempts.
* A lane in doubt halts when `HALT_LIMIT` leads, or all there are, were asked in vain. Nobody is rejected for it.
* Exhausted attempts reject only if the lane delivered something meanwhile (`mark` is the lane's count when the
  delivery first failed); otherwise the lane is in doubt.
* `ALIKE_LIMIT` alike rejections in a row with none delivered between put the lane in doubt as well. If one of those
  asked next is delivered, the rejections stand; if none is, all return to pending in the transaction that halts it.
* What is decided before anything is sent is about that lead alone, and no word on the lane.
* A lifted halt is on probation: one delivery, alone, and only a success ends it.

This module decides; `syncd.ledger` writes what it decided in one transaction, and the engine acts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from syncd.core.failure import Failure, Halt, Pause, Refused, Reject, Retry
from syncd.core.lead import Lead

ALIKE_LIMIT = 10
"""Rejections of one code in a row, none delivered between, that put a lane in doubt."""

HALT_LIMIT = 10
"""Leads that a lane in doubt asks about, one by one, before it halts."""

PAUSE_LIMIT = 5
"""Explained pauses of one code in a row, none delivered between, that count as unexplained."""

PAUSE_DOUBTED = 300.0
"""Seconds: a pause that was told to be longer, as of a daily quota, is never held against one lead."""

MOMENT = 0.001
"""Seconds by which who was asked alone stands behind who was asked in company."""

SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 26 * 3600.0
"""Seconds, whatever a remote asks for: not a hot loop, and not longer than the reset of a daily quota."""

FEWEST_ATTEMPTS = 3
"""Failures of its own that a delivery must have before its age can exhaust it: an outage makes old, not guilty."""

State = Literal["pending", "delivered", "rejected", "dropped"]
Status = Literal["open", "paused", "halted"]


class Delivery(NamedTuple):
    """One lead on its way to one connector, as a connector sees it.

    `fields` is the mapped result, with nulls left out. `remote_id` is the person's id at the remote if any
    lead of theirs was delivered before. `maybe_sent`: an earlier call may have written it.
    """

    id: int
    lead: Lead
    fields: Mapping[str, object]
    person: str
    remote_id: str | None = None
    maybe_sent: bool = False
    attempt: int = 1


class Route(NamedTuple):
    """Which calls a delivery may share (`group`), what it must not share one with (`key`), and if it may be re-sent."""

    group: str
    key: str
    resend_safe: bool = True


@dataclass(frozen=True, slots=True)
class Delivered:
    """The remote holds it. `created`: it was not there before."""

    remote_id: str | None = None
    created: bool = True


Outcome = Delivered | Failure
"""What a connector says of one delivery; anything else is a bug of its."""


class Policy(NamedTuple):
    """How patient a lane is. Seconds."""

    attempts: int = 8
    max_age: float = 7 * 86400.0
    retry_base: float = 5.0
    retry_cap: float = 3600.0
    pause_base: float = 2.0
    pause_cap: float = 300.0
    probe: float | None = None
    """After which a halted lane tries one delivery by itself; None: somebody must act first."""


class Item(NamedTuple):
    """What the ledger knows of one member of a call."""

    id: int
    attempts: int = 0
    suspect: bool = False
    mark: int | None = None
    failing_since: float | None = None
    limit: int | None = None
    maybe_sent: bool = False


class Change(NamedTuple):
    """What becomes of one item. `due_at` 0 means at once."""

    id: int
    state: State
    attempts: int
    due_at: float = 0.0
    suspect: bool = False
    mark: int | None = None
    failing_since: float | None = None
    limit: int | None = None
    maybe_sent: bool = False
    code: str = ""
    detail: str = ""
    remote_id: str | None = None
    created: bool = False


class LaneState(NamedTuple):
    """The persisted part of a lane. `probing`: the next call is one delivery, alone."""

    kind: str
    name: str
    status: Status = "open"
    code: str = ""
    detail: str = ""
    by: str = ""
    since: float = 0.0
    until: float | None = None
    probing: bool = False
    failures: int = 0
    delivered: int = 0
    alike_code: str = ""
    alike: tuple[int, ...] = ()
    doubts: tuple[int, ...] = ()
    """Whom a lane in doubt has asked about in vain; 0 for a call of several."""
    pauses: int = 0
    """Explained pauses of the code in a row."""

    def wait(self, now: float, probe: float | None = None) -> float | None:
        """Seconds until the lane may go on: 0 now, None when somebody must act first. `probe`: as in `Policy`.

        A pause never lasts longer than it was meant to when it began, whatever became of the wall clock; one that
        seems to begin further ahead than it is long was made before the clock went back, and is over.
        """
        if self.status == "open":
            return 0.0
        if self.status == "halted" and probe is not None:
            return max(0.0, min(self.since + probe - now, probe))
        if self.status == "halted" or self.until is None:
            return None
        length = self.until - self.since
        return 0.0 if self.since - now > length else max(0.0, min(self.until - now, length))


class Verdict(NamedTuple):
    """What to write after a call. `revived`: earlier rejections that return to pending."""

    changes: tuple[Change, ...]
    lane: LaneState
    revived: tuple[int, ...] = ()


Chance = Callable[[], float]
"""A number in [0, 1): full jitter keeps many clients from coming back together."""


class Terms(NamedTuple):
    """What a decision is made under: the wall time, the lane's patience, and chance.

    `others`: a delivery that is not in the call, and that the lane's doubt has not asked about, is due. `well`: something
    that was sent beside the call was delivered.
    """

    now: float
    policy: Policy
    chance: Chance
    others: bool = False
    well: bool = False


def backoff(failures: int, base: float, cap: float, chance: Chance) -> float:
    """Seconds to wait after the n-th failure in a row: full jitter under an exponential ceiling, never under a second."""
    ceiling = min(cap, base * 2.0 ** min(failures, 30))
    return float(max(1.0, ceiling * chance()))


def paused(lane: LaneState, why: Failure, terms: Terms) -> LaneState:
    """The lane after a `Pause`: as long as it was told to, and by its own growing back-off when in doubt or not told."""
    explained = isinstance(why, Pause) and not why.unexplained
    pauses = _in_a_row(lane, why) if explained else 0
    doubted = not explained or pauses >= PAUSE_LIMIT
    grows = why.after is None or (explained and doubted)
    own = (
        backoff(lane.failures + 1, terms.policy.pause_base, terms.policy.pause_cap, terms.chance)
        if grows
        else SHORTEST_PAUSE
    )
    return lane._replace(
        status="paused",
        code=why.code,
        detail=why.detail,
        by="syncd",
        since=terms.now,
        until=terms.now + min(max(own, why.after or 0.0), LONGEST_PAUSE),
        probing=lane.probing or doubted,
        failures=lane.failures + grows,
        pauses=pauses,
    )


def _in_a_row(lane: LaneState, why: Failure) -> int:
    """How many explained pauses alike there are with this one."""
    return lane.pauses + 1 if lane.code == why.code else 1


def halted(lane: LaneState, why: Failure, now: float) -> LaneState:
    """The lane after a `Halt`."""
    return lane._replace(
        status="halted",
        code=why.code,
        detail=why.detail,
        by="syncd",
        since=now,
        until=None,
        probing=True,
    )


def reopened(lane: LaneState) -> LaneState:
    """The lane after a pause has passed or a halt was lifted: it keeps what it must still prove."""
    return lane._replace(status="open", until=None, by="")


BY_HAND = "paused_by_hand"
"""The code of a pause that a person made."""


def kept_by_hand(stored: LaneState, decided: LaneState, now: float) -> LaneState:
    """A pause that a person made while a call was under way outlasts what the call decided, a halt included.

    What the lane must prove when it goes on is what the call decided.
    """
    if stored.code != BY_HAND or stored.status != "paused" or stored.wait(now) == 0:
        return decided
    return decided._replace(
        status="paused",
        code=stored.code,
        detail=stored.detail,
        by=stored.by,
        since=stored.since,
        until=stored.until,
    )


def may_go_on(lane: LaneState) -> bool:
    """Whether a halted lane still wants to hear of a lead that it has not asked about: too few have spoken."""
    return lane.status == "halted" and 0 < len(lane.doubts) < HALT_LIMIT


def pack(items: Sequence[tuple[Item, Route]], lane: LaneState, batch_size: int) -> list[list[int]]:
    """Split candidates, given in due order, into calls: lists of indices into `items`.

    A probing lane makes one call of one, and a suspect only when there is nobody else. Otherwise a call holds one
    group, no key twice, at most the smallest batch limit of its members; suspects go alone, last.
    """
    if not items:
        return []
    if lane.probing:
        return [[next((n for n, (item, _) in enumerate(items) if not item.suspect), 0)]]
    calls: list[list[int]] = []
    filling: dict[tuple[str, int], tuple[list[int], set[str]]] = {}
    alone: list[list[int]] = []
    for n, (item, route) in enumerate(items):
        if item.suspect:
            alone.append([n])
            continue
        size = min(batch_size, item.limit or batch_size)
        this = filling.get((route.group, size))
        if this is None or len(this[0]) >= size or route.key in this[1]:
            this = filling[route.group, size] = ([], set())
            calls.append(this[0])
        this[0].append(n)
        this[1].add(route.key)
    return calls + alone


def in_company(
    calls: Sequence[list[int]], items: Sequence[tuple[Item, Route]], batch_size: int
) -> Sequence[list[int]]:
    """The calls to make while more is due than was looked at: one that is not full waits for more of its group.

    If none is full, all go. Suspects and those of a halved call have no company to wait for.
    """
    if not any(len(call) >= batch_size for call in calls):
        return calls
    return [
        call
        for call in calls
        if len(call) >= batch_size or any(items[n][0].suspect or items[n][0].limit for n in call)
    ]


def judge_call(
    call: Sequence[Item],
    answer: object,
    lane: LaneState,
    terms: Terms,
) -> Verdict:
    """Decide what one call comes to.

    `answer`: a sequence with an outcome for each member, or what was raised. Whatever else a plugin returns is its bug.
    """
    if not isinstance(answer, BaseException):
        if not isinstance(answer, Sequence) or isinstance(answer, str | bytes):
            answer = ContractError(f"{type(answer).__name__} is not a list of outcomes")
        elif len(answer) != len(call):
            answer = ContractError(f"{len(answer)} outcomes for {len(call)} deliveries")
        elif len(call) == 1 and isinstance(answer[0], Pause | Halt):
            answer = answer[0]  # alone, said of this one or of the call is the same
    if isinstance(answer, Reject) and len(call) > 1:
        answer = Refused(answer.code, answer.detail)  # one of them is at fault, and nobody said which
    if isinstance(answer, Refused):
        return _refused(call, answer, lane, terms)
    if isinstance(answer, BaseException):
        return _raised(call, answer, lane, terms)
    return _judged(call, answer if isinstance(answer, Sequence) else (), lane, terms)


class ContractError(Exception):
    """A connector broke the contract; carried where a raised bug would be."""


def _refused(call: Sequence[Item], why: Refused, lane: LaneState, terms: Terms) -> Verdict:
    if len(call) == 1:
        return _judged(call, [Reject(why.code, why.detail)], lane, terms)
    half = len(call) // 2
    changes = tuple(kept(item)._replace(limit=half, code=why.code, detail=why.detail) for item in call)
    return Verdict(changes, lane)


def judge_unsent(
    items: Sequence[Item], outcomes: Sequence[Failure], lane: LaneState, terms: Terms
) -> Verdict:
    """Decide what becomes of deliveries that were not sent: a rejection among them is no word of the remote's."""
    rejected = [
        kept(item)._replace(state="rejected", suspect=False, code=why.code, detail=why.detail)
        for item, why in zip(items, outcomes, strict=True)
        if isinstance(why, Reject)
    ]
    others = [it for it in zip(items, outcomes, strict=True) if not isinstance(it[1], Reject)]
    if not others:
        return Verdict(tuple(rejected), lane)
    verdict = _judged([item for item, _ in others], [why for _, why in others], lane, terms)
    return verdict._replace(changes=(*rejected, *verdict.changes))


def _raised(call: Sequence[Item], why: BaseException, lane: LaneState, terms: Terms) -> Verdict:
    """One word for the whole call."""
    if isinstance(why, Pause | Halt) and len(call) == 1 and _is_its_own(call[0], why, lane):
        # Another must succeed before the next suspect is believed guilty, or a new outage would spend the attempts
        # of them all.
        own = Retry(why.code, why.detail, after=why.after, fix=why.fix)
        verdict = _judged(call, [own], lane, terms)
        after = verdict.lane._replace(probing=True)
        if isinstance(why, Pause) and not why.unexplained and after.status == "open":
            after = paused(after, why, terms)
        return verdict._replace(lane=after)
    if isinstance(why, Failure):
        return _judged(call, [why] * len(call), lane, terms)
    said = str(why) if isinstance(why, ContractError) else f"{type(why).__name__} in the connector"
    bug = Retry("connector_bug", said)
    verdict = _judged(call, [bug] * len(call), lane, terms)
    suspects = tuple(change._replace(suspect=change.state == "pending") for change in verdict.changes)
    return verdict._replace(changes=suspects)


def _is_its_own(item: Item, why: Failure, lane: LaneState) -> bool:
    """Whether what stopped a call of one is about that lead: others went through, and this one, a suspect, did not."""
    quota = isinstance(why, Pause) and not why.unexplained and (why.after or 0.0) > PAUSE_DOUBTED
    return item.suspect and not lane.probing and not quota


@dataclass(slots=True)
class _Tally:
    """What the walk over one call's outcomes has found so far."""

    lane: LaneState
    changes: list[Change] = field(default_factory=list)
    stop: Failure | None = None
    fix: str = ""


def _judged(
    call: Sequence[Item],
    outcomes: Sequence[object],
    lane: LaneState,
    terms: Terms,
) -> Verdict:
    delivered = sum(isinstance(outcome, Delivered) for outcome in outcomes)
    if delivered == len(call):
        changes = [_delivered(item, outcome) for item, outcome in zip(call, outcomes, strict=True)]  # type: ignore[arg-type]
        return Verdict(tuple(changes), _proved(lane._replace(delivered=lane.delivered + delivered)))
    walk = _Tally(lane._replace(delivered=lane.delivered + delivered))
    before, lenient = lane.delivered, delivered > 0 or terms.well
    for item, outcome in zip(call, outcomes, strict=True):
        if isinstance(outcome, Delivered):
            walk.changes.append(_delivered(item, outcome))
            walk.lane = _proved(walk.lane)
        elif walk.stop is not None:  # the Pause or Halt before it stands for it too
            _on_stopped(walk, item, walk.stop, terms.now, alone=len(call) == 1)
        elif isinstance(outcome, Pause | Halt):
            walk.stop = outcome
            _on_stopped(walk, item, outcome, terms.now, alone=len(call) == 1)
        elif isinstance(outcome, Reject):
            _on_rejected(walk, item, outcome, terms.now, lenient=lenient)
        elif not isinstance(outcome, Failure):
            wrong = Retry("connector_bug", f"{type(outcome).__name__} is not an outcome")
            _on_retry(walk, item, wrong, before, terms)
        else:
            _on_retry(walk, item, outcome, before, terms)
    return _closed(walk, call, lane, terms, lenient=lenient)


def kept(item: Item) -> Change:
    """The change that leaves an item as it was: still pending, nothing spent."""
    return Change(
        item.id,
        "pending",
        item.attempts,
        suspect=item.suspect,
        mark=item.mark,
        failing_since=item.failing_since,
        limit=item.limit,
        maybe_sent=item.maybe_sent,
    )


def _delivered(item: Item, outcome: Delivered) -> Change:
    return Change(
        item.id, "delivered", item.attempts + 1, remote_id=outcome.remote_id, created=outcome.created
    )


def _proved(lane: LaneState) -> LaneState:
    """The lane after a success."""
    if not (lane.code or lane.probing or lane.failures or lane.alike_code or lane.doubts or lane.pauses):
        return lane
    well = lane._replace(probing=False, failures=0, alike_code="", alike=(), doubts=(), pauses=0)
    # A lane that was stopped meanwhile keeps the reason, and what it must prove
    return well._replace(code="", detail="") if lane.status == "open" else well._replace(probing=lane.probing)


def _on_stopped(walk: _Tally, item: Item, why: Failure, now: float, *, alone: bool) -> None:
    change = kept(item)._replace(code=why.code, detail=why.detail)
    explained = isinstance(why, Pause) and not why.unexplained
    if explained and not item.suspect and _in_a_row(walk.lane, why) < PAUSE_LIMIT:
        walk.changes.append(change)
        return
    # To the end of the line, or every probe would be the same one
    walk.changes.append(change._replace(suspect=True, due_at=now if alone else now - MOMENT))


def _on_rejected(walk: _Tally, item: Item, why: Reject, now: float, *, lenient: bool) -> None:
    """`lenient`: the same call delivered something, so the lane is well whatever the order of its members."""
    lane = walk.lane
    change = kept(item)._replace(
        state="rejected", code=why.code, detail=why.detail, attempts=item.attempts + 1, suspect=False
    )
    change = change._replace(maybe_sent=False)
    walk.fix = why.fix
    if lane.probing and lane.alike_code == why.code and not lane.alike:
        # On probation it may yet be this lead's own fault: the next probe is another one
        walk.changes.append(spared(change, now))
        walk.stop = Halt(why.code, f"Rejected again, none delivered between: {why.detail}", fix=why.fix)
        return
    walk.changes.append(change)
    if lane.alike_code == why.code:
        walk.lane = lane._replace(alike=(*lane.alike, item.id))
    elif len(lane.alike) < ALIKE_LIMIT:  # or the lane is in doubt, which only a success ends
        walk.lane = lane._replace(alike_code=why.code, alike=(item.id,))
    if lenient:
        walk.lane = walk.lane._replace(alike=walk.lane.alike[-ALIKE_LIMIT:])


def spared(change: Change, now: float) -> Change:
    """A rejection that was the lane's fault: a suspect at the end of the line, no attempt spent."""
    return change._replace(state="pending", attempts=change.attempts - 1, suspect=True, due_at=now)


def _on_retry(walk: _Tally, item: Item, why: Failure, before: int, terms: Terms) -> None:
    attempts = item.attempts + 1
    mark = before if item.mark is None else item.mark
    since = terms.now if item.failing_since is None else item.failing_since
    own = backoff(attempts, terms.policy.retry_base, terms.policy.retry_cap, terms.chance)
    change = kept(item)._replace(
        attempts=attempts,
        due_at=terms.now + min(max(why.after or 0.0, own), LONGEST_PAUSE),
        mark=mark,
        failing_since=since,
        # An attempt of unknown effect: where re-sending is not safe it must be looked for first.
        maybe_sent=item.maybe_sent,
        code=why.code,
        detail=why.detail,
    )
    old = attempts >= FEWEST_ATTEMPTS and terms.now - since > terms.policy.max_age
    if attempts >= terms.policy.attempts or old:
        if walk.lane.delivered > mark:
            change = change._replace(state="rejected", due_at=0.0, suspect=False)
        else:
            change = change._replace(suspect=True, due_at=terms.now)
            walk.stop = Halt(
                "attempts_exhausted",
                f"{attempts} attempts failed and nothing else was delivered meanwhile; the last: {why.detail}",
            )
    walk.changes.append(change)


def _closed(walk: _Tally, call: Sequence[Item], before: LaneState, terms: Terms, *, lenient: bool) -> Verdict:
    lane, stop = walk.lane, walk.stop
    if isinstance(stop, Pause):
        return Verdict(tuple(walk.changes), paused(lane, stop, terms))
    alike = len(lane.alike) >= ALIKE_LIMIT and not lenient
    rejected = any(change.state == "rejected" for change in walk.changes)
    if stop is None and not (alike and rejected):
        return Verdict(tuple(walk.changes), lane)
    doubts = lane.doubts
    if stop is not None or len(before.alike) >= ALIKE_LIMIT:
        doubts = (*doubts, call[0].id if len(call) == 1 else 0)[-HALT_LIMIT:]
    lane = lane._replace(doubts=doubts, probing=True)
    others = terms.others or (stop is not None and len(call) > 1)
    if others and len(doubts) < HALT_LIMIT:
        said = stop or _alike(walk)
        return Verdict(tuple(walk.changes), lane._replace(code=said.code, detail=said.detail))
    return _convicted(walk, lane, stop or _alike(walk), terms.now)


def _alike(walk: _Tally) -> Halt:
    last = next(change for change in reversed(walk.changes) if change.state == "rejected")
    n = len(walk.lane.alike)
    detail = f"{n} alike rejections in a row, none delivered between: {last.detail}"
    return Halt(walk.lane.alike_code, detail, fix=walk.fix)


def _convicted(walk: _Tally, lane: LaneState, why: Failure, now: float) -> Verdict:
    """The lane halts, and what was rejected in a row was its fault."""
    lane = halted(lane, why, now)
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
