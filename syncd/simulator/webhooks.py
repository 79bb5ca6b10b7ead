"""Webhooks: who subscribed to which leads, and the POSTs that tell them.

Documented are subscribing, the filters, that the same `targetUrl` replaces the filter, and that a POST with the newly
discovered leads goes out when a sync completes. What it looks like is not: it is a switch. Nothing is signed. It is sent by
a thread of its own, once and never again, so a receiver that is away misses it.
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
"""How long a receiver may take."""
MOST = 1000
"""POSTs that wait to be sent; the oldest go first when there are more."""

_SOURCES = {"new_follower": "follower", "new_liker": "liker"}


@dataclass(frozen=True, slots=True)
class Subscription:
    """One address, and which leads it is told of."""

    id: int
    target: str
    filters: Mapping[str, Any] = field(default_factory=dict)

    def wants(self, row: Row) -> bool:
        """Whether every filter matches. One that nobody knows any more, such as `segmentId`, matches nothing."""
        shown = {
            "streamId": row.stream_id,
            "accountId": row.account_id,
            "sourceType": _SOURCES["new_follower"],
            "matchConfidence": row.confidence,
        }
        return all(shown.get(name) == value for name, value in self.filters.items())


class Subscriptions:
    """All of an account, and what was sent to them. Safe for threads."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._known: dict[int, Subscription] = {}
        self._last = 0
        self._waiting: deque[tuple[str, bytes]] = deque(maxlen=MOST)
        self._bell = threading.Semaphore(0)
        self._thread: threading.Thread | None = None
        self.answers: Counter[str] = Counter()
        """How many POSTs were answered with which status; `failed`: not at all."""

    def subscribe(self, target: str, filters: Mapping[str, Any]) -> int:
        """Add an address, or give the one that is there another filter; its id."""
        with self._lock:
            number = next((it.id for it in self._known.values() if it.target == target), 0)
            if not number:
                self._last = number = self._last + 1
            self._known[number] = Subscription(number, target, dict(filters))
            return number

    def unsubscribe(self, number: int) -> bool:
        """Take one out; False if there is none."""
        with self._lock:
            return self._known.pop(number, None) is not None

    def all(self) -> Sequence[Subscription]:
        """Those there are, oldest first."""
        with self._lock:
            return tuple(self._known.values())

    def announce(self, rows: Iterable[Row]) -> None:
        """A sync has completed and found these: one POST to each address that wants some of them. Does not wait."""
        found = [row for row in rows if row.listed]
        for it in self.all():
            wanted = [row.text(self._options) for row in found if it.wants(row)]
            if wanted:
                self._send(it.target, _BODIES[self._options.webhook_body](wanted))

    def stats(self) -> dict[str, Any]:
        """How many there are, and how they answered."""
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
    """POST JSON; the status as text, or `failed`. No proxy is asked and no redirect followed."""
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
        """Nowhere else."""


_BODIES: Mapping[str, Callable[[Sequence[str]], bytes]] = {
    "envelope": lambda rows: f'{{"leads":[{",".join(rows)}]}}'.encode(),
    "bare": lambda rows: f"[{','.join(rows)}]".encode(),
    "nothing": lambda _: b"",
}
