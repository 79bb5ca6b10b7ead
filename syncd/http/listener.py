"""A listener that answers one request a connection: one thread over all connections, for those who need a head only.

It is no HTTP server: a head is read up to its end, the answer follows at once, and the rest is thrown away. So a body
costs neither memory nor disk, whatever its length claims to be, and none is parsed. The bounds:

* memory: a head of `longest` bytes for each of `connections`, one buffer that all share, and answers until they are read;
* time: `patience` seconds for a whole connection, however busily it drips or slowly it reads. When all connections are
  taken, the oldest gives way to the newest: an honest one takes milliseconds, and slow ones keep nobody out;
* what is read after the head: a sender is let finish, or it would take the cut for a failure; up to `Response.most` bytes.

Every answer ends its connection. Nothing of a request is logged.
"""

import re
import selectors
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import NamedTuple, Self

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.sockets import listen

REST = 1.0
"""Seconds without taking connections when the process has no room for one."""
_PIECE = 16 << 10


class Response(NamedTuple):
    """The answer in pieces, and the number of bytes that are still read and thrown away."""

    answer: tuple[bytes, ...]
    most: int


Respond = Callable[[bytes | None], Response]
"""Given a head without its end, or None for one that is too long; in the listener's thread, so brief."""


@dataclass(frozen=True, slots=True)
class ListenerOptions:
    """The behaviour of a listener.

    Attributes:
        name: of its thread, and the beginning of its events' names.
        unserved: a sentence with `{place}` and `{why}` for when it cannot listen.
        end_of_head: matches where a head ends.
        longest: bytes of a head.
        connections: how many at once.
        patience: seconds for a whole connection.
        half_close: end our direction after an answer. Without it, the other side ends the connection.
    """

    name: str
    unserved: str
    end_of_head: re.Pattern[bytes]
    longest: int
    connections: int
    patience: float
    half_close: bool = False


@dataclass(slots=True)
class _Connection:
    """A connection. `ends`: monotonic; `left`: bytes that are still read after the head, None before; `out`: to be written."""

    socket: socket.socket
    ends: float
    head: bytearray = field(default_factory=bytearray)
    left: int | None = None
    out: list[memoryview] = field(default_factory=list)
    ended: bool = False


