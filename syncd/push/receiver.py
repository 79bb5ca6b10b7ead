"""The listener: one thread over all connections, which reads a first line, answers, and throws the rest away.

It is no HTTP server, for there is nothing to serve: an answer depends on a request's first line alone, and goes out when that
line is in. So a body costs no memory, whatever it says of its length, and none is parsed. What is bounded, and how:

* memory: a line of `request.LONGEST` bytes for each of `CONNECTIONS`, and one buffer that all share;
* time: `PATIENCE` seconds for a whole connection, however busily it drips. When all connections are taken, the oldest gives
  way to the newest: an honest one takes milliseconds, and slow ones keep nobody out;
* what is read after the answer: a sender is let finish, or it would take the cut for a failure; up to `MOST` bytes from one who
  knew a token, `MOST_OF_STRANGERS` from others.

Every answer ends its connection. Nothing of a request is logged; how many came is counted.
"""

import selectors
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.listening import listen
from syncd.push.request import LONGEST, Answer

CONNECTIONS = 64
PATIENCE = 5.0
MOST = 8 << 20
MOST_OF_STRANGERS = 64 << 10
REST = 1.0
"""Seconds without taking connections when the process has no room for one."""
_PIECE = 16 << 10

Judge = Callable[[bytes], Answer]
"""Given a request's first line, says what to answer; in the listener's thread, so brief. Whom it concerns, it has told."""


@dataclass(slots=True)
class _Visit:
    """A connection. `ends`: monotonic; `left`: bytes that are still read after the answer, None before it."""

    socket: socket.socket
    ends: float
    line: bytearray = field(default_factory=bytearray)
    left: int | None = None


class Receiver:
    """A listener that is or is not there. `ensure` may be called again and again; `close` ends it."""

    def __init__(
        self, host: str, port: int, judge: Judge, clock: Clock, log: Logger, *, patience: float = PATIENCE
    ) -> None:
        self._host, self._port, self._judge = host, port, judge
        self._clock, self._log, self._patience = clock, log, patience
        self._thread: threading.Thread | None = None
        self._listening: socket.socket | None = None
        self.unserved = ""
        """Why it does not listen, in a sentence; empty while it does."""

    @property
    def port(self) -> int | None:
        """The port it listens on; None while it does not."""
        return int(self._listening.getsockname()[1]) if self._listening else None

    def ensure(self) -> bool:
        """Listen if that is not so already; whether it has just begun. Never raises for an address: it logs that, once."""
        if self._thread is not None and self._thread.is_alive():
            return False
        found = listen(self._host, self._port)
        if isinstance(found, str):
            why = f"Pushes cannot be received on {self._host}:{self._port}: {found}. Polling goes on, and it is tried again."
            if not self.unserved:
                self._log.warning("push_unserved", detail=why)
            self.unserved = why
            return False
        self.unserved = ""
        found.setblocking(False)  # noqa: FBT003 - the standard library's
        self._listening, loop = found, _Loop(found, self._judge, self._clock, self._patience)
        self._stop = loop.stop
        self._thread = threading.Thread(target=self._run, args=(loop,), name="push", daemon=True)
        self._thread.start()
        self._log.info("push_served", address=f"{self._host}:{self.port}")
        return True

    def close(self) -> None:
        """Listen no more; what is being answered may be cut."""
        thread, self._thread, self._listening = self._thread, None, None
        if thread is not None:
            self._stop()
            thread.join(0.5)

    def _run(self, loop: "_Loop") -> None:
        try:
            loop.run()
        except Exception as bug:  # noqa: BLE001 - a bug here must not go unseen; it listens anew when it is next ensured
            self._log.warning("push_receiver_failed", exc_info=bug)


