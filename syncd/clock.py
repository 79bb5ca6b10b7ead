"""Time, as one injected object: what time it is, waits that can be cut short, and the order to stop.

No other module reads a clock or sleeps. Wall time (`now`) is for people and for what must survive a restart;
`monotonic` is for durations, and on Linux it is one clock for every process since boot, which the limiter's
slots rely on.
"""

import threading
import time
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Seconds since the epoch, seconds since boot, and a wait that `stop` or the event ends early."""

    def now(self) -> float:
        """Wall time: seconds since the epoch, UTC. May jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back and that all processes of this boot share."""
        ...

    def boot(self) -> str:
        """Names the run of the machine that `monotonic` counts in."""
        ...

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        """Wait until `event` is set (True), or `seconds` have passed or `stop` was called (False)."""
        ...

    def stop(self) -> None:
        """End every wait, now and later."""
        ...

    @property
    def stopping(self) -> bool:
        """True once `stop` was called."""
        ...


class SystemClock:
    """The machine's clocks."""

    def __init__(self) -> None:
        self._waiting: set[threading.Event] = set()
        self._lock = threading.Lock()
        self._stopping = False

    def now(self) -> float:  # noqa: D102
        return time.time()

    def monotonic(self) -> float:  # noqa: D102
        return time.monotonic()

    def boot(self) -> str:  # noqa: D102
        try:
            return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return "unknown"

    def wait(self, event: threading.Event, seconds: float | None) -> bool:  # noqa: D102
        with self._lock:
            if self._stopping:
                return event.is_set()
            self._waiting.add(event)
        try:
            event.wait(seconds)
        finally:
            with self._lock:
                self._waiting.discard(event)
        return event.is_set() and not self._stopping

    def stop(self) -> None:  # noqa: D102
        with self._lock:
            self._stopping = True
            for event in self._waiting:
                event.set()

    @property
    def stopping(self) -> bool:  # noqa: D102
        return self._stopping


class FastClock(SystemClock):
    """Time that runs `factor` times as fast since `start` (wall seconds): the demo's, so that minutes take seconds.

    Processes that agree on both agree on the time.
    """

    def __init__(self, factor: float, start: float | None = None) -> None:
        """`start`: now if None."""
        super().__init__()
        self.factor = factor
        self.start = time.time() if start is None else start

    def now(self) -> float:  # noqa: D102
        return self.start + (time.time() - self.start) * self.factor

    def monotonic(self) -> float:  # noqa: D102
        return time.monotonic() * self.factor

    def wait(self, event: threading.Event, seconds: float | None) -> bool:  # noqa: D102
        return super().wait(event, None if seconds is None else seconds / self.factor)
