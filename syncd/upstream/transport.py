"""One request's way through the network, held to one deadline.

A per-read time-out never fires on a server that sends a byte now and then, so every connect, read and write here gets
no more than what is left of its request's deadline. httpx hands a socket no such thing: the deadline travels in a
context variable that the client sets around each request, and the network backend below httpx reads it.

All clients of a process share one TLS context (each of its own costs a megabyte), made when the first https address
needs it. A loopback address is never asked through a proxy: the key would leave the machine in plain text.
"""

import ipaddress
import socket
import ssl
import threading
import urllib.request
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from syncd.clock import Clock

MAX_CONNECTIONS = 16
MAX_IDLE = 8
IDLE_SECONDS = 4.0
"""Under the five seconds after which many servers close an idle connection: a request must not meet that moment."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The instant, on the monotonic clock, by which a request must be over."""

    clock: Clock
    at: float

    def left(self) -> float:
        """Seconds left; zero or less when it has passed."""
        return self.at - self.clock.monotonic()


DEADLINE: ContextVar[Deadline | None] = ContextVar("deadline", default=None)
"""The deadline of the request that this thread is busy with."""


def is_loopback(host: str) -> bool:
    """Whether a host name or address, without brackets, is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _within(timeout: float | None, late: type[Exception]) -> float | None:
    """The lesser of a time-out and what is left of the deadline. Raises `late` when nothing is."""
    deadline = DEADLINE.get()
    if deadline is None:
        return timeout
    left = deadline.left()
    if left <= 0:
        raise late("the deadline has passed")
    return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    """A connection whose every operation ends by the deadline of the request that uses it."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _within(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _within(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        within = _within(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, within))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


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
                return _Stream(self._inner.connect_tcp(address, port, within, local_address, socket_options))
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
            proxy=_proxy(url),
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=MAX_IDLE,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=_Backend(),
        )


def _proxy(url: httpx.URL) -> httpcore.Proxy | None:
    """The proxy that the environment names for an address, as curl reads it."""
    if is_loopback(url.host) or urllib.request.proxy_bypass(url.host):
        return None
    named = urllib.request.getproxies()
    address = named.get(url.scheme) or named.get("all")
    if not address:
        return None
    try:
        proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
    except (httpx.InvalidURL, ValueError):
        proxy = None
    if proxy is None or proxy.url.scheme not in ("http", "https"):
        raise ValueError(
            "the proxy that the environment names cannot be used: it must be http:// or https://"
        )
    return httpcore.Proxy(
        url=str(proxy.url),
        auth=proxy.raw_auth,
        headers=proxy.headers.raw,
        ssl_context=tls_context() if proxy.url.scheme == "https" else None,
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
