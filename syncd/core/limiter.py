"""The limiter: when the next request on an API key may be sent, so that no 60 seconds hold more than `limit` arrivals.

*Slots.* A key has `limit` slots. A request takes one and gives it back a window after its **answer**. The server
counts at some instant between sending and answer; whoever takes the slot next sends a window after the answer,
so it arrives more than a window after the first did. Two arrivals of one slot are never inside one window. Hence
no window of 60 seconds, wherever it begins, holds more than `limit` of them. A sliding window, an aligned window, a
window that starts with the first request, and a token bucket ask for no more than that. The
price is the time of an answer in every minute: 60 / (60 + answer + `GUARD` + rounding) of the allowance.

*Live first.* Other work takes a slot only if the scheduled pulls will still find theirs. A slot that frees before
the pull counts as found, one that is taken now does not. An overdue pull keeps its reserve. Work that is part of
a pull (`live`) ignores the reserve.

*Nobody starves.* A slot comes back a little later than a minute after it was taken. So pulls that need half the limit
every minute, or any pull under a limit of one, leave nothing to other work. Then, and when a pull is overdue by a
window, time is divided: in one turn of four the reserve is void and live work leaves one free slot.
Turns are read off the clock that all processes share, so nothing has to be remembered. Otherwise the reserve is
at most `limit` - 1, and a limit below one is taken as one: only a request can show that it was raised again.

This module decides. It reads no clock, never sleeps, and keeps nothing: slots are rows of the ledger, which takes
them in one transaction with the answer of `grant`. Instants are monotonic seconds, one clock for every process of
a boot. It does not know why a request is made, nor what the server answered beyond two numbers.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

WINDOW = 60.0
"""Seconds in which at most `limit` requests may arrive."""

GUARD = 0.1
"""Seconds on top of a window. Our clock and the server's may each be slewed by 500 ppm (NTP's bound), 60 ms apart
after a window; a server that counts both ends of it or stamps with a kernel tick adds 10 ms."""

QUANTUM = 0.125
"""Seconds to round `free_at` up to: with answers of 0.5 s a slot's round is 60.725 s at most, 98.8 % of the allowance."""

AHEAD = 40.0
"""Seconds beyond a window in which pulls are reserved for: a slot taken before that is back in time for the pull,
unless its request takes longer than this."""

TURN = 2 * WINDOW
"""Seconds: a slot that was taken just before a turn is free again well before its end."""

TURNS = 4
"""One turn of so many is other work's, when pulls alone would use everything."""

RECENT = 1.0
"""Seconds since an answer's request was sent, if that is not known."""

RECHECK = 1.0
"""Seconds after a due pull when it is worth asking again: by then it has moved on to the next."""


class Slots(NamedTuple):
    """`n` slots that all become free at one instant."""

    free_at: float
    n: int


class Budget(NamedTuple):
    """One key's budget, as the ledger knows it.

    `limit`: ours, already lowered by `X-RateLimit-Limit` if that is below. `taken`: in any order; those with
    `free_at` <= now are free. `blocked_until`: `Retry-After` stops the whole key. `pull_at`: the next *scheduled*
    pull, None if there is none; `pull_needs`: requests it is expected to need; `pull_every`: seconds from one pull
    to the next, None if not known, and then only the next is reserved for.
    """

    limit: int
    taken: tuple[Slots, ...]
    blocked_until: float = 0.0
    pull_at: float | None = None
    pull_needs: int = 1
    pull_every: float | None = None


class Grant(NamedTuple):
    """`n` slots that may be taken now; if 0, `wait` > 0: seconds until asking again can help, in whole milliseconds."""

    n: int
    wait: float


def grant(budget: Budget, now: float, want: int, *, live: bool) -> Grant:
    """Say how many of `want` slots may be taken now, or how long to wait.

    `live`: the requests are a pull's. Every slot granted must be recorded as `held` in the same transaction.
    Raises ValueError if `want` is below 1.
    """
    if want < 1:
        raise ValueError(f"{want} slots wanted: ask for one at least")
    available = _available(budget, now, live=live)
    if available > 0:
        return Grant(min(want, available), 0.0)
    return Grant(0, _rounded_up(now, _next(budget, now, live=live)))


def held(now: float, deadline: float) -> float:
    """When a slot taken now is free if no answer comes.

    `deadline`: seconds until the request has ended, answered or not, counted from now and not from sending: a
    process that was stopped in between must not send any more. A time-out leaves this as it is, for what was sent
    may still arrive.
    """
    return now + deadline + WINDOW + GUARD


def freed(answered_at: float) -> float:
    """When the slot of a request that was answered, with whatever status, is free."""
    return answered_at + WINDOW + GUARD


def coalesce(frees: Iterable[float], quantum: float = QUANTUM) -> tuple[Slots, ...]:
    """Many single slots as few rows, in order, each `free_at` rounded up to a multiple of `quantum` seconds."""
    counts = Counter(_ceiling(free_at, quantum) for free_at in frees)
    return tuple(Slots(free_at, n) for free_at, n in sorted(counts.items()))


