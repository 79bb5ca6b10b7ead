"""One call of CTGO's API as a value, the HTTP client that carries it, and the request budget that its answer reports."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from syncd.clock import Clock
from syncd.ctgo.errors import Scope
from syncd.ctgo.shapes import Unfit
from syncd.http.addresses import is_loopback, usable
from syncd.http.client import Client, Transport

CONNECTIONS = 16
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)

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


class Signals(NamedTuple):
    """The request budget, as a response reports it.

    `status` is 0 when there was no response. `answered_at` is `clock.monotonic()` when the response, or the failure,
    was in. `limit` and `remaining` are `X-RateLimit-*`. `retry_after` is how long the whole key must rest, in seconds
    of [1, 3600]: always set for a true rate limit (429), for a 503 only with a `Retry-After`, for anything else None.
    """

    status: int
    answered_at: float
    limit: int | None = None
    remaining: int | None = None
    retry_after: float | None = None


def count(headers: Mapping[str, str], name: str) -> int | None:
    """Read a header that holds a plain whole number. One that cannot be read counts as absent."""
    text = headers.get(name, "").strip()
    return int(text) if _WHOLE.fullmatch(text) else None


def http_client(
    base_url: str, api_key: SecretStr, clock: Clock, transport: Transport | None, *, total: float, most: int
) -> Client:
    """Make the client of one key. `total`: seconds for a request; `most`: bytes of a body. Raises ValueError as `Upstream` does."""
    _check(base_url)
    key = api_key.get_secret_value()
    if not key or not all("!" <= character <= "~" for character in key):
        raise ValueError("api_key is empty, or holds a blank or a character that no key has")
    headers = {"accept": "application/json", "authorization": f"Bearer {key}"}
    return Client(
        base_url, clock, headers=headers, seconds=total, most=most, gzip=True, connections=CONNECTIONS, transport=transport
    )  # fmt: skip


def _check(base_url: str) -> None:
    """Raises ValueError for an address that requests may not go to."""
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    named = host and "%" not in host and port != 0 and usable(base_url)
    if (
        parts.scheme not in ("http", "https")
        or not named
        or "@" in parts.netloc
        or parts.query
        or parts.fragment
    ):
        raise ValueError("base_url must be https://HOST/PATH, without a user name, a query or a fragment")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("base_url must begin with https: plain http would show the key to the network")
