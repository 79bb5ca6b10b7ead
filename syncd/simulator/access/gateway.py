"""The gateway that every request passes: keys, rate limits, planned failures, and the request log."""

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from syncd.simulator.access.api_keys import ApiKeys
from syncd.simulator.access.faults import Fault, Faults
from syncd.simulator.access.rate_limit import Verdict
from syncd.simulator.access.request_log import Request, RequestLog
from syncd.simulator.options import Options
from syncd.simulator.refusals import Refusal


class Gateway:
    """A thread-safe front to the keys, the failures and the log."""

    def __init__(self, options: Options) -> None:
        self._lock = Lock()
        self._log = RequestLog(options.request_log)
        self._keys = ApiKeys(options)
        self._faults = Faults()

    @property
    def requests(self) -> Sequence[Request]:
        """Logged requests under /api, oldest first."""
        with self._lock:
            return tuple(self._log.requests)

    def busiest_minute(self) -> int:
        """Return the most requests, refused or not, that one key sent within 60 seconds."""
        with self._lock:
            return self._log.busiest_minute()

    def stats(self) -> dict[str, Any]:
        """Count the answers by route and status."""
        with self._lock:
            return self._log.stats()

    def arrived(self, request: Request) -> None:
        """Log a request."""
        with self._lock:
            self._log.arrived(request)

    def answered(self, request: Request, status: int) -> None:
        """Log the answer to a request."""
        with self._lock:
            self._log.answered(request, status)

    def refusal(self, key: str) -> Refusal | None:
        """Return the reason to refuse a key, or None to accept it."""
        with self._lock:
            return self._keys.refusal(key)

    def key_id(self, key: str) -> int | None:
        """Return the id of an accepted key."""
        with self._lock:
            return self._keys.id_of(key)

    def admit(self, key: str, arrival: float) -> Verdict:
        """Count one request against the key's rate limit."""
        with self._lock:
            return self._keys.admit(key, arrival)

    def headers(self, verdict: Verdict, arrival: float) -> Mapping[str, str]:
        """Return the rate limit headers."""
        return self._keys.headers(verdict, arrival)

    def revoke(self, key: str | None) -> None:
        """Revoke one key, or every key that was accepted so far."""
        with self._lock:
            self._keys.revoke(key)

    def forgive(self) -> None:
        """Accept the revoked keys again."""
        with self._lock:
            self._keys.forgive()

    def fail(self, fault: Fault) -> None:
        """Make the next calls of a route fail."""
        with self._lock:
            self._faults.plan(fault)

    def recover(self) -> None:
        """Drop all planned failures."""
        with self._lock:
            self._faults.clear()

    def take_fault(self, route: str) -> Fault | None:
        """Remove and return the failure for a call of this route."""
        with self._lock:
            return self._faults.take(route)
