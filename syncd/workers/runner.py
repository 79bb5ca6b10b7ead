"""Runs passes over lanes; shared by `--once` and the daemon.

A pool is a few threads that step a set of lanes: each connector's lane has a thread to itself, for two of the CRM
libraries block; the sources' lanes share a small pool, so that many keys need few threads. A lane is never in two
threads. Steps do not wait; this module does, and `Clock.stop` ends every wait at once.

A run that is to end (`--once`) ends when it is quiet: no lane is in a step and none wants another. Trouble is waited
out for `max_wait` seconds from where it began; a lane that is only pacing itself is waited for as long as it takes.
A run that goes on (`Runner.start`) may have its pools replaced, and waits out a ledger that will be well again.
"""

import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.engine.lane import Lane, Next
from syncd.ledger import LedgerError
from syncd.workers.pool import Entry, Key, LaneView, WorkerPool, get_up, lie_down, nothing, ring

BUG = "bug"
"""The trouble of a lane whose step raised one; any other trouble is in the ledger, where a lane that is woken finds it."""
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

        Args:
            clock: all waits are its.
            log: hears of bugs.
            until_quiet: whether the run is to end by itself.
            max_wait: seconds of trouble after which a lane is left alone; only when `until_quiet`.
            before: called before each step; raises LedgerError when none should be made.
        """
        self._clock, self._log = clock, log
        self._until_quiet, self._max_wait, self._before = until_quiet, max_wait, before
        self._pools: list[WorkerPool] = []
        self._threads: list[threading.Thread] = []
        self._leaving: list[Entry] = []
        """Entries of pools that were replaced, as far as they were in a step then."""
        self._lock = threading.RLock()
        self._over = False
        self.bell = threading.Event()
        """Rung when the run ends, when the ledger is in trouble, when a lane's trouble changed or it was stepped for the first time."""
        self.held: LedgerError | None = None
        """The reason why no lane is stepped at present; only when not `until_quiet`."""
        self._error: LedgerError | None = None
        self._bug = False

    @property
    def over(self) -> bool:
        """True if the run ended by itself: it is quiet, or the ledger failed."""
        return self._over

    def wake(self, kind: str, name: str) -> None:
        """A lane has work; from any thread. A name that no pool has is nobody's."""
        with self._lock:
            for pool, entry in self._all():
                if (entry.lane.kind, entry.lane.name) == (kind, name):
                    entry.woken = True
                    if entry.due is None or entry.trouble != BUG:
                        entry.due = self._clock.monotonic()
                    ring(pool)

    def look(self) -> None:
        """Every lane looks at the ledger again, pauses included: somebody else wrote to it, or the clock jumped."""
        now = self._clock.monotonic()
        with self._lock:
            for _, entry in self._all():
                entry.woken = True
                if entry.trouble != BUG:
                    entry.due = now
            for pool in self._pools:
                ring(pool, len(pool.entries))

    def run(self, pools: Iterable[WorkerPool], tick: Callable[[], None] = nothing) -> Ended:
        """Step all lanes; `tick` is called from this thread about five times a second."""
        self.start(pools)
        while not self._over and not self._clock.stopping:
            self._clock.wait(self.bell, 0.2)
            self.bell.clear()
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
            running = {(e.lane.kind, e.lane.name): e for e in old if e.running}
            for pool in self._pools:
                pool.over = True
                ring(pool, len(pool.resting))
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            self._pools = []
            threads = self._enlist(pools)
            for _, entry in self._all():
                entry.after = running.get((entry.lane.kind, entry.lane.name))
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
        """Wait a while for the steps under way, and say how it ended."""
        stopped = self._clock.stopping and not self._over
        self._end()
        with self._lock:
            for pool in self._pools:
                ring(pool, len(pool.resting))
        until = self._clock.monotonic() + DRAIN
        for thread in self._threads:  # a step that hangs in a library must not keep the rest
            if thread.is_alive():  # for want of memory, it may never have been started
                thread.join(max(0.0, until - self._clock.monotonic()))
        entries = [entry for _, entry in self._all()]
        hanging = [entry for entry in [*entries, *self._leaving] if entry.running]
        for entry in entries:
            if entry not in hanging:
                self._close(entry)
        troubles = {(e.lane.kind, e.lane.name): e.trouble for _, e in self._all() if e.trouble}
        abandoned = dict.fromkeys((entry.lane.kind, entry.lane.name) for entry in hanging)
        return Ended(troubles, stopped, self._error, self._bug, tuple(abandoned))

    def views(self) -> list[LaneView]:
        """Every lane at this moment; from any thread."""
        with self._lock:
            return [
                LaneView(
                    e.lane.kind, e.lane.name, e.trouble, e.due, e.began if e.running else None, e.ended, e.steps
                )
                for _, e in self._all()
            ]  # fmt: skip

    def fail(self, error: LedgerError) -> None:
        """The ledger cannot be used: wait until `release` if it may be well again, else end; from any thread."""
        with self._lock:
            if error.passing and not self._until_quiet:
                self.held = self.held or error
                self.bell.set()
                return
            self._error = self._error or error
        self._end()

    def release(self) -> None:
        """The ledger is well again."""
        self.held = None
        self.look()

    def turn(self, pool: WorkerPool, event: threading.Event | None = None) -> float | None:
        """Step the lane that has been due longest: 0.0; else how long until one is, None when only a wake can tell.

        `event`: of the thread that asks, which is going to wait on it.
        """
        entry, wait = self._choose(pool, event)
        if entry is None:
            return wait
        self._settle(entry, self._step(entry.lane))
        return 0.0

    def _end(self) -> None:
        self._over = True
        self.bell.set()

    def _enlist(self, pools: Iterable[WorkerPool]) -> list[threading.Thread]:
        """Take the pools on, all lanes due now; the threads that would step them are not started."""
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
        """The lane that has been due longest, or how long this thread may rest."""
        now = self._clock.monotonic()
        with self._lock:
            if event is not None:
                get_up(pool, event)
            waiting = [e for e in pool.entries if e.ready and e.due is not None] if not self.held else []
            first = min(waiting, key=lambda e: e.due or 0.0, default=None)
            wait = None if first is None else (first.due or 0.0) - now
            if first is not None and wait is not None and wait <= 0:
                first.running, first.woken, first.began = True, False, now
                if len(waiting) > 1:
                    ring(pool)  # somebody must see to the others
                return first, None
            return None, wait if event is None else lie_down(pool, event, now, wait)

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
                self.bell.set()
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
                    ring(pool)
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
