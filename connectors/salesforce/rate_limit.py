"""The share of the org's API calls that is ours to use.

Salesforce counts the calls of a whole org over the last 24 hours, and each answer has their number.
Ours are counted here, hour by hour, or by Salesforce where it counts them apart. When our share is used up the lane
waits until an hour of it has left the window; and whoever used them, the last twentieth is left to the people.
"""

import math
from collections import deque
from collections.abc import Mapping
from typing import Any

from syncd.connector import Clock, Pause

HOUR, DAY = 3600.0, 86_400.0
RESERVE = 0.05
"""The part of the org's calls that is not taken, so that nobody is locked out by us."""


class Budget:
    """The calls of one connector; not kept over a restart, where Salesforce's own count is all there is."""

    def __init__(self, share: float, clock: Clock) -> None:
        """`share`: of the org's calls, above 0 and at most 1."""
        self._share, self._clock = share, clock
        self._hours: deque[tuple[float, int]] = deque()
        self.used = 0
        self.total = 0
        self._counted_there: int | None = None

    @property
    def own(self) -> int:
        """Our calls of the last 24 hours."""
        now = self._clock.monotonic()
        while self._hours and self._hours[0][0] + DAY <= now:
            self._hours.popleft()
        return max(sum(count for _, count in self._hours), self._counted_there or 0)

    def spend(self) -> None:
        """One call is about to be made."""
        hour = math.floor(self._clock.monotonic() / HOUR) * HOUR + HOUR
        if self._hours and self._hours[-1][0] == hour:
            hour, count = self._hours.pop()
            self._hours.append((hour, count + 1))
        else:
            self._hours.append((hour, 1))

    def learn(self, usage: Mapping[str, Any]) -> None:
        """Take in the header `Sforce-Limit-Info`, as simple-salesforce parses it."""
        if org := usage.get("api-usage"):
            self.used, self.total = org.used, org.total
        if app := usage.get("per-app-api-usage"):
            self._counted_there = app.used

    def ask(self) -> None:
        """Raises Pause when no more calls are ours for now."""
        if not self.total:
            return
        if self.own >= self._share * self.total:
            oldest = self._hours[0][0] + DAY - self._clock.monotonic() if self._hours else HOUR
            wait = HOUR if self._counted_there else oldest
            detail = f"{self.own} calls in 24 hours of {self.total} that the org has"
            raise self._pause("salesforce_daily_share", detail, min(max(wait, 60.0), HOUR))
        if self.used >= (1 - RESERVE) * self.total:
            detail = f"{self.used} of the org's {self.total} calls are used"
            raise self._pause("salesforce_limit", detail, 900.0)

    def _pause(self, code: str, detail: str, after: float) -> Pause:
        # What was learned is old by the end of the wait: the next call must be free to find out.
        self.used = 0
        self._counted_there = None
        return Pause(code, detail, after=after)
