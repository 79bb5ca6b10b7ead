"""The daemon: does what is due, obeys orders, notifies the service manager, and waits for the next of these.

`turn` does all that may be done now and says when to come back, as a lane's step does; `run` is the loop round it. So tests
in virtual time turn the same daemon by hand. Nothing in a turn waits for a remote: lanes and chores have threads.
"""

import ctypes
import gc
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.core.enrichment import SET_BOUNDS
from syncd.core.lane_state import SOURCE_LANES, LaneState, reopened
from syncd.daemon.calendar import Calendar, Chore
from syncd.daemon.poll_schedule import Polls, Snapshot
from syncd.daemon.service_manager import Notifier
from syncd.daemon.work_log import WorkLog
from syncd.engine.engine import Engine, log_shelved
from syncd.ledger import LedgerError, Transaction, overview, twins
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.lanes import load_lane, save_lane
from syncd.ledger.leads import settlement
from syncd.ledger.sources import set_budgets
from syncd.settings import Settings, SettingsError
from syncd.workers import Ended, Runner, WorkerPool, nothing


def give_back() -> None:
    """Return memory that was needed once to the system: a first pull may need ten times that of an idle daemon.

    glibc keeps what threads freed in their own arenas, for good unless it is asked. Another C library only collects.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


PUSH = frozenset({"push_failed"})
"""Codes that a new address may mend."""


def changed(old: Settings, new: Settings) -> list[tuple[str, str]]:
    """Return the lanes (kind, name) whose source or connector is new or has another option or secret."""
    tables: tuple[tuple[Mapping[str, object], Mapping[str, object], tuple[str, ...]], ...] = (
        (old.connectors, new.connectors, ("deliver", "hear")),
        (old.sources, new.sources, (*SOURCE_LANES, "enrich", "feedback", "push")),
    )
    return [
        (kind, name)
        for before, after, kinds in tables
        for name, it in after.items()
        if before.get(name) != it
        for kind in kinds
    ]


def take_over(connection: Transaction, old: Engine, new: Engine) -> list[LaneState]:
    """Lift the halts of what was changed, begin the budgets of new keys, end those of keys that are gone.

    Returns the lanes that were lifted. A pause, of ours or by hand, is left alone, unless it hangs on what was configured: a bound
    of enriching, where push is to go.
    """
    lifted = []
    for kind, name in changed(old.settings, new.settings):
        lane = load_lane(connection, kind, name)
        paused = lane.status == "paused" and lane.code in {"enrich": SET_BOUNDS, "push": PUSH}.get(kind, ())
        if lane.status == "halted" or paused:
            save_lane(connection, reopened(lane))
            lifted.append(lane)
    stood = {lane.name for lane in lifted if lane.kind == "deliver"}
    twins.set_addresses(connection, new.settings.addresses)
    set_budgets(connection, new.budgets)
    flood_gate.start(connection, new.gates, new.settings.routes, stood, new.clock.now())
    before = {context.budget.meter.name: context for context in old.contexts}
    after = {context.budget.meter.name: context for context in new.contexts}
    for key in after.keys() - before.keys():
        after[key].budget.start(connection)
    for key in before.keys() - after.keys():
        before[key].budget.schedule_pull(connection, None, 1)
    return lifted


Order = Literal["pull", "look", "reload"]
LEDGER_RETRY = 5.0
"""Seconds between two tries of a ledger that is full or locked."""


class Daemon:
    """The daemon: see the module."""

    def __init__(
        self,
        engine: Engine,
        runner: Runner,
        pools: Callable[[Engine], list[WorkerPool]],
        log: Logger,
        *,
        remake: Callable[[], Engine],
        chores: Callable[[Engine], Sequence[Chore]] = lambda _: (),
        notifier: Notifier | None = None,
        work: WorkLog | None = None,
    ) -> None:
        """Begin nothing yet.

        Args:
            engine: made with `runner.wake`, over an open ledger whose lock is held.
            runner: not until quiet.
            pools: makes the worker pools of an engine's lanes.
            log: one event for each change of state.
            remake: makes an engine of the configuration as it is now; raises SettingsError for a mistake in it.
            chores: what else is on the calendar for an engine.
            notifier: of the service manager.
            work: the observer of the lanes, which logs what they did.
        """
        self.engine, self._runner, self._pools, self._log = engine, runner, pools, log
        self._clock: Clock = engine.clock
        self._notify = notifier or Notifier()
        self._work = work or WorkLog(self._clock, log)
        self._work.began = runner.changed.set
        self.calendar = Calendar(self._clock, log, runner.fail)
        self._polls = Polls(engine, runner, self.calendar)
        self._remake, self._chores = remake, chores
        self.after_reload: list[Callable[[Engine], None]] = []
        """Called with the new engine, in the daemon's thread, once it has taken over."""
        self._put: Sequence[Chore] = ()
        self._orders: deque[Order] = deque()
        self._begun = self._clock.monotonic()
        self._fed = self._begun
        self._ledger_tried = 0.0

    def order(self, order: Order) -> None:
        """Queue an order; from any thread."""
        self._orders.append(order)
        self._runner.changed.set()

    def stop(self) -> None:
        """End after the steps under way; from any thread."""
        self._notify.stopping()
        self._clock.stop()

    def snapshot(self) -> Snapshot:
        """The daemon at this moment; from any thread."""
        now = self._clock.monotonic()
        polls = self._polls
        engine = polls.engine  # not our own: a reload may be half-way
        return Snapshot(
            now=self._clock.now(),
            monotonic=now,
            begun=self._begun,
            settings=engine.settings,
            lanes=self._runner.views(),
            sources={pull.name: polls.view(pull.name, now) for pull in engine.pulls},
            ledger=self._runner.held,
            stopping=self._clock.stopping,
        )

    def run(self, before_ready: Callable[[], None] = nothing) -> Ended:
        """Run until the clock is stopped, or the ledger fails for good. `before_ready`: see `begin`."""
        try:
            self.begin(before_ready)
            changed = self._runner.changed
            while not self._runner.over and not self._clock.stopping:
                changed.clear()
                self._clock.wait(changed, self.turn())
        except BaseException:
            self._clock.stop()
            self._runner.finish()  # or lanes would go on over a ledger that is being closed
            raise
        self._log.info("daemon_stopping")
        ended = self._runner.finish()
        self._work.flush()
        return ended

    def begin(self, before_ready: Callable[[], None] = nothing) -> None:
        """Start the lanes and ask for the first pulls; call `before_ready`; then notify the service manager."""
        self._polls.begin()
        self._put_chores()
        self._runner.start(self._pools(self.engine))
        self._log.info("daemon_started", sources=len(self.engine.pulls), connectors=len(self.engine.delivers))
        before_ready()
        self._notify.ready()

    def turn(self) -> float | None:
        """Do what is due; return the seconds until something is, None when nothing ever will be."""
        try:
            return self._turn()
        except LedgerError as error:
            self._runner.fail(error)  # and rings: the next turn is now
            return LEDGER_RETRY

    def _turn(self) -> float | None:
        while self._orders:
            self._obey(self._orders.popleft())
        jump = self.calendar.jumped()
        if jump:
            self._log.warning("clock_jumped", seconds=round(jump))
            self._runner.look()
        waits = [self._try_ledger(), self.calendar.turn(), self._notify_manager(), self._work.turn()]
        return min((wait for wait in waits if wait is not None), default=None)

    def _obey(self, order: Order) -> None:
        if order == "pull":
            self._log.info("pull_ordered")
            self._polls.pull_now()
        elif order == "look":
            self._polls.look()
        else:
            self._notify.reloading(self._clock)
            self._reload()
            self._notify.ready()

    def _reload(self) -> None:
        """All or nothing: a mistake in the new configuration keeps the old one."""
        try:
            engine = self._remake()
        except SettingsError as error:
            self._log.warning("reload_refused", mistakes=list(error.mistakes))
            return
        except Exception as bug:  # noqa: BLE001 - a plugin that cannot be opened must not end what runs
            self._log.warning("reload_failed", exc_info=bug)
            return
        try:
            with engine.ledger.write() as connection:
                lifted = take_over(connection, self.engine, engine)
                moved = settlement.apply_exporting(connection, engine.settings.exporting, engine.clock.now())
        except LedgerError as error:
            engine.close()
            self._runner.fail(error)
            self._log.warning("reload_refused", mistakes=[error.detail])
            return
        log_shelved(self._log, moved)
        self._polls.end()
        engine.ledger.flow = engine.settings.console is not None
        self.engine, self._polls = engine, Polls(engine, self._runner, self.calendar)
        self._polls.begin()
        self._runner.replace(self._pools(engine))
        self._put_chores()
        for act in self.after_reload:
            act(engine)
        self._log.info(
            "reloaded",
            sources=len(engine.pulls),
            connectors=len(engine.delivers),
            lifted=[f"{lane.kind}:{lane.name}" for lane in lifted],
        )

    def _put_chores(self) -> None:
        for chore in self._put:
            self.calendar.remove(chore.name)
        self._put = self._chores(self.engine)
        for chore in self._put:
            self.calendar.put(chore)

    def _try_ledger(self) -> float | None:
        """Try a ledger that was in trouble; return the seconds until the next try, None when it is well."""
        held = self._runner.held
        if held is None:
            self._ledger_tried = 0.0
            return None
        now = self._clock.monotonic()
        if not self._ledger_tried:
            self._log.warning("ledger_trouble", code=held.code, detail=held.detail)
        elif now - self._ledger_tried >= LEDGER_RETRY:
            try:
                self.engine.ledger.touch()
            except LedgerError as error:
                self._runner.fail(error)
            else:
                self._log.info("ledger_recovered", code=held.code)
                self._runner.release()
                return self._try_ledger()
        else:
            return LEDGER_RETRY - (now - self._ledger_tried)
        self._ledger_tried = now
        return LEDGER_RETRY

    def _notify_manager(self) -> float | None:
        """Send the service manager a status line, and a sign of life unless a lane hangs; return the seconds until the next."""
        if self._notify.listens:
            self._notify.status(self._status())
        if self._notify.watchdog is None:
            return None
        every = self._notify.watchdog / 2
        now = self._clock.monotonic()
        left = self._fed + every - now
        if left > 0:
            return left
        self._fed = now
        stuck = self.snapshot().stuck
        if stuck:
            self._log.warning("lane_stuck", kind=stuck[0].kind, name=stuck[0].name)
        else:
            self._notify.alive()
        return every

    def _status(self) -> str:
        seen = self.snapshot()
        if seen.ledger is not None:
            return f"Nothing is sent: {seen.ledger.detail}"
        with self.engine.ledger.read() as connection:
            counts = overview.counts(connection)
        waiting = {
            kind: sum(states.get("pending", 0) for states in counts[kind].values())
            for kind in ("delivery", "export")
        }
        parts = [f"{waiting['delivery']} to deliver, {waiting['export']} to export"]
        parts += [f"{lane.name} ({lane.kind}): {lane.trouble}" for lane in seen.lanes if lane.trouble][:3]
        if not_pulled := sum(it.pulled is None for it in seen.sources.values()):
            parts.append(f"{not_pulled} not pulled yet")
        return "; ".join(parts)
