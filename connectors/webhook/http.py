"""The HTTP client as a webhook needs it. Imported when a connector first needs it: see `syncd.http.client`."""

from collections.abc import Mapping

from syncd.clock import Clock
from syncd.http.client import Client

CONNECT_SECONDS = 5.0
"""For one address. A host may have several, and the next may answer."""
TOTAL_SECONDS = 30.0
"""The most that Standard Webhooks recommends."""
READ_SECONDS = TOTAL_SECONDS
LARGEST_BODY = 64 * 1024
"""Bytes. Nothing in an answer's body is of use."""


def client(
    url: str, headers: Mapping[str, str], clock: Clock, *, private: bool, seconds: float = TOTAL_SECONDS
) -> Client:
    """Make a client of one address. `headers`: of every request; `private`: private addresses are meant."""
    return Client(
        url, clock, headers=headers, reach="private" if private else "public",
        seconds=seconds, connect=CONNECT_SECONDS, read=READ_SECONDS, most=LARGEST_BODY,
    )  # fmt: skip
