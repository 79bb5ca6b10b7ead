"""The allowance of one key: a fixed window or a sliding one, decided without a clock.

Whether the vendor's minute is fixed or sliding is not documented. Both answer the same question: may a request that
arrives at this instant be served, how many are left, and when is it worth coming back? A refused request is not counted.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal, Protocol

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the allowance says of one request.

    Attributes:
        admitted: Whether it is served.
        remaining: Requests left, this one taken off.
        reset: Instant from which one more may be served, in epoch seconds.
    """

    admitted: bool
    remaining: int
    reset: float

    def wait(self, now: float) -> int:
        """Whole seconds until `reset`, at least one: what Retry-After says."""
        return max(1, math.ceil(self.reset - now))


class Window(Protocol):
    """Admits the requests of one key."""

    def admit(self, now: float) -> Verdict:
        """Judge a request that arrives at `now` (epoch seconds), and count it if it is admitted."""
        ...


class FixedWindow:
    """Counts from zero again when its minute is over, so twice the limit may fall within one minute."""

    def __init__(self, limit: int, begins: Literal["first_request", "minute"] = "first_request") -> None:
        self._limit = limit
        self._begins = begins
        self._start = -math.inf
        self._used = 0

    def admit(self, now: float) -> Verdict:
        """See `Window.admit`."""
        if now >= self._start + MINUTE:
            self._start = now if self._begins == "first_request" else now // MINUTE * MINUTE
            self._used = 0
        admitted = self._used < self._limit
        self._used += admitted
        return Verdict(admitted, self._limit - self._used, self._start + MINUTE)


class SlidingWindow:
    """Keeps the arrivals of the last minute; one that came exactly a minute ago is no longer in it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._arrivals: deque[float] = deque()

    def admit(self, now: float) -> Verdict:
        """See `Window.admit`."""
        while self._arrivals and self._arrivals[0] + MINUTE <= now:
            self._arrivals.popleft()
        admitted = len(self._arrivals) < self._limit
        if admitted:
            self._arrivals.append(now)
        return Verdict(admitted, self._limit - len(self._arrivals), self._arrivals[0] + MINUTE)


class Busiest:
    """Remembers the largest number of arrivals in any 60 seconds, refused ones included."""

    def __init__(self) -> None:
        self._arrivals: deque[float] = deque()
        self.most = 0

    def note(self, now: float) -> None:
        """Count one arrival at `now` (epoch seconds)."""
        while self._arrivals and self._arrivals[0] + MINUTE <= now:
            self._arrivals.popleft()
        self._arrivals.append(now)
        self.most = max(self.most, len(self._arrivals))
