"""Worker pools: threads that step lanes; shared by `--once` and the daemon.

A pool is a few threads that step a set of lanes: each connector's lane has a thread to itself, for two of the CRM
libraries block; the sources' lanes share a small pool, so that many keys need few threads. A lane is never in two
threads. Steps do not wait; this module does, and `Clock.stop` ends every wait at once.

No thread polls: of a pool's idle threads one waits for the next due lane, the others until they are woken.

A run that is to end (`--once`) ends when it is quiet: no lane is in a step and none needs another. Trouble is waited
out for `max_wait` seconds from where it began; a lane that is only pacing itself is waited for as long as it takes.
A run that goes on (`Runner.start`) may have its pools replaced, and waits out a ledger that will be well again.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.engine.lane import Lane, Next
from syncd.ledger import LedgerError

Key = tuple[str, str]
"""A lane's kind and name."""
Close = Callable[[], None]


def nothing() -> None:
    """Do nothing."""


@dataclass(slots=True, eq=False)
class Entry:
    """A lane in a pool. Instants are monotonic. `due`: None when it is idle; `after`: who must be out of its step first."""

    lane: Lane
    close: Close = nothing
    due: float | None = 0.0
    running: bool = False
    woken: bool = False
    trouble: str = ""
    troubled_since: float | None = None
    began: float = 0.0
    ended: float | None = None
    steps: int = 0
    retired: bool = False
    after: "Entry | None" = None

    @property
    def key(self) -> Key:
        """The lane's kind and name."""
        return self.lane.kind, self.lane.name

    @property
    def in_step(self) -> float | None:
        """When the step under way began; None: there is none."""
        return self.began if self.running else None

    @property
    def ready(self) -> bool:
        """True if it may be stepped when it is due."""
        return not self.running and not (self.after is not None and self.after.running)


@dataclass(slots=True)
class WorkerPool:
    """Lanes, and the number of threads that step them. `closes`: what ends a lane that was replaced or is over, by its key.

    `idle`: the threads' events; `waiter`: of the one that waits for the next due lane, and until when. All of it is read and
    changed under the runner's lock.
    """

    lanes: Sequence[Lane]
    threads: int = 1
    closes: Mapping[Key, Close] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    idle: list[threading.Event] = field(default_factory=list)
    waiter: tuple[threading.Event, float] | None = None
    over: bool = False

    def wake(self, n: int | None = 1) -> None:
        """Wake idle threads, all of them if `n` is None; those that work look again by themselves."""
        for event in [
            self.idle.pop() for _ in range(len(self.idle) if n is None else min(n, len(self.idle)))
        ]:
            event.set()

    def leave_idle(self, event: threading.Event) -> None:
        """A thread looks for work."""
        event.clear()
        if event in self.idle:
            self.idle.remove(event)
        if self.waiter is not None and self.waiter[0] is event:
            self.waiter = None

    def enter_idle(self, event: threading.Event, now: float, wait: float | None) -> float | None:
        """A thread has no work; return how long it may rest: it waits for the due lane if no other does, or not as early."""
        self.idle.append(event)
        if wait is None or (self.waiter is not None and self.waiter[1] <= now + wait):
            return None
        self.waiter = (event, now + wait)
        return wait


class LaneView(NamedTuple):
    """A lane at one moment. Instants are monotonic seconds.

    `due`: when it wants to be stepped next, None when it waits to be woken; `since`: when the step under way began, None
    when there is none; `ended`: when its last step did; `steps`: how many it made; `troubled_since`: when its trouble began.
    """

    kind: str
    name: str
    trouble: str
    due: float | None
    since: float | None
    ended: float | None
    steps: int
    troubled_since: float | None = None

    def late(self, now: float) -> float:
        """Seconds past its due time, or in its step; 0 for a lane that rightly waits."""
        from_ = self.due if self.since is None else self.since
        return 0.0 if from_ is None else max(0.0, now - from_)


BUG = "bug"
"""The trouble of a lane whose step raised one. Any other trouble is in the ledger, where a lane that is woken finds it."""
BUG_PAUSE = 30.0
"""Seconds before a lane whose step raised a bug is tried again."""

DRAIN = 8.0
"""Seconds that a stop waits for steps under way. Leaving them is harmless: a crash would be."""


class Ended(NamedTuple):
    """The end of a run. `troubles`: the code of each lane that was left in trouble; `abandoned`: lanes still in a step."""

    troubles: dict[Key, str]
    stopped: bool
    error: LedgerError | None
    bug: bool
    abandoned: tuple[Key, ...] = ()


