"""What a response's headers say: the request budget, how long to wait, and what time it is there.

Pure. A header that cannot be read counts as absent: a vendor's slip must not stop a pull.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import NamedTuple

LONGEST_WAIT = 3600.0
SHORTEST_WAIT = 1.0

_WHOLE = re.compile(r"\d{1,9}", re.ASCII)
_SECONDS = re.compile(r"\d+(\.\d+)?", re.ASCII)


class Signals(NamedTuple):
    """What every response says about the request budget.

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
    """A header that holds a plain whole number."""
    text = headers.get(name, "").strip()
    return int(text) if _WHOLE.fullmatch(text) else None


def http_date(headers: Mapping[str, str], name: str = "date") -> float | None:
    """A header that holds an HTTP date, in seconds since the epoch."""
    text = headers.get(name)
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """`Retry-After` in seconds of [1, 3600], None when it is absent, unreadable or in the past.

    A date is counted from the response's own `Date`, for our wall clock may be wrong; `now` stands in for it.
    """
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        wait = float(text)
    else:
        until = http_date(headers, "retry-after")
        if until is None:
            return None
        since = http_date(headers)
        wait = until - (now if since is None else since)
    if wait < 0 or math.isnan(wait):
        return None
    return min(max(wait, SHORTEST_WAIT), LONGEST_WAIT)
