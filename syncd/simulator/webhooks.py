"""Webhooks: subscriptions, and the POSTs of new leads.

The vendor documents the subscription, its filters, and a POST after each sync. It does not document the body, so a
switch picks it. Nothing is signed. A thread sends each POST once, so an absent receiver misses it.
"""

import threading
import urllib.error
import urllib.request
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from syncd.simulator.leads.row import Row
from syncd.simulator.options import Options

SECONDS = 5.0
"""Timeout of a POST."""
MOST = 1000
"""The most POSTs that wait; a new one then drops the oldest."""

_SOURCES = {"new_follower": "follower", "new_liker": "liker"}


@dataclass(frozen=True, slots=True)
class Subscription:
    """One address, and the filters of its leads."""

    id: int
    target: str
    filters: Mapping[str, Any] = field(default_factory=dict)

    def wants(self, row: Row) -> bool:
        """Return True if every filter matches. An unknown filter, such as the removed `segmentId`, matches nothing."""
        shown = {
            "streamId": row.stream_id,
            "accountId": row.account_id,
            "sourceType": _SOURCES["new_follower"],
            "matchConfidence": row.confidence,
        }
        return all(shown.get(name) == value for name, value in self.filters.items())


class Subscriptions:
    """The subscriptions of the user, and their deliveries. The class is thread-safe."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._known: dict[int, Subscription] = {}
        self._last = 0
        self._waiting: deque[tuple[str, bytes]] = deque(maxlen=MOST)
        self._bell = threading.Semaphore(0)
        self._thread: threading.Thread | None = None
        self.answers: Counter[str] = Counter()
        """Number of POSTs by the status of the answer; `failed` counts POSTs without an answer."""

    def subscribe(self, target: str, filters: Mapping[str, Any]) -> int:
        """Add an address, or replace the filter of a known one, and return its id."""
        with self._lock:
            number = next((it.id for it in self._known.values() if it.target == target), 0)
            if not number:
                self._last = number = self._last + 1
            self._known[number] = Subscription(number, target, dict(filters))
            return number

    def unsubscribe(self, number: int) -> bool:
        """Remove a subscription; return False if its id is unknown."""
        with self._lock:
            return self._known.pop(number, None) is not None

    def all(self) -> Sequence[Subscription]:
        """Return every subscription, oldest first."""
        with self._lock:
            return tuple(self._known.values())

    def announce(self, rows: Iterable[Row]) -> None:
        """Queue a POST of a sync's rows to each address with a matching row. The call does not wait."""
        found = [row for row in rows if row.listed]
        for it in self.all():
            wanted = [row.text(self._options) for row in found if it.wants(row)]
            if wanted:
                self._send(it.target, _BODIES[self._options.webhook_body](wanted))

    def stats(self) -> dict[str, Any]:
        """Count the subscriptions and the answers."""
        with self._lock:
            return {"subscriptions": len(self._known), "deliveries": dict(sorted(self.answers.items()))}

    def _send(self, target: str, body: bytes) -> None:
        with self._lock:
            self._waiting.append((target, body))
            if self._thread is None:
                self._thread = threading.Thread(target=self._deliver, name="ctgo-webhooks", daemon=True)
                self._thread.start()
        self._bell.release()

    def _deliver(self) -> None:
        while True:
            self._bell.acquire()
            with self._lock:
                target, body = self._waiting.popleft() if self._waiting else ("", b"")
            if target:
                answer = post(target, body)
                with self._lock:
                    self.answers[answer] += 1


def post(target: str, body: bytes) -> str:
    """POST JSON without a proxy or a redirect; return the status as text, or `failed`."""
    wanted = urllib.request.Request(target, body, {"Content-Type": "application/json"}, method="POST")  # noqa: S310 - http(s) only, the schema allows no other
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stays())
    try:
        with opener.open(wanted, timeout=SECONDS) as answered:
            return str(answered.status)
    except urllib.error.HTTPError as error:
        error.close()
        return str(error.code)
    except (OSError, ValueError):
        return "failed"


class _Stays(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow no redirect."""


_BODIES: Mapping[str, Callable[[Sequence[str]], bytes]] = {
    "envelope": lambda rows: f'{{"leads":[{",".join(rows)}]}}'.encode(),
    "bare": lambda rows: f"[{','.join(rows)}]".encode(),
    "nothing": lambda _: b"",
}
