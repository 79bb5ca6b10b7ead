"""HTTP below httpx, held to a deadline: what CTGO's client and the connectors that speak HTTP themselves have in common.

A per-read time-out never fires on a server that sends a byte now and then, so every connect, read and write gets no
more than what is left of its request's deadline. httpx hands a socket no such thing; a network backend below it that
wraps its connections in `Stream` does.
"""

import ipaddress
import ssl
import urllib.request
from collections.abc import Callable
from typing import Any, Protocol

import httpcore
import httpx

from syncd.clock import Clock

IDLE_SECONDS = 4.0
"""Under the five seconds after which many servers close an idle connection: a request must not meet that moment."""


class Within(Protocol):
    """The lesser of a time-out and what is left of the request's deadline. Raises `late` when nothing is."""

    def __call__(self, timeout: float | None, late: type[Exception], /) -> float | None:
        """Seconds; None: for ever, where there is no deadline."""


class Deadline:
    """When the request under way must be over, on the monotonic clock; for a client with one request at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at = 0.0

    def start(self, seconds: float) -> None:
        """From now on."""
        self._at = self._clock.monotonic() + seconds

    def within(self, timeout: float | None, late: type[Exception], /) -> float:
        """See `Within`."""
        left = self._at - self._clock.monotonic()
        if left <= 0:
            raise late("the deadline has passed")
        return left if timeout is None else min(timeout, left)


class Stream(httpcore.NetworkStream):
    """A connection whose every operation ends by the deadline."""

    def __init__(self, inner: httpcore.NetworkStream, within: Within) -> None:
        self._inner, self._within = inner, within

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Raises httpcore.ReadTimeout."""
        return self._inner.read(max_bytes, self._within(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Raises httpcore.WriteTimeout."""
        self._inner.write(buffer, self._within(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Raises httpcore.ConnectTimeout: nothing was sent yet."""
        within = self._within(timeout, httpcore.ConnectTimeout)
        return Stream(self._inner.start_tls(ssl_context, server_hostname, within), self._within)

    def get_extra_info(self, info: str) -> Any:
        """What the connection below knows."""
        return self._inner.get_extra_info(info)


def is_loopback(host: str) -> bool:
    """Whether a host name or address, without brackets, is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def takes(url: str) -> bool:
    """Whether httpx takes a URL."""
    try:
        httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return False
    return True


def proxy_for(url: httpx.URL, tls: Callable[[], ssl.SSLContext]) -> httpcore.Proxy | None:
    """The proxy that the environment names for an address, as curl reads it; never one for this machine's own.

    `tls`: the context for a proxy that is reached by https. Raises ValueError for a proxy that cannot be used.
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
    context = tls() if proxy.url.scheme == "https" else None
    return httpcore.Proxy(
        url=str(proxy.url), auth=proxy.raw_auth, headers=proxy.headers.raw, ssl_context=context
    )
