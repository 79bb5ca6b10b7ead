"""The way to Apollo over the network: one httpx client, held to bounds. Imported when a connector first needs it.

A per-read time-out never fires on a server that sends a byte now and then, so every connect, read and write gets no
more than what is left of its request's deadline; httpx hands a socket no such thing, the network backend below it
does. A body larger than the cap is not read further, no redirect is followed (it would carry the key along), and a
proxy that the environment names is used for any address but this machine's own.

What the network does is no exception here: it comes back as an `Answer` that tells whether the request may have
been received.
"""

import ipaddress
import json
import urllib.request
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from connectors.apollo_answers import Answer
from syncd.clock import Clock

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
TOTAL_SECONDS = 90.0
"""A bulk create of 100 is slow; see "httpx" below for why each has its own bound."""
LARGEST_BODY = 16 * 1024 * 1024
"""Bytes. A hundred full contacts are under 2 MiB."""
IDLE_SECONDS = 4.0
"""Under the five seconds after which many servers close an idle connection."""


class _Deadline:
    """When the request under way must be over, on the monotonic clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at = 0.0

    def start(self, seconds: float) -> None:
        self._at = self._clock.monotonic() + seconds

    def within(self, timeout: float | None, late: type[Exception]) -> float:
        """The lesser of a time-out and what is left. Raises `late` when nothing is."""
        left = self._at - self._clock.monotonic()
        if left <= 0:
            raise late("the deadline has passed")
        return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    """A connection whose every operation ends by the deadline."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.within(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.within(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        within = self._deadline.within(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, within), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Opens connections that keep to the deadline."""

    def __init__(self, deadline: _Deadline) -> None:
        self._inner, self._deadline = httpcore.SyncBackend(), deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        within = self._deadline.within(timeout, httpcore.ConnectTimeout)
        opened = self._inner.connect_tcp(host, port, within, local_address, socket_options)
        return _Stream(opened, self._deadline)


class _Transport(httpx.HTTPTransport):
    """httpx's transport over a pool with our backend."""

    def __init__(self, url: httpx.URL, deadline: _Deadline) -> None:
        # Not super().__init__: it takes no backend, and would build a TLS context for plain http too.
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context() if url.scheme == "https" else None,
            proxy=_proxy(url),
            max_connections=1,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=_Backend(deadline),
        )


class Wire:
    """Requests to one base URL with one key."""

    def __init__(self, base_url: str, key: str, clock: Clock, total: float = TOTAL_SECONDS) -> None:
        """Opens no connection yet. `total`: seconds for a request.

        Raises:
            ValueError: the environment names a proxy that cannot be used.
        """
        self._total = total
        self._deadline = _Deadline(clock)
        self._client = httpx.Client(
            base_url=base_url,
            headers={
                "x-api-key": key,
                "accept": "application/json",
                "accept-encoding": "identity",  # a kilobyte must not become a gigabyte
                "user-agent": "ctgo-syncd",
            },
            transport=_Transport(httpx.URL(base_url), self._deadline),
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=False,
            trust_env=False,
        )

    def call(
        self, method: str, path: str, body: object = None, query: dict[str, str] | None = None
    ) -> Answer:
        """One request and what came of it; raises nothing that a network or a server can cause."""
        content = None if body is None else json.dumps(body).encode()
        headers = {} if content is None else {"content-type": "application/json"}
        request = self._client.build_request(method, path, content=content, headers=headers, params=query)
        self._deadline.start(self._total)
        try:
            response = self._client.send(request, stream=True)
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
            httpx.ProxyError,
            UnicodeError,
        ):
            return Answer(0, trouble="unsent")
        except (httpx.HTTPError, OSError) as error:
            return Answer(0, trouble=_kind(error))
        try:
            return _read(response)
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            return Answer(0, trouble=_kind(error))
        finally:
            response.close()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _read(response: httpx.Response) -> Answer:
    headers = dict(response.headers)
    if headers.get("content-encoding", "identity") != "identity":  # not asked for, and so not read
        return Answer(response.status_code, headers)
    whole = bytearray()
    for piece in response.iter_raw():
        whole += piece
        if len(whole) > LARGEST_BODY:
            return Answer(0, trouble="too_large")
    return Answer(response.status_code, headers, bytes(whole))


def _kind(error: Exception) -> str:
    return "late" if isinstance(error, httpx.TimeoutException | TimeoutError) else "broken"


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _proxy(url: httpx.URL) -> httpcore.Proxy | None:
    """The proxy that the environment names for this address, if it is an http(s) one."""
    if _loopback(url.host) or urllib.request.proxy_bypass(url.host):
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
        raise ValueError("the proxy that the environment names must be http:// or https://")
    tls = httpx.create_ssl_context() if proxy.url.scheme == "https" else None
    return httpcore.Proxy(url=str(proxy.url), auth=proxy.raw_auth, headers=proxy.headers.raw, ssl_context=tls)
