"""Instants as the API writes and reads them: ISO 8601 in UTC; epoch seconds inside."""

from datetime import UTC, datetime
from typing import Literal

Precision = Literal["seconds", "milliseconds"]


def floored(instant: float, times: Precision = "seconds") -> float:
    """The instant as it will be shown, so that `since` compares with what a client saw."""
    return float(instant // 1) if times == "seconds" else instant * 1000 // 1 / 1000


def iso(instant: float, times: Precision = "seconds") -> str:
    """`2026-06-11T07:15:00Z`, or with three more digits."""
    moment = datetime.fromtimestamp(instant, UTC)
    return moment.isoformat(timespec=times).removesuffix("+00:00") + "Z"


def parsed(text: str) -> float:
    """Epoch seconds of an ISO 8601 text; without an offset it is UTC.

    Raises:
        ValueError: It is not ISO 8601.
    """
    moment = datetime.fromisoformat(text.upper())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
