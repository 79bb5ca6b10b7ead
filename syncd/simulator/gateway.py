"""The gateway that every request passes: keys, rate limits, planned failures, and the request log.

The vendor does not document the kind of its rate limit's window. A refused request is not counted.
"""

import math
import re
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from threading import Lock
from typing import Any, Literal

from syncd.simulator.api.endpoints import ENDPOINTS
from syncd.simulator.options import Options
from syncd.simulator.refusals import BAD_KEY_SHAPE, NO_HEADER, UNKNOWN_KEY, Refusal

MINUTE = 60.0
ANY = "*"
KEY_SHAPE = re.compile(r"ctgo_[A-Za-z0-9_-]+")


def bearer(header: str | None) -> str:
    """Return the key of an Authorization header, or an empty text."""
    scheme, _, key = (header or "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


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


class FixedWindow:
    """A count that restarts each minute, so one minute may hold up to twice the limit."""

    def __init__(self, limit: int, begins: Literal["first_request", "minute"] = "first_request") -> None:
        self._limit = limit
        self._begins = begins
        self._start = -math.inf
        self._used = 0

    def admit(self, now: float) -> Verdict:
        """Decide on a request that arrives at `now` (epoch seconds), and count an admitted request."""
        if now >= self._start + MINUTE:
            self._start = now if self._begins == "first_request" else now // MINUTE * MINUTE
            self._used = 0
        admitted = self._used < self._limit
        self._used += admitted
        return Verdict(admitted, self._limit - self._used, self._start + MINUTE)


class LastMinute:
    """The arrivals of the last minute, without one from exactly 60 seconds ago."""

    def __init__(self) -> None:
        self.arrivals: deque[float] = deque()
        self.most = 0
        """The most arrivals of any minute."""

    def forget(self, now: float) -> None:
        """Drop the arrivals that are too old at `now` (epoch seconds)."""
        while self.arrivals and self.arrivals[0] + MINUTE <= now:
            self.arrivals.popleft()

    def note(self, now: float) -> None:
        """Count one arrival at `now` (epoch seconds)."""
        self.forget(now)
        self.arrivals.append(now)
        self.most = max(self.most, len(self.arrivals))


class SlidingWindow:
    """A limit on the admitted requests of the last minute."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._minute = LastMinute()

    def admit(self, now: float) -> Verdict:
        """See `FixedWindow.admit`."""
        self._minute.forget(now)
        arrivals = self._minute.arrivals
        admitted = len(arrivals) < self._limit
        if admitted:
            arrivals.append(now)
        return Verdict(admitted, self._limit - len(arrivals), arrivals[0] + MINUTE)


@dataclass(frozen=True, slots=True)
class Fault:
    """A planned answer to the next calls of one endpoint.

    Attributes:
        route: A name of `syncd.simulator.api.endpoints.ENDPOINTS` (`leads`, `export`, …), or `*` for any.
        times: Number of calls.
        status: HTTP status.
        body: The raw body; it may be cut short, or not be text.
        headers: Added to the usual headers; the default `Content-Type` is JSON.
        after_applying: The call takes effect first, as when an answer is lost on its way.

    Raises:
        ValueError: No endpoint has this name.
    """

    route: str = ANY
    times: int = 1
    status: int = 500
    body: bytes = b'{"error":"internal_error","message":"Something went wrong."}'
    headers: Mapping[str, str] = field(default_factory=dict)
    after_applying: bool = False

    def __post_init__(self) -> None:
        if self.route not in (ANY, *ENDPOINTS):
            raise ValueError(f"route is one of {', '.join(sorted((ANY, *ENDPOINTS)))}, not {self.route}")


@dataclass(slots=True)
class Request:
    """One request under /api, logged on arrival.

    Attributes:
        route: `GET /api/v2/streams/{id}/leads`, or `unmatched`.
        arrival: Epoch seconds.
        key: Bearer key, or an empty text.
        status: 0 until the answer is sent.
    """

    method: str
    path: str
    query: str
    route: str
    arrival: float
    key: str
    status: int = 0


class Gateway:
    """The thread-safe keys, failures and log. The log drops its oldest requests; its counts drop nothing."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._lock = Lock()
        self._requests: deque[Request] = deque(maxlen=options.request_log)
        self._answers: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._minutes: defaultdict[str, LastMinute] = defaultdict(LastMinute)
        self._revoked = set(options.revoked_keys)
        self._accepted: dict[str, int] = {}
        self._windows: dict[str, FixedWindow | SlidingWindow] = {}
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)

    @property
    def requests(self) -> Sequence[Request]:
        """Logged requests under /api, oldest first."""
        with self._lock:
            return tuple(self._requests)

    def busiest_minute(self) -> int:
        """Return the most requests, refused or not, that one key sent within 60 seconds."""
        with self._lock:
            return max((minute.most for minute in self._minutes.values()), default=0)

    def stats(self) -> dict[str, Any]:
        """Count the answers by route and status."""
        with self._lock:
            answers = {
                route: {str(status): count for status, count in sorted(counts.items())}
                for route, counts in sorted(self._answers.items())
            }
            total = sum(self._answers.values(), Counter[int]())
        return {
            "requests": answers,
            "total": total.total(),
            "tooManyRequests": total[429],
            "busiestMinute": self.busiest_minute(),
        }

    def log_request(self, request: Request) -> None:
        """Log a request on its arrival."""
        with self._lock:
            self._requests.append(request)
            self._minutes[request.key].note(request.arrival)

    def log_answer(self, request: Request, status: int) -> None:
        """Log the answer to a request."""
        with self._lock:
            request.status = status
            self._answers[request.route][status] += 1

    def refusal(self, key: str) -> Refusal | None:
        """Return the reason to refuse a key, or None to accept it."""
        if not key:
            return NO_HEADER
        if not KEY_SHAPE.fullmatch(key):
            return BAD_KEY_SHAPE
        with self._lock:
            valid = self._options.api_keys
            if key in self._revoked or (valid and key not in valid):
                return UNKNOWN_KEY
            self._accepted.setdefault(key, len(self._accepted) + 1)
        return None

    def key_id(self, key: str) -> int | None:
        """Return the id of an accepted key. The first accepted key has the id 1."""
        with self._lock:
            return self._accepted.get(key)

    def revoke(self, key: str | None = None) -> None:
        """Revoke one key, or every key that was accepted so far."""
        with self._lock:
            self._revoked |= set(self._accepted) if key is None else {key}

    def restore_keys(self) -> None:
        """Accept the revoked keys again."""
        with self._lock:
            self._revoked.clear()

    def admit(self, key: str, arrival: float) -> Verdict:
        """Count one request against the key's rate limit."""
        with self._lock:
            if key not in self._windows:
                limit = self._options.rate_limit
                sliding = self._options.window == "sliding"
                self._windows[key] = (
                    SlidingWindow(limit) if sliding else FixedWindow(limit, self._options.fixed_from)
                )
            return self._windows[key].admit(arrival)

    def headers(self, verdict: Verdict, now: float) -> Mapping[str, str]:
        """Return the rate limit headers."""
        limit = str(self._options.rate_limit)
        headers = {"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": str(verdict.remaining)}
        if not verdict.admitted and self._options.retry_after != "absent":
            wait = verdict.wait(now)
            as_date = self._options.retry_after == "date"
            headers["Retry-After"] = formatdate(now + wait, usegmt=True) if as_date else str(wait)
        return headers

    def fail(self, fault: Fault) -> None:
        """Make the next calls of an endpoint fail."""
        with self._lock:
            if fault.times > 0:
                self._faults[fault.route].append(fault)

    def clear_faults(self) -> None:
        """Drop all planned failures."""
        with self._lock:
            self._faults.clear()

    def take_fault(self, endpoint: str) -> Fault | None:
        """Remove and return the failure for a call. One of the endpoint precedes one of any endpoint."""
        with self._lock:
            queue = self._faults[endpoint] or self._faults[ANY]
            if not queue:
                return None
            fault = queue.popleft()
            if fault.times > 1:
                queue.appendleft(replace(fault, times=fault.times - 1))
            return fault
