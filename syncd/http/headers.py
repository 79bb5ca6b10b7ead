"""How long a remote asks to be left alone: `Retry-After` as a connector may believe it. Pure."""

import re
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 86400.0
"""Seconds: a day. A longer wait is nobody's to ask for; after it, one delivery is tried."""


def retry_after(text: str | None, now: float) -> float | None:
    """Seconds from a `Retry-After` header, a number or a date; None for what is neither or lies behind.

    `now`: seconds since the epoch.
    """
    text = (text or "").strip()
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", text):
        return min(float(text), LONGEST_WAIT)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return min(seconds, LONGEST_WAIT) if seconds >= 0 else None
