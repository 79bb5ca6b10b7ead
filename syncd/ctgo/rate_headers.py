"""The request budget, as the headers of a response tell of it. Pure; a header that cannot be read counts as absent."""

import re
from collections.abc import Mapping
from typing import NamedTuple

_WHOLE = re.compile(r"\d{1,9}", re.ASCII)


class Signals(NamedTuple):
    """All that a response says about the request budget.

    `status` is 0 when there was no response. `answered_at` is `clock.monotonic()` when the response, or the failure,
    was in. `limit` and `remaining` are `X-RateLimit-*`. `retry_after` is how long the whole key must rest, in seconds
    of [1, 3600]: always set for a true rate limit (429), for a 503 only if it said so, for anything else None.
    """

    status: int
    answered_at: float
    limit: int | None = None
    remaining: int | None = None
    retry_after: float | None = None


def count(headers: Mapping[str, str], name: str) -> int | None:
    """Read a header that holds a plain whole number."""
    text = headers.get(name, "").strip()
    return int(text) if _WHOLE.fullmatch(text) else None
