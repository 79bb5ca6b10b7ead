"""The way to Apollo over the network: one httpx client, held to bounds. Imported when a connector first needs it.

Every connect, read and write keeps to its request's deadline: see `syncd.http.deadline`. A body larger than the cap is not read further, no redirect is followed (it would carry the key along), and a
proxy that the environment names is used for any address but this machine's own.

What the network does is no exception here: it comes back as an `Answer` that tells whether the request may have
been received.
"""

import json
from collections.abc import Iterable

import httpcore
import httpx

from connectors.apollo.errors import Answer
from syncd.clock import Clock
from syncd.http.deadline import IDLE_SECONDS, Deadline, Stream, proxy_for

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
TOTAL_SECONDS = 90.0
"""A bulk create of 100 is slow; see "httpx" below for why each has its own bound."""
LARGEST_BODY = 16 * 1024 * 1024
"""Bytes. A hundred full contacts are under 2 MiB."""


class _Backend(httpcore.NetworkBackend):
    """Opens connections that keep to the deadline."""

    def __init__(self, deadline: Deadline) -> None:
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
        return Stream(opened, self._deadline.within)


class _Transport(httpx.HTTPTransport):
    """httpx's transport over a pool with our backend."""

    def __init__(self, url: httpx.URL, deadline: Deadline) -> None:
        # Not super().__init__: it takes no backend, and would build a TLS context for plain http too.
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context() if url.scheme == "https" else None,
            proxy=proxy_for(url, httpx.create_ssl_context),
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
        self._deadline = Deadline(clock)
        self._transport = _Transport(httpx.URL(base_url), self._deadline)
        # It writes requests and never sends one: it would read where a redirect leads, and fail where that is no
        # address, and keep a stranger's cookies for ever
        self._client = httpx.Client(
            base_url=base_url,
            headers={
                "x-api-key": key,
                "accept": "application/json",
                "accept-encoding": "identity",  # a kilobyte must not become a gigabyte
                "user-agent": "ctgo-syncd",
            },
            transport=self._transport,
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
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
            response = self._transport.handle_request(request)
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
