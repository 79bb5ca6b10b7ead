"""Apollo's three windows: how long an endpoint must rest once its headers show that nothing is left.

Apollo counts requests per team and endpoint in a minute, an hour and a day at once. They are fixed windows that open
at the first request, so one that was seen to open ends sooner than a whole length from now. A header that is absent
or empty is unknown, and in particular not zero.
Source: https://docs.apollo.io/reference/rate-limits
"""

from collections.abc import Mapping
from typing import NamedTuple

from syncd.http.answer import whole_number


class Window(NamedTuple):
    """One window: its length in seconds, and its headers."""

    name: str
    seconds: float
    usage: str
    left: str


WINDOWS = (
    Window("minute", 60.0, "x-minute-usage", "x-minute-requests-left"),
    Window("hour", 3600.0, "x-hourly-usage", "x-hourly-requests-left"),
    Window("day", 86400.0, "x-24-hour-usage", "x-24-hour-requests-left"),
)


class Rest(NamedTuple):
    """Seconds to wait, and the window that asks for it."""

    seconds: float
    window: str


class _Seen(NamedTuple):
    usage: int
    opened: float | None


class Windows:
    """The windows, known from the headers so far. Instants are monotonic seconds."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._until: dict[str, tuple[float, str]] = {}

    def observe(self, endpoint: str, headers: Mapping[str, str], now: float) -> None:
        """Take note of an answer's headers, their names in lower case."""
        until: tuple[float, str] | None = None
        for window in WINDOWS:
            opened = self._opened(endpoint, window, whole_number(headers.get(window.usage)), now)
            if whole_number(headers.get(window.left)) == 0:
                ends = (now if opened is None else opened) + window.seconds
                until = max(until, (ends, window.name)) if until else (ends, window.name)
        if until:
            self._until[endpoint] = until

    def rest(self, endpoint: str, now: float) -> Rest | None:
        """Return the rest that this endpoint needs, once: from then on the lane waits, and remembers it."""
        until, window = self._until.pop(endpoint, (0.0, ""))
        return Rest(until - now, window) if until > now else None

    def _opened(self, endpoint: str, window: Window, usage: int | None, now: float) -> float | None:
        """When the window under way was seen to open; None: before anybody looked."""
        before = self._seen.get((endpoint, window.name))
        if usage is None:
            return None
        opened = before.opened if before else None
        if usage == 1 or (before and usage < before.usage):
            opened = now
        elif opened is not None and now - opened > window.seconds:
            opened = None
        self._seen[endpoint, window.name] = _Seen(usage, opened)
        return opened
