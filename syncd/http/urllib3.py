"""HTTP below urllib3, held to a deadline and to a number of bytes: for vendors' libraries that sit on it, in or below requests.

A time-out of urllib3 is for each read, and never fires on a server that sends a byte now and then. And neither it nor
`http.client` has any bound on what comes before a body and behind it: interim answers, the line with a chunk's size and
trailers are read for as long as they come, the line into memory. So every read from the socket is counted here, and gets no
more time than is left. Imports urllib3, so it is imported when a connector opens.
"""

import functools
import http.client
import io
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from urllib3 import exceptions

from syncd.clock import Clock

HEADS = 1024 * 1024
"""Bytes that may come besides the body: heads, and what chunks cost when they are of a sensible size."""

BUFFER = 64 * 1024
"""Bytes read at once: an answer to a batch is some ten times the usual buffer, and each read asks the clock."""


_PIECE = 64 * 1024
_UNSENT = (
    exceptions.NewConnectionError,
    exceptions.ConnectTimeoutError,
    exceptions.ProxyError,
    exceptions.SSLError,
    exceptions.LocationValueError,
)


def unsent(error: Exception) -> bool:
    """True if an error of urllib3, or one of requests around it, means that no connection stood: nothing was sent."""
    inner = error.args[0] if error.args else None
    return any(isinstance(one, _UNSENT) for one in (error, inner, getattr(inner, "reason", None)))


_REASONS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (exceptions.ProxyError, "the proxy did not let a connection to {} through"),
    ((exceptions.NameResolutionError, exceptions.LocationValueError), "the name of {} could not be resolved"),
    (ssl.SSLCertVerificationError, "the TLS certificate of {} could not be verified"),
    ((exceptions.SSLError, ssl.SSLError), "a TLS connection to {} could not be made"),
    (ConnectionRefusedError, "{} refused the connection"),
    (exceptions.NewConnectionError, "no connection to {} could be made"),
    (exceptions.ConnectTimeoutError, "a connection to {} was not made in time"),
    ((exceptions.TimeoutError, TimeoutError), "{} did not finish its answer in time"),
    (Exception, "the connection to {} broke"),
)


def reason(error: Exception, url: str) -> str:
    """Say in a clause why a call to `url` came to no answer. It names the host, and no other part of the address."""
    errors = list(_chain(error))
    text = next(text for kinds, text in _REASONS if any(isinstance(one, kinds) for one in errors))
    return text.format(urlsplit(url).netloc.rpartition("@")[2])


def _chain(error: object) -> Iterator[BaseException]:
    """Yield an error and those that it wraps: requests and urllib3 keep them in several places."""
    seen: list[object] = []
    while isinstance(error, BaseException) and error not in seen:
        seen.append(error)
        yield error
        wrapped = (*error.args[:1], getattr(error, "reason", None), error.__cause__, error.__context__)
        error = next((one for one in wrapped if isinstance(one, BaseException)), None)


class Bounds:
    """The bounds of the request under way; for a client with one request at a time."""

    def __init__(
        self,
        clock: Clock,
        *,
        seconds: float,
        most: int,
        late: Callable[[], Exception],
        large: Callable[[], Exception],
    ) -> None:
        """`seconds`: from `start` to the last byte; `most`: bytes of a body; `late`, `large`: what is raised beyond them."""
        self._clock, self._seconds, self._most = clock, seconds, most
        self._late, self._large = late, large
        self.answer: http.client.HTTPResponse | None = None
        """The one under way."""
        self.start()

    def start(self) -> None:
        """A request begins."""
        self._until = self._clock.monotonic() + self._seconds
        self._room = self._most + HEADS

    def end(self) -> None:
        """It is over: what is open of its answer is closed. urllib3 forgets an answer whose lengths contradict each other."""
        answer, self.answer = self.answer, None
        if answer is not None:
            answer.close()

    def body(self, answer: Any) -> bytes:
        """Read the whole body of a urllib3 response that has not been read, decoded. Raises `late()`, `large()`, HTTPError."""
        whole = bytearray()
        # Not read(): it waits for all it was asked for, and a slow drip would never let it come back
        while piece := answer.read1(_PIECE, decode_content=True):
            whole += piece
            if len(whole) > self._most:
                raise self._large()
        return bytes(whole)

    def left(self) -> float:
        """Seconds left, more than 0. Raises `late()`."""
        left = self._until - self._clock.monotonic()
        if left <= 0:
            raise self._late()
        return left

    def take(self, count: int) -> None:
        """So many bytes came. Raises `large()`."""
        self._room -= count
        if self._room < 0:
            raise self._large()


def bound(manager: Any, bounds: Bounds) -> None:
    """Have all connections that a urllib3 `PoolManager` makes from now on keep to these bounds."""
    pools = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _bounded(pool, bounds) for scheme, pool in pools.items()}


def _bounded(pool: Any, bounds: Bounds) -> type:
    answers = staticmethod(functools.partial(_Response, bounds))
    connection = type("BoundedConnection", (pool.ConnectionCls,), {"response_class": answers})
    return type("BoundedPool", (pool,), {"ConnectionCls": connection})


class _Response(http.client.HTTPResponse):
    """As its base class, which reads everything from `fp`."""

    def __init__(self, bounds: Bounds, sock: socket.socket, *given: Any, **named: Any) -> None:
        super().__init__(sock, *given, **named)
        self.fp: io.BufferedReader = io.BufferedReader(_Raw(self.fp.detach(), sock, bounds), BUFFER)
        bounds.answer = self


class _Raw(io.RawIOBase):
    """A socket's reading end."""

    def __init__(self, inner: io.RawIOBase, sock: socket.socket, bounds: Bounds) -> None:
        self._inner, self._socket, self._bounds = inner, sock, bounds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        given, left = self._socket.gettimeout(), self._bounds.left()
        sooner = given is None or left < given
        if sooner:
            self._socket.settimeout(left)
        try:
            count: int | None = self._inner.readinto(buffer)
        finally:
            if sooner:
                self._socket.settimeout(given)
        self._bounds.take(count or 0)
        return count

    def close(self) -> None:
        self._inner.close()
        super().close()
