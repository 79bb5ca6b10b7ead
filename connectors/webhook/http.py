"""The way to a receiver over the network, held to bounds. Imported when a connector first needs it.

The name is resolved here, its addresses are judged, and the connection goes to one that passed: nobody resolves the
name a second time, so no answer of DNS can come between the look and the step. TLS still proves the name. A
connection that is kept open stays where it was led.

A per-read time-out never fires on a server that sends a byte now and then, so every look-up, connect, read and write
gets no more than what is left of its request's deadline. No redirect is followed, no proxy is used (it would choose
the address), and no more of a body is read than shows that it ended.

What the network does is no exception here: it comes back as an `Answer` that tells whether the request may have
been received.
"""

import os
import socket
import ssl
import threading
from collections.abc import Iterable, Mapping
from functools import cache
from urllib.parse import urlsplit

import httpcore
import httpx

from connectors.webhook.addresses import allowed
from connectors.webhook.errors import Answer
from syncd.clock import Clock
from syncd.http.deadline import IDLE_SECONDS, Deadline, Stream

CONNECT_SECONDS = 5.0
"""For one address. A host may have several, and the next may answer."""
TOTAL_SECONDS = 30.0
"""The most that Standard Webhooks recommends."""
LARGEST_BODY = 64 * 1024
"""Bytes. Nothing in an answer's body is of use."""


class PrivateError(Exception):
    """No address of the host may be connected to."""


class UntrustedError(Exception):
    """TLS could not be agreed on, or the certificate is not accepted."""


class _Stream(Stream):
    """One that tells a certificate which is not accepted from a connection that broke."""

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Raises UntrustedError, and TimeoutError when the deadline has passed."""
        try:
            inner = self._inner.start_tls(ssl_context, server_hostname, self._within(timeout, TimeoutError))
        except httpcore.ConnectError as error:
            if isinstance(error.__cause__, ssl.SSLError):
                raise UntrustedError from error
            raise
        return _Stream(inner, self._within)


class Backend(httpcore.NetworkBackend):
    """Opens connections to addresses that were judged."""

    def __init__(self, deadline: Deadline, *, private: bool) -> None:
        self._inner, self._deadline, self._private = httpcore.SyncBackend(), deadline, private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Raises PrivateError, and what httpcore raises when nobody answers."""
        found = resolve(host, port, self._left(None))
        fit = allowed(host, found, private=self._private)
        if not fit:
            raise PrivateError
        for address in fit[:-1]:
            try:
                return self._connect(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connect(fit[-1], port, timeout, local_address, socket_options)

    def _connect(
        self,
        address: str,
        port: int,
        timeout: float | None,
        local_address: str | None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None,
    ) -> httpcore.NetworkStream:
        within = self._left(timeout)
        opened = self._inner.connect_tcp(address, port, within, local_address, socket_options)
        return _Stream(opened, self._deadline.within)

    def _left(self, at_most: float | None) -> float:
        return self._deadline.within(at_most, httpcore.ConnectTimeout)  # nothing was sent yet


def resolve(host: str, port: int, seconds: float) -> list[str]:
    """The addresses of a host, each once. Raises httpcore.ConnectError if there is none, or not in time.

    The system's look-up takes no time-out, so it has a thread of its own, which is left behind if it is late.
    """
    found: list[str] = []

    def look_up() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        found.extend(dict.fromkeys(str(info[4][0]) for info in infos))

    thread = threading.Thread(target=look_up, name="webhook-dns", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive() or not found:
        raise httpcore.ConnectError("the name has no address")
    return list(found)


_TRUST = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@cache
def _tls(*_trust: str | None) -> ssl.SSLContext:
    """One for all webhooks, for each costs a megabyte; of the environment's issuers, or else of certifi's."""
    return httpx.create_ssl_context()


class Wire:
    """Requests to one URL."""

    def __init__(self, url: str, clock: Clock, *, private: bool, total: float = TOTAL_SECONDS) -> None:
        """Opens no connection yet. `private`: private addresses are meant. `total`: seconds for a request."""
        self._url, self._total = url, total
        self._parts = urlsplit(url)
        self._deadline = Deadline(clock)
        self._backend = Backend(self._deadline, private=private)
        self._tls = _tls(*map(os.environ.get, _TRUST)) if self._parts.scheme == "https" else None
        self._pool = httpcore.ConnectionPool(
            ssl_context=self._tls,
            max_connections=1,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=self._backend,
        )

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """One request and what came of it; raises nothing that a network or a server can cause."""
        self._deadline.start(self._total)
        named = {**headers, "host": self._parts.netloc, "accept-encoding": "identity"}
        try:
            with self._pool.stream(
                "POST", self._url, headers=list(named.items()), content=body, extensions=_TIMEOUTS
            ) as answer:
                _read_on(answer)
                return Answer(answer.status, _retry_after(answer))
        except _CAUGHT as error:
            return Answer(trouble=_trouble(error))

    def look(self) -> str:
        """Resolve, connect and shake hands, and send nothing: the trouble of an `Answer`, or an empty text."""
        self._deadline.start(self._total)
        host = self._parts.hostname or ""
        port = self._parts.port or (80 if self._tls is None else 443)
        try:
            stream = self._backend.connect_tcp(host, port, CONNECT_SECONDS)
            try:
                if self._tls is not None:
                    stream = stream.start_tls(self._tls, host, CONNECT_SECONDS)
            finally:
                stream.close()
        except _CAUGHT as error:
            return _trouble(error)
        return ""

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


_TIMEOUTS = {
    "timeout": {
        "connect": CONNECT_SECONDS,
        "read": TOTAL_SECONDS,
        "write": TOTAL_SECONDS,
        "pool": TOTAL_SECONDS,
    }
}
_TROUBLES: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((PrivateError,), "private"),
    ((UntrustedError,), "untrusted"),
    ((httpcore.ConnectError, httpcore.ConnectTimeout, UnicodeError), "unsent"),
    ((httpcore.TimeoutException, TimeoutError), "late"),
    ((httpcore.ProtocolError, httpcore.NetworkError, OSError), "broken"),
)
"""The first that fits is meant."""
_CAUGHT = tuple(kind for kinds, _ in _TROUBLES for kind in kinds)


def _trouble(error: Exception) -> str:
    return next(name for kinds, name in _TROUBLES if isinstance(error, kinds))


def _read_on(answer: httpcore.Response) -> None:
    """Read to the end, so that the connection can be used again and what broke off is known; not for ever."""
    size = 0
    for piece in answer.iter_stream():
        size += len(piece)
        if size > LARGEST_BODY:
            return


def _retry_after(answer: httpcore.Response) -> str:
    return next((v.decode("latin-1") for n, v in answer.headers if n.lower() == b"retry-after"), "")
