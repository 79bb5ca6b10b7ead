"""One call of CTGO's API as a value, and the HTTP client that carries it: to which address, with which key."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from syncd.clock import Clock
from syncd.ctgo.errors import Scope
from syncd.ctgo.shapes import Unfit
from syncd.http.addresses import is_loopback, usable
from syncd.http.client import Client, Transport

CONNECTIONS = 16

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
