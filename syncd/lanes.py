"""Runs passes over lanes; shared by `--once` and the daemon.

A crew is a few threads that step a set of lanes: each connector's lane has a thread to itself, for two of the CRM
libraries block; the sources' lanes share a small pool, so that many keys need few threads. A lane is never in two
threads. Steps do not wait; this module does, and `Clock.stop` ends every wait at once.

A run that is to end (`--once`) ends when it is quiet: no lane is in a step and none wants another. Trouble is waited
out for `max_wait` seconds from where it began; a lane that is only pacing itself is waited for as long as it takes.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.engine.step import Next, Stepper
from syncd.ledger import LedgerError

BUG_PAUSE = 30.0
"""Seconds before a lane whose step raised a bug is tried again."""

DRAIN = 8.0
"""Seconds that a stop waits for steps under way. Leaving them is harmless: a crash would be."""


@dataclass(slots=True)
class _Entry:
    """A lane in a crew. `due`: monotonic, None when it is idle."""

    lane: Stepper
    due: float | None = 0.0
    running: bool = False
    woken: bool = False
    trouble: str = ""
    troubled_since: float | None = None


@dataclass(slots=True)
class Crew:
    """Lanes and how many threads step them."""

    lanes: Sequence[Stepper]
    threads: int = 1
    _entries: list[_Entry] = field(default_factory=list)
    _events: list[threading.Event] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended. `troubles`: (kind, name) -> code of each lane that was left in trouble."""

    troubles: dict[tuple[str, str], str]
    stopped: bool
    error: LedgerError | None
    bug: bool


class Runner:
    """Steps the crews' lanes until the run is quiet, or until the clock is stopped."""

    def __init__(self, clock: Clock, log: Logger, *, until_quiet: bool, max_wait: float = 900.0) -> None:
        """`max_wait`: seconds of trouble after which a lane is left alone; only when `until_quiet`."""
        self._clock, self._log = clock, log
        self._until_quiet, self._max_wait = until_quiet, max_wait
        self._crews: list[Crew] = []
        self._lock = threading.RLock()
        self._over = False
        self._bell = threading.Event()
        self._error: LedgerError | None = None
        self._bug = False

    def wake(self, kind: str, name: str) -> None:
        """A lane has work; from any thread. A name that no crew has is nobody's."""
        with self._lock:
            for crew, entry in self._all():
                if (entry.lane.kind, entry.lane.name) == (kind, name):
                    entry.woken = True
                    if entry.due is None or entry.trouble == "":
                        entry.due = self._clock.monotonic()
                    _ring(crew)

    def run(self, crews: Iterable[Crew], tick: Callable[[], None] = lambda: None) -> Ended:
        """Step all lanes; `tick` is called from this thread about five times a second."""
        threads = self._start(crews)
        while not self._over and not self._clock.stopping:
            self._clock.wait(self._bell, 0.2)
            self._bell.clear()
            tick()
        stopped = self._clock.stopping and not self._over
        self._end()
        for crew in self._crews:
            _ring(crew)
        for thread in threads:  # together, not each: a step that hangs in a library must not keep the rest
            thread.join(DRAIN / len(threads))
        tick()
        troubles = {(e.lane.kind, e.lane.name): e.trouble for _, e in self._all() if e.trouble}
        return Ended(troubles, stopped, self._error, self._bug)

    def _end(self) -> None:
        self._over = True
        self._bell.set()

    def _start(self, crews: Iterable[Crew]) -> list[threading.Thread]:
        threads = []
        for crew in crews:
            if not crew.lanes:
                continue
            self._crews.append(crew)
            crew._entries = [_Entry(lane, due=self._clock.monotonic()) for lane in crew.lanes]  # noqa: SLF001
            for n in range(min(crew.threads, len(crew.lanes))):
                event = threading.Event()
                crew._events.append(event)  # noqa: SLF001
                name = f"{crew.lanes[0].kind}-{crew.lanes[0].name}-{n}"
                # daemon: a step that hangs in a vendor's library must not keep the process from ending
                threads.append(
                    threading.Thread(target=self._work, args=(crew, event), name=name, daemon=True)
                )
        if not threads:
            self._end()
        for thread in threads:
            thread.start()
        return threads

    def _all(self) -> list[tuple[Crew, _Entry]]:
        return [(crew, entry) for crew in self._crews for entry in crew._entries]  # noqa: SLF001

    def _work(self, crew: Crew, event: threading.Event) -> None:
        while not self._over and not self._clock.stopping:
            event.clear()
            entry, wait = self._choose(crew)
            if entry is None:
                self._clock.wait(event, wait)
                continue
            self._settle(entry, self._step(entry.lane))
            _ring(crew)

    def _choose(self, crew: Crew) -> tuple[_Entry | None, float | None]:
        """The lane that has been due longest, or how long until one is."""
        now = self._clock.monotonic()
        with self._lock:
            resting = [e for e in crew._entries if not e.running and e.due is not None]  # noqa: SLF001
            if not resting:
                return None, None
            first = min(resting, key=lambda e: e.due or 0.0)
            wait = (first.due or 0.0) - now
            if wait > 0:
                return None, wait
            first.running, first.woken = True, False
            return first, None

    def _step(self, lane: Stepper) -> Next | None:
        try:
            return lane.step()
        except LedgerError as error:
            with self._lock:
                self._error = self._error or error
            self._end()
        except Exception as bug:  # noqa: BLE001 - one lane's bug must not end the others; logged with its traceback
            self._log.warning("lane_failed", kind=lane.kind, name=lane.name, exc_info=bug)
            self._bug = True
        return None

    def _settle(self, entry: _Entry, after: Next | None) -> None:
        now = self._clock.monotonic()
        after = after or Next(BUG_PAUSE, "bug")
        with self._lock:
            entry.running = False
            entry.trouble = after.trouble
            entry.troubled_since = (
                (now if entry.troubled_since is None else entry.troubled_since) if after.trouble else None
            )
            entry.due = None if after.wait is None else now + after.wait
            if entry.woken and not after.trouble:
                entry.due = now
            if self._until_quiet and self._hopeless(entry):
                entry.due = None
            if self._until_quiet and all(not e.running and e.due is None for _, e in self._all()):
                self._end()

    def _hopeless(self, entry: _Entry) -> bool:
        """Whether this lane's trouble would outlast what the run is willing to wait."""
        if not entry.trouble or entry.due is None or entry.troubled_since is None:
            return False
        return entry.trouble == "bug" or entry.due - entry.troubled_since > self._max_wait


def _ring(crew: Crew) -> None:
    for event in crew._events:  # noqa: SLF001
        event.set()
