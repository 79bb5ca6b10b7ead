"""The rate limit of one key, by a fixed or a sliding window. No code here reads a clock.

The vendor does not document the kind of its window. A refused request is not counted.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal, Protocol

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision about one request.

    Attributes:
        admitted: The request is served.
        remaining: Requests left after this one.
        reset: Epoch seconds at which the next request may be served.
    """

    admitted: bool
    remaining: int
    reset: float

    def wait(self, now: float) -> int:
        """Return the whole seconds until `reset`, at least 1, for Retry-After."""
        return max(1, math.ceil(self.reset - now))


class Window(Protocol):
    """A limit on the requests of one key."""

    def admit(self, now: float) -> Verdict:
        """Decide on a request that arrives at `now` (epoch seconds), and count an admitted request."""
        ...


class FixedWindow:
    """A count that restarts each minute, so one minute may hold up to twice the limit."""

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
    """The arrivals of the last minute, without one from exactly 60 seconds ago."""

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
    """The most arrivals within 60 seconds, refused requests included."""

    def __init__(self) -> None:
        self._arrivals: deque[float] = deque()
        self.most = 0

    def note(self, now: float) -> None:
        """Count one arrival at `now` (epoch seconds)."""
        while self._arrivals and self._arrivals[0] + MINUTE <= now:
            self._arrivals.popleft()
        self._arrivals.append(now)
        self.most = max(self.most, len(self._arrivals))
