"""Instants: ISO 8601 in UTC outside, epoch seconds inside."""

from datetime import UTC, datetime
from typing import Literal

Precision = Literal["seconds", "milliseconds"]
DAY = 86_400.0  # seconds


def floored(instant: float, times: Precision = "seconds") -> float:
    """Round an instant down to its shown form, so that `since` compares with it."""
    return float(instant // 1) if times == "seconds" else instant * 1000 // 1 / 1000


def iso(instant: float, times: Precision = "seconds") -> str:
    """Write an instant as `2026-06-11T07:15:00Z`, with milliseconds if asked."""
    moment = datetime.fromtimestamp(instant, UTC)
    return moment.isoformat(timespec=times).removesuffix("+00:00") + "Z"


def parsed(text: str) -> float:
    """Read an ISO 8601 text as epoch seconds. A text without an offset is UTC.

    Raises:
        ValueError: The text is not ISO 8601.
    """
    moment = datetime.fromisoformat(text.upper())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