class Runner:
    """Steps the pools' lanes until the run is quiet, or until the clock is stopped."""

    def __init__(
        self,
        clock: Clock,
        log: Logger,
        *,
        until_quiet: bool,
        max_wait: float = 900.0,
        before: Callable[[], None] = nothing,
    ) -> None:
        """Begin nothing yet.

        `until_quiet`: whether the run is to end by itself; only then `max_wait` counts, the seconds of trouble after which
        a lane is left alone. `before`: called before each step; raises LedgerError when none should be made.
        """
        self._clock, self._log = clock, log
        self._until_quiet, self._max_wait, self._before = until_quiet, max_wait, before
        self._pools: list[WorkerPool] = []
        self._threads: list[threading.Thread] = []
        self._leaving: list[Entry] = []
        """Entries of pools that were replaced, as far as they were in a step then."""
        self._lock = threading.RLock()
        self._over = False
        self.changed = threading.Event()
        """Set when the run ends, when the ledger is in trouble, when a lane's trouble changed or it was stepped for the first time."""
        self.held: LedgerError | None = None
        """The reason why no lane is stepped at present; only when not `until_quiet`."""
        self._error: LedgerError | None = None
        self._bug = False

    @property
    def over(self) -> bool:
        """True if the run ended by itself: it is quiet, or the ledger failed."""
        return self._over

    def wake(self, kind: str, name: str) -> None:
        """Step a lane soon, for it has work; from any thread. A name that no pool has is ignored."""
        with self._lock:
            for pool, entry in self._all():
                if entry.key == (kind, name):
                    entry.woken = True
                    if entry.due is None or entry.trouble != BUG:
                        entry.due = self._clock.monotonic()
                    pool.wake()

    def look(self) -> None:
        """Step every lane soon, pauses included: another process wrote to the ledger, or the clock jumped."""
        now = self._clock.monotonic()
        with self._lock:
            for _, entry in self._all():
                entry.woken = True
                if entry.trouble != BUG:
                    entry.due = now
            for pool in self._pools:
                pool.wake(None)

    def run(self, pools: Iterable[WorkerPool], tick: Callable[[], None] = nothing) -> Ended:
        """Step all lanes; `tick` is called from this thread about five times a second."""
        self.start(pools)
        while not self._over and not self._clock.stopping:
            self._clock.wait(self.changed, 0.2)
            self.changed.clear()
            tick()
        ended = self.finish()
        tick()
        return ended

    def start(self, pools: Iterable[WorkerPool]) -> None:
        """Begin to step all lanes."""
        threads = self._enlist(pools)
        if not threads:
            self._end()
        self._launch(threads)

    def replace(self, pools: Iterable[WorkerPool]) -> None:
        """Let these pools take over. Where an old lane is in a step, its successor waits for the end of that, nobody else."""
        with self._lock:
            old = [entry for _, entry in self._all()]
            running = {e.key: e for e in old if e.running}
            for pool in self._pools:
                pool.over = True
                pool.wake(None)
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            self._pools = []
            threads = self._enlist(pools)
            for _, entry in self._all():
                entry.after = running.get(entry.key)
            for entry in old:
                entry.retired = True
            self._leaving = [entry for entry in [*self._leaving, *running.values()] if entry.running]
        for entry in old:
            if not entry.running:
                self._close(entry)
        self._launch(threads)

    @staticmethod
    def _launch(threads: Iterable[threading.Thread]) -> None:
        for thread in threads:
            thread.start()

    def finish(self) -> Ended:
        """Wait a while for the steps under way; return how the run ended."""
        stopped = self._clock.stopping and not self._over
        self._end()
        with self._lock:
            for pool in self._pools:
                pool.wake(None)
        until = self._clock.monotonic() + DRAIN
        for thread in self._threads:  # a step that hangs in a library must not keep the rest
            if thread.is_alive():  # for want of memory, it may never have been started
                thread.join(max(0.0, until - self._clock.monotonic()))
        entries = [entry for _, entry in self._all()]
        hanging = [entry for entry in [*entries, *self._leaving] if entry.running]
        for entry in entries:
            if entry not in hanging:
                self._close(entry)
        troubles = {e.key: e.trouble for e in entries if e.trouble}
        abandoned = dict.fromkeys(entry.key for entry in hanging)
        return Ended(troubles, stopped, self._error, self._bug, tuple(abandoned))

    def views(self) -> list[LaneView]:
        """Every lane at this moment; from any thread."""
        with self._lock:
            return [
                LaneView(*e.key, e.trouble, e.due, e.in_step, e.ended, e.steps, e.troubled_since)
                for _, e in self._all()
            ]

    def fail(self, error: LedgerError) -> None:
        """Wait until `release` if the ledger may be well again, else end; from any thread."""
        with self._lock:
            if error.passing and not self._until_quiet:
                self.held = self.held or error
                self.changed.set()
                return
            self._error = self._error or error
        self._end()

    def release(self) -> None:
        """Go on, for the ledger is well again."""
        self.held = None
        self.look()

    def turn(self, pool: WorkerPool, event: threading.Event | None = None) -> float | None:
        """Step the lane that has been due longest, and return 0.0; else the seconds until one is due, None for no end.

        `event`: of the thread that asks, which is going to wait on it.
        """
        entry, wait = self._choose(pool, event)
        if entry is None:
            return wait
        self._settle(entry, self._step(entry.lane))
        return 0.0

    def _end(self) -> None:
        self._over = True
        self.changed.set()

    def _enlist(self, pools: Iterable[WorkerPool]) -> list[threading.Thread]:
        """Add pools, all lanes due now; return their threads, which are not started."""
        threads = []
        for pool in pools:
            if not pool.lanes:
                continue
            now = self._clock.monotonic()
            pool.entries = [
                Entry(lane, pool.closes.get((lane.kind, lane.name), nothing), due=now) for lane in pool.lanes
            ]
            self._pools.append(pool)
            for n in range(min(pool.threads, len(pool.lanes))):
                name = f"{pool.lanes[0].kind}-{pool.lanes[0].name}-{n}"
                # daemon: a step that hangs in a vendor's library must not keep the process from ending
                threads.append(threading.Thread(target=self._work, args=(pool,), name=name, daemon=True))
        self._threads += threads
        return threads

    def _all(self) -> list[tuple[WorkerPool, Entry]]:
        return [(pool, entry) for pool in self._pools for entry in pool.entries]

    def _work(self, pool: WorkerPool) -> None:
        event = threading.Event()
        while not self._over and not pool.over and not self._clock.stopping:
            wait = self.turn(pool, event)
            if wait != 0.0:
                self._clock.wait(event, wait)

    def _choose(self, pool: WorkerPool, event: threading.Event | None) -> tuple[Entry | None, float | None]:
        """Choose the lane that has been due longest, or how long this thread may rest."""
        now = self._clock.monotonic()
        with self._lock:
            if event is not None:
                pool.leave_idle(event)
            waiting = [e for e in pool.entries if e.ready and e.due is not None] if not self.held else []
            first = min(waiting, key=lambda e: e.due or 0.0, default=None)
            wait = None if first is None else (first.due or 0.0) - now
            if first is not None and wait is not None and wait <= 0:
                first.running, first.woken, first.began = True, False, now
                if len(waiting) > 1:
                    pool.wake()  # for the others
                return first, None
            return None, wait if event is None else pool.enter_idle(event, now, wait)

    def _step(self, lane: Lane) -> Next | None:
        try:
            self._before()
            return lane.step()
        except LedgerError as error:
            self.fail(error)
            if error.passing:
                return Next(0.0, error.code)
        except Exception as bug:  # noqa: BLE001 - one lane's bug must not end the others; logged with its traceback
            self._log.warning("lane_failed", kind=lane.kind, name=lane.name, exc_info=bug)
            self._bug = True
        return None

    def _settle(self, entry: Entry, after: Next | None) -> None:
        now = self._clock.monotonic()
        after = after or Next(BUG_PAUSE, BUG)
        with self._lock:
            if entry.ended is None or entry.trouble != after.trouble:
                self.changed.set()
            entry.running, entry.ended = False, now
            entry.steps += 1
            entry.trouble = after.trouble
            entry.troubled_since = (
                (now if entry.troubled_since is None else entry.troubled_since) if after.trouble else None
            )
            entry.due = None if after.wait is None else now + after.wait
            if entry.woken and after.trouble != BUG:
                entry.due = now
            if self._until_quiet and self._hopeless(entry):
                entry.due = None
            if self._until_quiet and all(not e.running and e.due is None for _, e in self._all()):
                self._end()
            retired = entry.retired
            if retired:
                for pool in self._pools:
                    pool.wake()
        if retired:
            self._close(entry)

    def _close(self, entry: Entry) -> None:
        try:
            entry.close()
        except Exception as bug:  # noqa: BLE001 - a plugin's bug at its very end changes nothing
            self._log.warning("close_failed", kind=entry.lane.kind, name=entry.lane.name, exc_info=bug)

    def _hopeless(self, entry: Entry) -> bool:
        """Tell if this lane's trouble would outlast what the run is willing to wait."""
        if not entry.trouble or entry.due is None or entry.troubled_since is None:
            return False
        return entry.trouble == BUG or entry.due - entry.troubled_since > self._max_wait
