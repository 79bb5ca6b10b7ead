"""One request and what came of it: the shell around the transport.

It raises nothing that a network or a server can cause, it says so in the `Reply`; and it reads an answer while it still
holds the connection, so that one with a broken answer can be cut before another request gets it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import httpx
from pydantic import SecretStr

from syncd import __version__
from syncd.clock import Clock
from syncd.core.failure import Failure
from syncd.ctgo.body import read_body
from syncd.ctgo.errors import Scope, unreachable
from syncd.ctgo.rate_headers import http_date
from syncd.ctgo.shapes import Unfit
from syncd.ctgo.transport import DEADLINE, Deadline, DirectTransport
from syncd.http.deadline import is_loopback

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
LARGEST_REFUSAL = 64 * 1024
"""Bytes of a refusal's body that are read: what matters in it is one word."""
LARGEST_PORT = 65535
JSON_CONTENT = (b"Content-Type", b"application/json")

T = TypeVar("T")
Reader = Callable[[bytes, float | None], T | Unfit]
"""Reads a body, given what time it is at the server."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `asked` completes the sentence "CTGO was asked ..."."""

    method: str
    path: str
    scope: Scope
    asked: str
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """What came of a request.

    A status of 0 with `failure`; a 2xx with `answer`, or with `failure` when the body broke off; or another status with
    its `body`, None when it could not be read.
    """

    status: int
    answered_at: float
    headers: httpx.Headers = field(repr=False)
    answer: T | Unfit = field(default=Unfit("is missing"), repr=False)
    body: bytes | None = field(default=None, repr=False)
    failure: Failure | None = None


class Exchange:
    """Where requests go, with which key, and within which bounds."""

    def __init__(
        self,
        base_url: str,
        api_key: SecretStr,
        clock: Clock,
        transport: httpx.BaseTransport | None,
        *,
        total: float,
        cap: int,
    ) -> None:
        """`total`: seconds for a request, `cap`: bytes for a body. Raises ValueError as `Upstream` does."""
        url = _checked(base_url)
        self._base = str(url).rstrip("/")
        self._host = url.host if url.port is None else f"{url.host}:{url.port}"
        self._headers = _headers(api_key)
        self._clock = clock
        self._transport = DirectTransport(url) if transport is None else transport
        self._total = total
        self._cap = cap
        read = min(READ_SECONDS, total)
        self._timeouts = {"connect": min(CONNECT_SECONDS, total), "read": read, "write": read, "pool": total}

    def send(self, call: Call, read: Reader[T]) -> Reply[T]:
        """One request and what came of it; raises nothing that a network or a server can cause."""
        deadline = Deadline(self._clock, self._clock.monotonic() + self._total)
        request = httpx.Request(
            call.method,
            self._base + call.path,
            headers=self._headers if call.content is None else [*self._headers.raw, JSON_CONTENT],
            content=call.content,
            extensions={"timeout": self._timeouts},
        )
        response: httpx.Response | None = None
        token = DEADLINE.set(deadline)
        try:
            response = self._transport.handle_request(request)
            return self._read(response, deadline, read)
        except (httpx.RequestError, OSError) as error:
            return Reply(
                0 if response is None else response.status_code,
                self._clock.monotonic(),
                httpx.Headers() if response is None else response.headers,
                failure=unreachable(error, self._host, self._total),
            )
        finally:
            DEADLINE.reset(token)
            if response is not None:
                response.close()

    def _read(self, response: httpx.Response, deadline: Deadline, read: Reader[T]) -> Reply[T]:
        success = is_success(response.status_code)
        body = read_body(response, deadline, self._cap if success else LARGEST_REFUSAL)
        answered_at = self._clock.monotonic()
        if not success:
            kept = None if isinstance(body, Unfit) else body
            return Reply(response.status_code, answered_at, response.headers, body=kept)
        answer = body if isinstance(body, Unfit) else read(body, http_date(response.headers))
        if isinstance(answer, Unfit):
            _distrust(response)
        return Reply(response.status_code, answered_at, response.headers, answer)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


def is_success(status: int) -> bool:
    """Whether a status says that it was done."""
    return 200 <= status < 300  # noqa: PLR2004 - what a status means is its hundred


def _distrust(response: httpx.Response) -> None:
    """Cut the connection of a broken answer: what is left in it must not pass for the next one."""
    connection = response.extensions.get("network_stream")
    if connection is not None:
        connection.close()


def _checked(base_url: str) -> httpx.URL:
    """The address, if requests may go there."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL()
    named = url.host and "%" not in url.host and (url.port is None or 0 < url.port <= LARGEST_PORT)
    if url.scheme not in ("http", "https") or not named or url.userinfo or url.query or url.fragment:
        raise ValueError("base_url must be https://HOST/PATH, without a user name, a query or a fragment")
    if url.scheme == "http" and not is_loopback(url.host):
        raise ValueError("base_url must begin with https: plain http would show the key to the network")
    return url


def _headers(api_key: SecretStr) -> httpx.Headers:
    """What every request carries. httpx masks `Authorization` in their repr."""
    if not api_key or not all("!" <= character <= "~" for character in api_key.get_secret_value()):
        raise ValueError("api_key is empty, or holds a blank or a character that no key has")
    return httpx.Headers(
        {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "Authorization": f"Bearer {api_key.get_secret_value()}",
            "User-Agent": f"ctgo-syncd/{__version__}",
        }
    )