def foreign(
    budget: Budget, now: float, remaining: int, in_flight: int, *, sent_at: float | None = None
) -> Slots | None:
    """The slots to add because somebody else uses the key, or None.

    `remaining`: `X-RateLimit-Remaining` of an answer that came at `now`, to a request of `sent_at` (None: `RECENT`
    seconds ago). What freed in between may have counted still, so `taken` should hold those rows; without them a
    slow answer may show a stranger who is not there. `in_flight`: requests of ours that are not answered yet; they
    are in `taken`, but the server may not have counted them.

    The server's number may be above ours (its window began anew, a request has not arrived); below, it is proof.
    Then it is believed, less what is still on its way.
    """
    limit = max(1, budget.limit)
    left = max(0, remaining)
    if left >= limit - _busy(budget.taken, now - RECENT if sent_at is None else sent_at):
        return None
    added = limit - _busy(budget.taken, now) - max(0, left - max(0, in_flight))
    return Slots(freed(now), added) if added > 0 else None


def clamp(taken: Iterable[Slots], now: float, same_boot: bool) -> tuple[Slots, ...]:  # noqa: FBT001 - the contract is positional
    """Return the slots that are still taken after a start at `now`: each frees a window after it at the latest.

    Whatever a dead process sent had left it before this start, which takes longer than `GUARD`. Instants of another
    boot mean nothing in this one: those slots are held for a window.
    """
    latest = now + WINDOW
    # Asked this way round so that a NaN out of a damaged row is held for a window as well.
    return tuple(
        slots if same_boot and slots.free_at <= latest else slots._replace(free_at=latest) for slots in taken
    )


def _busy(taken: Iterable[Slots], at: float) -> int:
    return sum(slots.n for slots in taken if slots.free_at > at)


def _available(budget: Budget, at: float, *, live: bool) -> int:
    """Slots that may be taken at an instant; 0 or less: none."""
    if at < budget.blocked_until:
        return 0
    limit = max(1, budget.limit)
    free = limit - _busy(budget.taken, at)
    if _strained(budget, limit, at) and _turn(at) == TURNS - 1:
        return free - 1 if live else free
    if live:
        return free
    return min(
        [free, *(limit - _busy(budget.taken, pull) - owed for pull, owed in _reserved(budget, limit, at))]
    )


def _reserved(budget: Budget, limit: int, at: float) -> Iterator[tuple[float, int]]:
    """The pulls to reserve for: when, and how many slots they need up to and including that one."""
    if budget.pull_at is None:
        return
    most = max(1, limit - 1)
    pull, owed = max(at, budget.pull_at), 0
    while pull <= at + WINDOW + AHEAD and owed < most:
        owed = min(most, owed + max(0, budget.pull_needs))
        yield pull, owed
        if not budget.pull_every or not budget.pull_needs > 0:
            return
        pull += max(budget.pull_every, RECHECK)


def _strained(budget: Budget, limit: int, at: float) -> bool:
    """True if pulls would leave nothing to other work: see the top."""
    if budget.pull_at is None:
        return False
    if at - budget.pull_at >= WINDOW:
        return True
    every = max(budget.pull_every or WINDOW, RECHECK)
    if every >= WINDOW + AHEAD + TURN:  # so rare that other work has its turn between two of them
        return False
    at_once = int((WINDOW + RECENT) // every) + 1  # pulls whose slots are out at the same time
    return budget.pull_needs * at_once >= limit


def _turn(at: float) -> int:
    return int(at // TURN) % TURNS


def _next(budget: Budget, now: float, *, live: bool) -> float:
    """The first instant after now at which asking again can help."""
    # A request that is answered right now frees its slot this early, however long the slot is held for.
    soonest = tuple(slots._replace(free_at=min(slots.free_at, freed(now))) for slots in budget.taken)
    hopeful = budget._replace(taken=soonest)
    instants = {budget.blocked_until, *(slots.free_at for slots in soonest)}
    instants |= {(now // TURN + turn) * TURN for turn in range(1, TURNS + 1)}
    due = math.inf
    if budget.pull_at is not None:
        due = max(budget.pull_at, now) + RECHECK
        instants |= {budget.pull_at + WINDOW, due}
    for at in sorted(instant for instant in instants if now < instant < math.inf):
        if _available(hopeful, at, live=live) > 0:
            return at
        if at == due and _available(hopeful, at, live=True) > 0:  # only the reserve stands in the way
            return at
    return now + WINDOW


def _rounded_up(now: float, until: float) -> float:
    wait = math.ceil((until - now) * 1000.0) / 1000.0
    while now + wait < until or wait <= 0.0:  # what rounding of large numbers may do
        wait += 0.001
    return wait


def _ceiling(instant: float, quantum: float) -> float:
    steps = math.ceil(instant / quantum)
    while steps * quantum < instant:  # as above
        steps += 1
    return steps * quantum
