"""Virtual time and a log that remembers: what a connector is given instead of the real ones."""

import threading

NOON = 1781179200.0
"""2026-06-11T12:00:00Z, in seconds since the epoch."""


class ManualClock:
    """A `syncd.clock.Clock` that only moves when it is told to: `wait` comes back at once and time has passed."""

    def __init__(self, start: float = NOON) -> None:
        """`start`: seconds since the epoch."""
        self._start = start
        self._passed = 0.0
        self._stopping = False

    def now(self) -> float:  # noqa: D102 - as `Clock` says
        return self._start + self._passed

    def monotonic(self) -> float:  # noqa: D102
        return 1000.0 + self._passed

    def boot(self) -> str:  # noqa: D102
        return "virtual"

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        """Let `seconds` pass at once. Raises AssertionError for a wait that nothing would ever end."""
        if not event.is_set() and not self._stopping:
            if seconds is None:
                raise AssertionError("the connector waits without a limit: nothing would ever end this wait")
            self.advance(seconds)
        return event.is_set() and not self._stopping

    def stop(self) -> None:  # noqa: D102
        self._stopping = True

    @property
    def stopping(self) -> bool:  # noqa: D102
        return self._stopping

    def advance(self, seconds: float) -> None:
        """Let time pass; never back."""
        self._passed += max(0.0, seconds)


class Journal:
    """A `syncd.connector.Logger` that keeps what it is told."""

    def __init__(self) -> None:
        """Nothing was logged yet."""
        self.events: list[tuple[str, dict[str, object]]] = []

    def debug(self, event: str, **ids: object) -> None:  # noqa: D102 - as `Logger` says
        self.events.append((event, ids))

    def info(self, event: str, **ids: object) -> None:  # noqa: D102
        self.events.append((event, ids))

    def warning(self, event: str, **ids: object) -> None:  # noqa: D102
        self.events.append((event, ids))
