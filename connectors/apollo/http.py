"""The HTTP client as Apollo needs it. Imported when a connector first needs it: see `syncd.http.client`."""

from syncd.clock import Clock
from syncd.http.client import Client

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
TOTAL_SECONDS = 90.0
"""A bulk create of 100 is slow, so a connection that cannot be made is given up much sooner than an answer."""
LARGEST_BODY = 16 * 1024 * 1024
"""Bytes. A hundred full contacts are under 2 MiB."""


def client(base_url: str, key: str, clock: Clock, seconds: float = TOTAL_SECONDS) -> Client:
    """Make a client of one key. Raises ValueError if the environment names a proxy that cannot be used."""
    return Client(
        base_url, clock, headers={"accept": "application/json", "x-api-key": key},
        seconds=seconds, connect=CONNECT_SECONDS, read=READ_SECONDS, most=LARGEST_BODY,
    )  # fmt: skip