class Listener:
    """A listener that is or is not there. `ensure` may be called again and again; `close` ends it."""

    def __init__(
        self, host: str, port: int, respond: Respond, clock: Clock, log: Logger, *, options: ListenerOptions
    ) -> None:
        self._host, self._port, self._respond = host, port, respond
        self._clock, self._log, self._options = clock, log, options
        self._thread: threading.Thread | None = None
        self._listening: socket.socket | None = None
        self.unserved = ""
        """The reason for not listening, in a sentence; empty while it listens."""

    @property
    def port(self) -> int | None:
        """The port it listens on; None while it does not."""
        return int(self._listening.getsockname()[1]) if self._listening else None

    def ensure(self) -> bool:
        """Listen if not yet; return True if this call began it. A bad address is logged once, and never raised."""
        if self._thread is not None and self._thread.is_alive():
            return False
        found = self._opened()
        name = self._options.name
        if isinstance(found, str):
            why = self._options.unserved.format(place=f"{self._host}:{self._port}", why=found)
            if not self.unserved:
                self._log.warning(f"{name}_unserved", detail=why)
            self.unserved = why
            return False
        self.unserved = ""
        self._listening, loop = found
        self._stop = loop.stop
        self._thread = threading.Thread(target=self._run, args=(loop,), name=name, daemon=True)
        self._thread.start()
        self._log.info(f"{name}_served", address=f"{self._host}:{self.port}")
        return True

    def _opened(self) -> "tuple[socket.socket, _Loop] | str":
        listening = listen(self._host, self._port)
        if isinstance(listening, str):
            return listening
        try:
            listening.setblocking(False)  # noqa: FBT003 - the standard library's
            return listening, _Loop(listening, self._respond, self._clock, self._log, self._options)
        except OSError as error:  # no descriptor is left for what a loop needs
            listening.close()
            return error.strerror or str(error)

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
            self._log.warning(f"{self._options.name}_listener_failed", exc_info=bug)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Loop:
    """All connections of a listening socket, in one thread."""

    def __init__(
        self, listening: socket.socket, respond: Respond, clock: Clock, log: Logger, options: ListenerOptions
    ) -> None:
        """Raises OSError when the process has no descriptors left for it."""
        self._listening, self._respond, self._clock, self._log, self._options = (
            listening, respond, clock, log, options,
        )  # fmt: skip
        self._open: dict[socket.socket, _Connection] = {}  # the oldest first
        self._piece = bytearray(_PIECE)
        self._over = self._short = False
        self._rests_until: float | None = None
        self._wakeup, self._waker = socket.socketpair()
        try:
            self._selector = selectors.DefaultSelector()
        except OSError:
            self._wakeup.close()
            self._waker.close()
            raise
        self._selector.register(self._wakeup, selectors.EVENT_READ)
        self._selector.register(listening, selectors.EVENT_READ)

    def stop(self) -> None:
        """End the loop; from any thread."""
        self._over = True
        self._waker.close()

    def run(self) -> None:
        """Until it is stopped; then everything is closed."""
        try:
            while not self._over:
                for key, events in self._selector.select(self._wait()):
                    if key.fileobj is self._listening:
                        self._accept()
                    elif (connection := self._open.get(key.fileobj)) is not None:  # type: ignore[call-overload]
                        self._serve(connection, events)
                self._expire()
        finally:
            for connection in list(self._open.values()):
                self._close(connection)
            self._selector.close()
            for one in (self._listening, self._wakeup, self._waker):
                one.close()

    def _wait(self) -> float | None:
        """Seconds until somebody's patience is over; None when nobody is there: an idle listener sleeps."""
        ends = [connection.ends for connection in self._open.values()]
        ends += [] if self._rests_until is None else [self._rests_until]
        return max(0.0, min(ends) - self._clock.monotonic()) if ends else None

    def _accept(self) -> None:
        if len(self._open) >= self._options.connections:
            self._close(next(iter(self._open.values())))
        try:
            taken, _ = self._listening.accept()
        except (BlockingIOError, ConnectionAbortedError):  # it left before it was taken
            return
        except OSError as error:  # no descriptor is left: without a rest this would be asked again at once
            if not self._short:
                self._log.warning(f"{self._options.name}_short", detail=error.strerror)
            self._short = True
            self._selector.unregister(self._listening)
            self._rests_until = self._clock.monotonic() + REST
            return
        self._short = False
        taken.setblocking(False)  # noqa: FBT003 - as above
        self._open[taken] = _Connection(taken, self._clock.monotonic() + self._options.patience)
        self._selector.register(taken, selectors.EVENT_READ)

    def _serve(self, connection: _Connection, events: int) -> None:
        """Read and write what can be now; then wait for what is left to do."""
        goes_on = not events & selectors.EVENT_READ or self._read(connection)
        if goes_on and connection.out:
            goes_on = self._write(connection)
        wanted = (0 if connection.ended else selectors.EVENT_READ) | (
            selectors.EVENT_WRITE if connection.out else 0
        )
        if goes_on and wanted:
            self._selector.modify(connection.socket, wanted)
        else:
            self._close(connection)

    def _read(self, connection: _Connection) -> bool:
        """Take in what came; False when the connection is over."""
        try:
            n = connection.socket.recv_into(self._piece)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not n:  # it sends no more, but may read on
            connection.ended = True
            return bool(connection.out)
        if connection.left is None:
            self._read_head(connection, n)
            return True
        connection.left -= n
        return connection.left >= 0

    def _read_head(self, connection: _Connection, n: int) -> None:
        """Take in what there is of a head; answer when it is whole, or longer than any of ours."""
        head, longest = connection.head, self._options.longest
        begin = max(0, len(head) - 3)  # the end may have come in two pieces
        head += self._piece[:n]
        end = self._options.end_of_head.search(head, begin)
        if end is None and len(head) <= longest:
            return
        whole = end is not None and end.start() <= longest
        answer, connection.left = self._respond(bytes(head[: end.start()]) if whole and end else None)
        connection.out = [memoryview(piece) for piece in answer if piece]
        head.clear()

    def _write(self, connection: _Connection) -> bool:
        """Write what can be written now; False when nobody is there to read it."""
        try:
            while connection.out:
                sent = connection.socket.send(connection.out[0])
                connection.out[0] = connection.out[0][sent:]
                if not connection.out[0]:
                    connection.out.pop(0)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if self._options.half_close:
            with suppress(OSError):
                connection.socket.shutdown(socket.SHUT_WR)
        return True

    def _expire(self) -> None:
        now = self._clock.monotonic()
        for connection in [it for it in self._open.values() if it.ends <= now]:
            self._close(connection)
        if self._rests_until is not None and self._rests_until <= now:
            self._rests_until = None
            self._selector.register(self._listening, selectors.EVENT_READ)

    def _close(self, connection: _Connection) -> None:
        del self._open[connection.socket]
        self._selector.unregister(connection.socket)
        connection.socket.close()


def response_head(
    status: HTTPStatus, now: float, headers: Iterable[tuple[str, str]] = (), length: int = 0
) -> bytes:
    """The head of an answer that ends its connection. `now`: Unix time; `length`: bytes of the body that follows."""
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Date: {formatdate(now, usegmt=True)}",
        *(f"{name}: {value}" for name, value in headers),
        f"Content-Length: {length}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
