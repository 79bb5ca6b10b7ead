"""HTTP below httpx: connections that keep to a deadline, go only where they may, and share one TLS context.

httpx hands a socket no deadline; a network backend below it that wraps its connections in `_Stream` does. The backend
resolves a name itself, judges the addresses, and connects to one that passed. Nobody resolves the name a second time, so
no answer of DNS can come between the look and the step. TLS still proves the name.

A time-out for each read never fires on a server that sends a byte now and then. So every look-up, connect, read and write
gets no more time than is left. Several requests may be under way at once; the deadline of each travels in a context variable.
"""

import os
import socket
import ssl
import threading
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, NamedTuple

import httpcore
import httpx

from syncd.clock import Clock
from syncd.http.addresses import Reach, allowed, is_loopback, literal

IDLE_SECONDS = 4.0
"""Under the five seconds after which many servers close an idle connection: a request must not meet that moment."""


class Deadline(NamedTuple):
    """The instant, on the monotonic clock, by which a request must be over."""

    clock: Clock
    at: float

    def left(self) -> float:
        """Seconds left; zero or less when it has passed."""
        return self.at - self.clock.monotonic()


_DEADLINE: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def deadline(clock: Clock, seconds: float) -> Iterator[Deadline]:
    """Hold all that this thread does on the network to one deadline, for the length of a `with`."""
    limit = Deadline(clock, clock.monotonic() + seconds)
    token = _DEADLINE.set(limit)
    try:
        yield limit
    finally:
        _DEADLINE.reset(token)


def within(timeout: float | None, late: type[Exception]) -> float | None:
    """Return the lesser of a time-out and what is left of the deadline. Raises `late` when nothing is left."""
    limit = _DEADLINE.get()
    if limit is None:
        return timeout
    left = limit.left()
    if left <= 0:
        raise late("the deadline has passed")
    return left if timeout is None else min(timeout, left)


class PrivateAddressError(Exception):
    """No address of the host may be connected to."""


class _Stream(httpcore.NetworkStream):
    """A connection whose every operation ends by the deadline."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, within(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, within(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = within(timeout, httpcore.ConnectTimeout)  # nothing was sent yet
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class Backend(httpcore.NetworkBackend):
    """Connects to each address of a name in turn that may be connected to, within the deadline."""

    def __init__(self, reach: Reach = "anywhere") -> None:
        """`reach`: where connections may lead."""
        self._inner, self._reach = httpcore.SyncBackend(), reach

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Raises PrivateAddressError, and httpcore's ConnectError and ConnectTimeout."""
        addresses = allowed(host, _resolved(host, port), self._reach)
        if not addresses:
            raise PrivateAddressError
        failed: Exception | None = None
        for address in addresses:
            try:
                left = within(timeout, httpcore.ConnectTimeout)
                return _Stream(self._inner.connect_tcp(address, port, left, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed or PrivateAddressError


def _resolved(host: str, port: int) -> list[str]:
    """Return the addresses of a host, each once. Raises httpcore.ConnectError or ConnectTimeout.

    The system's look-up takes no time-out, so it has a thread of its own, which is left behind if it is late.
    """
    found: list[str] = []
    failed: list[Exception] = []

    def look_up() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # the latter for a label that is empty or too long
            failed.append(error)
        else:
            found.extend(dict.fromkeys(str(info[4][0]) for info in infos))

    if literal(host):
        look_up()
    else:
        thread = threading.Thread(target=look_up, name="dns", daemon=True)
        thread.start()
        thread.join(within(None, httpcore.ConnectTimeout))
        if thread.is_alive():
            raise httpcore.ConnectTimeout("the name was not looked up in time")
    if not found:
        why = failed[0] if failed else None
        error = httpcore.ConnectError(why or "the name has no address")
        error.__context__ = why  # httpcore's pool drops a cause, and keeps a context
        raise error
    return found


class NetworkTransport(httpx.HTTPTransport):
    """httpx's transport over a pool of such connections, for one host: its proxy and TLS are known from the start."""

    def __init__(self, url: httpx.URL, connections: int, reach: Reach = "anywhere") -> None:
        """`url`: any address on the host. Raises ValueError for a proxy that cannot be used."""
        # Not super().__init__: it takes no backend, and would build a TLS context for plain http too.
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls_context() if url.scheme == "https" else None,
            # A proxy would resolve the name elsewhere, and choose the address
            proxy=_proxy(url) if reach == "anywhere" else None,
            max_connections=connections,
            max_keepalive_connections=(connections + 1) // 2,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=Backend(reach),
        )


_TRUST = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_tls_lock = threading.Lock()


def tls_context() -> ssl.SSLContext:
    """Return the one TLS context of this process, for each costs a megabyte: TLS 1.2 or later, every certificate verified.

    Trusted are the issuers that `SSL_CERT_FILE` or `SSL_CERT_DIR` names, else certifi's.
    """
    with _tls_lock:
        return _tls(*map(os.environ.get, _TRUST))


@cache
def _tls(*_trust: str | None) -> ssl.SSLContext:
    context = httpx.create_ssl_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _proxy(url: httpx.URL) -> httpcore.Proxy | None:
    """Return the proxy that the environment names for an address, read as curl reads it; never one for this machine's own.

    Raises ValueError for a proxy that cannot be used.
    """
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
    if proxy is None or proxy.url.scheme not in {"http", "https"}:
        raise ValueError(
            "the proxy that the environment names cannot be used: it must be http:// or https://"
        )
    context = tls_context() if proxy.url.scheme == "https" else None
    return httpcore.Proxy(
        url=str(proxy.url), auth=proxy.raw_auth, headers=proxy.headers.raw, ssl_context=context
    )
