"""HTTP to Attio, held to a deadline and a size. The connector imports this module when it first needs it.

No redirect is followed. A network fault comes back as an `Answer`, and is never raised.
"""

import json
from typing import Any

import httpcore
import httpx

from connectors.attio.errors import Answer
from syncd.clock import Clock
from syncd.wire import IDLE_SECONDS, Deadline, Stream, proxy_for

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 30.0
LARGEST_BODY = 4 * 1024 * 1024
"""Bytes."""
_UNSENT = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.ProxyError, ValueError, OverflowError)
_LATE = (httpcore.TimeoutException, TimeoutError)
_LOST = (*_LATE, httpcore.ProtocolError, httpcore.NetworkError, OSError)


class _Backend(httpcore.SyncBackend):
    """Open connections that keep to the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *more: Any, **named: Any
    ) -> httpcore.NetworkStream:
        within = self._deadline.within(timeout, httpcore.ConnectTimeout)
        return Stream(super().connect_tcp(host, port, within, *more, **named), self._deadline.within)


class Http:
    """Requests to one base URL with one token."""

    def __init__(self, base_url: str, token: str, clock: Clock, total: float = TOTAL_SECONDS) -> None:
        """Open no connection yet. Raises ValueError if the environment names a proxy that cannot be used."""
        self._base, self._total, self._deadline = base_url, total, Deadline(clock)
        sent = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        self._headers = list({**sent, "accept-encoding": "identity", "user-agent": "ctgo-syncd"}.items())
        url = httpx.URL(base_url)
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context() if url.scheme == "https" else None,
            proxy=proxy_for(url, httpx.create_ssl_context),
            max_connections=1,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=_Backend(self._deadline),
        )

    def call(self, method: str, path: str, content: bytes | None = None) -> Answer:
        """Make one request and return its answer."""
        self._deadline.start(self._total)
        limits = {"timeout": {"connect": CONNECT_SECONDS, "read": self._total, "write": self._total}}
        url, headers = self._base + path, self._headers
        try:
            with self._pool.stream(
                method, url, headers=headers, content=content, extensions=limits
            ) as response:
                return _read(response)
        except _UNSENT:
            return Answer(trouble="unsent")
        except _LOST as error:
            return Answer(trouble="late" if isinstance(error, _LATE) else "broken")

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


def _read(response: httpcore.Response) -> Answer:
    whole = bytearray()
    for piece in response.iter_stream():
        whole += piece
        if len(whole) > LARGEST_BODY:
            return Answer(trouble="too large")
    wait = next((v.decode("latin-1") for n, v in response.headers if n.lower() == b"retry-after"), "")
    try:
        body = json.loads(whole)
    except (ValueError, RecursionError):
        body = None
    return Answer(response.status, wait, body if isinstance(body, dict) else {})
