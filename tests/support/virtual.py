"""A clock that only moves when told to, and seams in the ledger and on the wire where a process may die."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from sqlalchemy import Connection

from syncd.ledger import Ledger

START = 1_790_000_000.0
KEY = "ctgo_test"
DAY = 86400.0


class Clock:
    """Virtual time. `true` is the world's; `now` is the machine's wall clock, which `jump` sets wrong."""

    def __init__(self, start: float = START) -> None:
        self.passed = 0.0
        self.skew = 0.0
        self.booted = "boot-1"
        self._start = start
        self._stopping = False

    def true(self) -> float:
        return self._start + self.passed

    def now(self) -> float:
        return self.true() + self.skew

    def monotonic(self) -> float:
        return 1000.0 + self.passed

    def boot(self) -> str:
        return self.booted

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        if not event.is_set() and not self._stopping:
            assert seconds is not None, "nothing would ever end this wait"
            self.advance(seconds)
        return event.is_set() and not self._stopping

    def stop(self) -> None:
        self._stopping = True

    @property
    def stopping(self) -> bool:
        return self._stopping

    def advance(self, seconds: float) -> None:
        self.passed += seconds

    def jump(self, seconds: float) -> None:
        """The wall clock is set; nothing passes."""
        self.skew += seconds


class Log:
    """Keeps the events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def debug(self, event: str, **ids: object) -> None:
        self.events.append((event, ids))

    def info(self, event: str, **ids: object) -> None:
        self.events.append((event, ids))

    def warning(self, event: str, **ids: object) -> None:
        self.events.append((event, ids))

    def named(self, event: str) -> list[dict[str, object]]:
        return [ids for name, ids in self.events if name == event]


class Crash(BaseException):
    """Raised out of a seam."""


class Seams:
    """Counts the places where a process may die, and dies at the n-th. Once dead, nothing gets through any more."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.count, self.dead = at, 0, False
        self.passed: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, where: str) -> None:
        with self._lock:
            if self.dead:
                raise Crash(where)
            self.count += 1
            self.passed.append(where)
            if self.count == self.at:
                self.dead = True
                raise Crash(where)


class SeamLedger(Ledger):
    """A ledger that may die just before and just after a commit."""

    seams: Seams | None = None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with super().write() as connection:
            yield connection
            self._seam("before commit")
        self._seam("after commit")

    def _seam(self, where: str) -> None:
        if self.seams is not None:
            self.seams(where)


Answering = Callable[[httpx.Request, Callable[[], httpx.Response]], httpx.Response]
"""What a test puts between the client and CTGO; the second argument lets the request through."""


class Wire(httpx.BaseTransport):
    """The way to CTGO: may die before a request leaves and after its answer came, and may be tampered with."""

    def __init__(self, app: Any, seams: Seams) -> None:
        self._inner = httpx.WSGITransport(app=app)
        self._seams = seams
        self.answering: Answering | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._seams("before request")
        response = (
            self.answering(request, lambda: self._inner.handle_request(request))
            if self.answering
            else self._inner.handle_request(request)
        )
        self._seams("after request")
        return response
