"""One line in the log for each burst of work: how many leads went where, and how many exports were made."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.engine.lane import NOBODY, Observer, Outcomes
from syncd.workers import nothing

QUIET, LONGEST = 2.0, 60.0
"""Seconds without work after which a burst is over, and after which a longer one is logged so far."""


class WorkLog(Observer):
    """An observer that counts what was done, for the daemon to log; everything is also passed on to another observer."""

    def __init__(self, clock: Clock, log: Logger, observer: Observer = NOBODY) -> None:
        """`observer`: also gets what this one is told."""
        self._clock, self._log, self._observer = clock, log, observer
        self.began: Callable[[], None] = nothing
        """Called when a burst begins, from the thread of a lane."""
        self._lock = threading.Lock()
        self._delivered, self._exported = Counter[str](), Counter[str]()
        self._first: float | None = None
        self._last = 0.0

    def requested(self, source: str, host: str, status: int) -> None:
        """Pass it on."""
        self._observer.requested(source, host, status)

    def pulled(self, source: str, kind: str, new: int) -> None:
        """Pass it on."""
        self._observer.pulled(source, kind, new)

    def fed_back(self, source: str, outcomes: Outcomes) -> None:
        """Pass it on."""
        self._observer.fed_back(source, outcomes)

    def sent(self, connector: str, outcomes: Outcomes, latencies: Sequence[float]) -> None:
        """Count deliveries."""
        self._observer.sent(connector, outcomes, latencies)
        self._add(self._delivered, connector, outcomes)

    def exported(self, source: str, outcomes: Outcomes) -> None:
        """Count exports."""
        self._observer.exported(source, outcomes)
        self._add(self._exported, source, outcomes)

    def turn(self) -> float | None:
        """Log a burst that is over; return the seconds until one may be, None while there is none."""
        now = self._clock.monotonic()
        with self._lock:
            if self._first is None:
                return None
            left = min(self._last + QUIET, self._first + LONGEST) - now
        if left > 0:
            return left
        self.flush()
        return None

    def flush(self) -> None:
        """Log what was done since the last line, if anything was."""
        with self._lock:
            delivered, exported, self._first = dict(self._delivered), dict(self._exported), None
            self._delivered.clear()
            self._exported.clear()
        if delivered or exported:
            sentence = describe_work(delivered, exported)
            self._log.info("leads_delivered", sentence=sentence, delivered=delivered, exported=exported)

    def _add(self, counter: Counter[str], name: str, outcomes: Outcomes) -> None:
        n = sum(n for (outcome, _), n in outcomes.items() if outcome == "delivered")
        if not n:
            return
        with self._lock:
            counter[name] += n
            self._last = self._clock.monotonic()
            begins = self._first is None
            if begins:
                self._first = self._last
        if begins:
            self.began()


def describe_work(delivered: Mapping[str, int], exported: Mapping[str, int]) -> str:
    """Describe a burst: `7 leads to crm, org; 3 leads to sheet; 7 exported`."""
    names: dict[int, list[str]] = {}
    for name, n in delivered.items():
        names.setdefault(n, []).append(name)
    parts = [f"{n:,} {'lead' if n == 1 else 'leads'} to {', '.join(where)}" for n, where in names.items()]
    done = sum(exported.values())
    return "; ".join([*parts, *([f"{done:,} exported"] if done else [])])
