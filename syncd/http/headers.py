"""Headers of an answer, read with care: one that cannot be read counts as absent. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

SHORTEST_WAIT, LONGEST_WAIT = 1.0, 3600.0
"""Seconds. After an hour one request asks again, whoever asked for more: a wrong header must not stop a lane for a day."""

_SECONDS = re.compile(r"\d+(\.\d+)?", re.ASCII)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Read `Retry-After`, a number or a date, as seconds between `SHORTEST_WAIT` and `LONGEST_WAIT`.

    None if the header is absent, unreadable or in the past. A date is counted from the answer's own `Date`, because the
    clock of this machine may be wrong.

    Args:
        headers: by name in lower case.
        now: seconds since the epoch; stands in for a `Date` that is absent.
    """
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        wait = float(text)
    else:
        until, since = http_date(headers, "retry-after"), http_date(headers)
        if until is None:
            return None
        wait = until - (now if since is None else since)
    return min(max(wait, SHORTEST_WAIT), LONGEST_WAIT) if wait >= 0 else None


def http_date(headers: Mapping[str, str], name: str = "date") -> float | None:
    """Read a header that holds an HTTP date; return seconds since the epoch."""
    text = headers.get(name)
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
