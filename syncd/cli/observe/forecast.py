"""Forecast of the instant when the last of many requests can leave, given the slots that are taken: pure.

A slot that sends a request at `t` is free again a round later: the answer's time, a window, and the limiter's guard.
So a slot that is first free at `s` sends at `s`, `s + round`, `s + 2 round` and so on. The wanted instant is the n-th
smallest of all these. From the latest `s` on, every round sends exactly `limit` requests. A division skips whole rounds,
and the rest is merged one by one.

Scheduled pulls are not counted: they go first, and their requests come on top.
"""

import heapq

from syncd.core.limiter import GUARD, WINDOW, Budget

ANSWER = 0.5
"""Seconds that an answer is assumed to take."""


def seconds_for(budget: Budget, now: float, requests: int, *, answer: float = ANSWER) -> float:
    """Return the seconds until the last of so many requests is sent; 0 if all can leave at once."""
    if requests < 1:
        return 0.0
    limit = max(1, budget.limit)
    start = max(now, budget.blocked_until)
    busy = sorted(slots.free_at for slots in budget.taken for _ in range(slots.n) if slots.free_at > start)
    # If more slots are taken than the limit now allows, the first that become free are not reused
    firsts = [start] * (limit - len(busy)) + busy[-limit:]
    every = answer + WINDOW + GUARD
    settled = sum(int((firsts[-1] - first) // every) + 1 for first in firsts)
    rounds = max(0, requests - settled) // limit
    heapq.heapify(firsts)
    for _ in range(requests - rounds * limit - 1):
        heapq.heapreplace(firsts, firsts[0] + every)
    return firsts[0] + rounds * every - now
