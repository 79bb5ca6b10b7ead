"""Who comes in: keys, their allowance, failures to come, and the log of it all. Safe for threads by itself."""

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
    """What every request passes."""

    def __init__(self, options: Options) -> None:
        self._lock = Lock()
        self._log = RequestLog(options.request_log)
        self._keys = ApiKeys(options)
        self._faults = Faults()

    @property
    def requests(self) -> Sequence[Request]:
        """The requests under /api that are remembered, oldest first."""
        with self._lock:
            return tuple(self._log.requests)

    def busiest_minute(self) -> int:
        """Largest number of requests of one key in any 60 seconds, refused ones included."""
        with self._lock:
            return self._log.busiest_minute()

    def stats(self) -> dict[str, Any]:
        """Answers by route and status."""
        with self._lock:
            return self._log.stats()

    def arrived(self, request: Request) -> None:
        """Note a request."""
        with self._lock:
            self._log.arrived(request)

    def answered(self, request: Request, status: int) -> None:
        """Note its answer."""
        with self._lock:
            self._log.answered(request, status)

    def refusal(self, key: str) -> Refusal | None:
        """Why a key is not let in; None if it is."""
        with self._lock:
            return self._keys.refusal(key)

    def key_id(self, key: str) -> int | None:
        """The id of a key that was let in."""
        with self._lock:
            return self._keys.id_of(key)

    def admit(self, key: str, arrival: float) -> Verdict:
        """Take a request off the key's allowance."""
        with self._lock:
            return self._keys.admit(key, arrival)

    def headers(self, verdict: Verdict, arrival: float) -> Mapping[str, str]:
        """The headers of an allowance."""
        return self._keys.headers(verdict, arrival)

    def revoke(self, key: str | None) -> None:
        """Make a key permanently dead; without one, every key that was let in so far."""
        with self._lock:
            self._keys.revoke(key)

    def forgive(self) -> None:
        """Let every key in that was revoked."""
        with self._lock:
            self._keys.forgive()

    def fail(self, fault: Fault) -> None:
        """Make the next calls of a route fail."""
        with self._lock:
            self._faults.plan(fault)

    def recover(self) -> None:
        """Forget every failure still to come."""
        with self._lock:
            self._faults.clear()

    def take_fault(self, route: str) -> Fault | None:
        """The failure that a call of this route meets now."""
        with self._lock:
            return self._faults.take(route)