class _Loop:
    """All connections of a listening socket, in one thread."""

    def __init__(self, listening: socket.socket, judge: Judge, clock: Clock, patience: float) -> None:
        self._listening, self._judge, self._clock, self._patience = listening, judge, clock, patience
        self._visits: dict[socket.socket, _Visit] = {}  # the oldest first
        self._piece = bytearray(_PIECE)
        self._over = False
        self._rests_until: float | None = None
        self._bell, self._ringer = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._selector.register(listening, selectors.EVENT_READ)

    def stop(self) -> None:
        """End the loop; from any thread."""
        self._over = True
        self._ringer.close()

    def run(self) -> None:
        """Until it is stopped; then everything is closed."""
        try:
            while not self._over:
                for key, _ in self._selector.select(self._wait()):
                    if key.fileobj is self._listening:
                        self._take()
                    elif (visit := self._visits.get(key.fileobj)) is not None:  # type: ignore[call-overload]
                        self._read(visit)
                self._tidy()
        finally:
            for visit in list(self._visits.values()):
                self._end(visit)
            self._selector.close()
            for one in (self._listening, self._bell, self._ringer):
                one.close()

    def _wait(self) -> float | None:
        """Seconds until somebody's patience is over; None when nobody is there: an idle listener sleeps."""
        ends = [visit.ends for visit in self._visits.values()]
        ends += [] if self._rests_until is None else [self._rests_until]
        return max(0.0, min(ends) - self._clock.monotonic()) if ends else None

    def _take(self) -> None:
        if len(self._visits) >= CONNECTIONS:
            self._end(next(iter(self._visits.values())))
        try:
            taken, _ = self._listening.accept()
        except (BlockingIOError, ConnectionAbortedError):  # it left before it was taken
            return
        except OSError:  # no descriptor is left: without a rest this would be asked again at once
            self._selector.unregister(self._listening)
            self._rests_until = self._clock.monotonic() + REST
            return
        taken.setblocking(False)  # noqa: FBT003 - as above
        self._visits[taken] = _Visit(taken, self._clock.monotonic() + self._patience)
        self._selector.register(taken, selectors.EVENT_READ)

    def _read(self, visit: _Visit) -> None:
        try:
            n = visit.socket.recv_into(self._piece)
        except BlockingIOError:
            return
        except OSError:
            n = 0
        if not n:
            self._end(visit)
        elif visit.left is None:
            self._listen_to(visit, n)
        else:
            visit.left -= n
            if visit.left < 0:
                self._end(visit)

    def _listen_to(self, visit: _Visit, n: int) -> None:
        """Take in what there is of the first line; answer when it is whole, or longer than any of ours."""
        end = self._piece.find(b"\n", 0, n)
        visit.line += self._piece[: min(n if end < 0 else end, LONGEST + 1 - len(visit.line))]
        if end < 0 and len(visit.line) <= LONGEST:
            return
        whole = end >= 0 and len(visit.line) <= LONGEST
        answer = self._judge(bytes(visit.line).rstrip(b"\r")) if whole else Answer(HTTPStatus.BAD_REQUEST)
        visit.line.clear()
        visit.left = MOST if answer.source else MOST_OF_STRANGERS
        try:
            visit.socket.send(_written(answer.status, self._clock.now()))
        except OSError:
            self._end(visit)

    def _tidy(self) -> None:
        now = self._clock.monotonic()
        for visit in [it for it in self._visits.values() if it.ends <= now]:
            self._end(visit)
        if self._rests_until is not None and self._rests_until <= now:
            self._rests_until = None
            self._selector.register(self._listening, selectors.EVENT_READ)

    def _end(self, visit: _Visit) -> None:
        del self._visits[visit.socket]
        self._selector.unregister(visit.socket)
        visit.socket.close()


def _written(status: HTTPStatus, now: float) -> bytes:
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Date: {formatdate(now, usegmt=True)}",
        "Content-Length: 0",
        "Connection: close",
        *(["Allow: POST"] if status == HTTPStatus.METHOD_NOT_ALLOWED else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode()
