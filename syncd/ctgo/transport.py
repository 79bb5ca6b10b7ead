"""One request's way through the network, held to one deadline.

Several requests may be under way, so a deadline travels in a context variable that the client sets around each, and the
network backend below httpx reads it: see `syncd.http.deadline`.

All clients of a process share one TLS context (each of its own costs a megabyte), made when the first https address
needs it. A loopback address is never asked through a proxy: the key would leave the machine in plain text.
"""

import socket
import ssl
import threading
from collections.abc import Iterable
from contextvars import ContextVar
from typing import NamedTuple

import httpcore
import httpx

from syncd.clock import Clock
from syncd.http.deadline import IDLE_SECONDS, Stream, proxy_for

MAX_CONNECTIONS = 16
MAX_IDLE = 8


class Deadline(NamedTuple):
    """The instant, on the monotonic clock, by which a request must be over."""

    clock: Clock
    at: float

    def left(self) -> float:
        """Seconds left; zero or less when it has passed."""
        return self.at - self.clock.monotonic()


DEADLINE: ContextVar[Deadline | None] = ContextVar("deadline", default=None)
"""The deadline of the request that this thread is busy with."""


def _within(timeout: float | None, late: type[Exception]) -> float | None:
    """The lesser of a time-out and what is left of the deadline. Raises `late` when nothing is."""
    deadline = DEADLINE.get()
    if deadline is None:
        return timeout
    left = deadline.left()
    if left <= 0:
        raise late("the deadline has passed")
    return left if timeout is None else min(timeout, left)


class _Backend(httpcore.NetworkBackend):
    """Connects to each address of a name in turn, within the deadline.

    The look-up itself is bounded by the system's resolver only.
    """

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failed: Exception = httpcore.ConnectError("the name has no address")
        for address in _addresses(host, port):
            try:
                within = _within(timeout, httpcore.ConnectTimeout)
                return Stream(
                    self._inner.connect_tcp(address, port, within, local_address, socket_options), _within
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed


def _addresses(host: str, port: int) -> Iterable[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:  # the latter for a label that is empty or too long
        raise httpcore.ConnectError(error) from error
    return dict.fromkeys(str(entry[4][0]) for entry in found)


class DirectTransport(httpx.HTTPTransport):
    """httpx's transport over a pool that keeps deadlines. Takes one address: what proxy and TLS it needs is known."""

    def __init__(self, url: httpx.URL) -> None:
        """`url`: any address on the host that all requests go to. Raises ValueError for a proxy it cannot use."""
        # Not super().__init__: it would build a TLS context for plain http too.
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls_context() if url.scheme == "https" else None,
            proxy=proxy_for(url, tls_context),
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=MAX_IDLE,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=_Backend(),
        )


_tls_lock = threading.Lock()
_tls: list[ssl.SSLContext] = []


def tls_context() -> ssl.SSLContext:
    """The process's one TLS context: 1.2 or later, `SSL_CERT_FILE` and `SSL_CERT_DIR` honoured, else certifi's roots."""
    with _tls_lock:
        if not _tls:
            context = httpx.create_ssl_context()
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            _tls.append(context)
        return _tls[0]
