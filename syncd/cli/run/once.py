"""`syncd --once`: pull, deliver and export everything, then exit with a code that tells the result."""

import gc
import signal
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType

import typer

from syncd.app.connectors import compile_connectors
from syncd.app.engine import SOURCE_THREADS, make_pools, opened_engine
from syncd.app.privileges import settings_in_force
from syncd.cli.context import can_ask, choose, operator
from syncd.cli.exits import Exit, complain
from syncd.cli.output import when
from syncd.cli.run.progress import Looker, ProgressMaker, progress_bars
from syncd.cli.run.report import Counts, report, standing_of
from syncd.clock import Clock, SystemClock
from syncd.connector import Logger
from syncd.core.flood_gate import FIRST
from syncd.engine.engine import Engine
from syncd.engine.housekeeping import Housekeeping
from syncd.engine.pull.lane import Pull
from syncd.ledger import Ledger, LedgerError, history, overview, sources
from syncd.ledger.admin.actions import hold, release
from syncd.ledger.database import EngineLock
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.history import log_action
from syncd.ledger.lanes import load_lanes
from syncd.ledger.sources import load_source
from syncd.log import configure, logger, redact_values
from syncd.settings import Settings, SettingsError, secret_values
from syncd.settings.error_messages import hint
from syncd.verbs.engine_holder import engine_of, nudge
from syncd.workers import LaneView, Runner, WorkerPool

MAX_WAIT = 900.0
"""Seconds that a run waits for trouble to pass, unless the command line says otherwise."""

LOOK = 0.5
"""Seconds between two looks at the progress of another engine."""


@dataclass(frozen=True, slots=True)
class Order:
    """The flags of one run. Instants are seconds since the epoch, durations are seconds."""

    since: float | None = None
    until: float | None = None
    connector: str = ""
    limit: int | None = None
    max_wait: float = MAX_WAIT
    yes: bool = False
    """Open every gate for this run, and ask nothing."""


def run_job(config: Path | None, order: Order, *, dry_run: bool, as_json: bool = False) -> Exit:
    """Do the main job once, or print what it would do. Raises SettingsError and LedgerError."""
    gc.freeze()  # the objects of start-up stay
    gc.set_threshold(50_000, 20, 50)  # and work makes few cycles
    settings = settings_in_force(config)
    redact_values(secret_values(settings))
    # A dry run's lanes write to a ledger in memory, so their reports of success are not true
    quiet = dry_run and settings.log.level == "info"
    configure(settings.log.format, "warning" if quiet else settings.log.level)
    if dry_run:
        from syncd.cli.run.dry_run import run_dry  # noqa: PLC0415 - few runs are dry

        return run_dry(settings, order, as_json=as_json)
    try:
        return run_once(settings, order)
    except LedgerError as error:
        window = order.since is not None or order.until is not None
        if error.code != "ledger_locked" or not window or order.connector:
            raise
    return _delegate(settings, order)


def run_once(
    settings: Settings, order: Order, *, clock: Clock | None = None, progress: ProgressMaker | None = None
) -> Exit:
    """Do the main job once. Raises SettingsError and LedgerError before anything is sent.

    `clock` and `progress` replace the system clock and the bars on the terminal.
    """
    settings.require_sources()
    mapped = compile_connectors(settings)
    if order.connector and order.connector not in mapped:
        known = hint(order.connector, mapped, "configured connectors")
        name = settings.provenance.name
        raise SettingsError(f"--connector {order.connector}: {name} has no such connector; {known}")
    redact_values(secret for m in mapped.values() for secret in m.configured.secrets)
    clock = clock or SystemClock()
    log = logger()
    path = settings.state.path
    with EngineLock(path) as lock, Ledger.open(path, upgrade=True, lock=lock) as ledger:
        house = Housekeeping(ledger, clock, log, settings.state.retention)
        house.refuse_damaged()
        runner = Runner(clock, log, until_quiet=True, max_wait=order.max_wait, before=ledger.check)
        engine_context = opened_engine(
            settings, ledger, log, runner.wake, clock=clock, only=order.connector,
            approved_by=operator() if order.yes else "", mapped=mapped,
        )  # fmt: skip
        with stopping_on_signals(clock), engine_context as engine:
            look = partial(standing_of, ledger, feedback=settings.gives_feedback)
            before = look()
            _ask(engine, order)
            if not order.yes and can_ask() and any(m.configured.gate for m in mapped.values()):
                _pull_and_ask(engine, log)
            newest = _newest_action(ledger)
            scene = Looker(settings, ledger, clock, runner.views, order.max_wait)
            with (progress or progress_bars)(settings, before, scene) as show:

                def tick() -> None:
                    nonlocal newest
                    if (now := _newest_action(ledger)) != newest:
                        newest = now
                        runner.look()  # people act with other commands meanwhile
                    show(look())

                ended = runner.run(make_pools(engine), tick)
                show(look())
            if ended.error is not None:
                raise ended.error
            code = report(
                settings, ledger, before, ended.troubles,
                stopped=ended.stopped, bug=ended.bug, only=order.connector,
            )  # fmt: skip
            house.keep()
            if settings.state.backup == "daily":
                from syncd.engine.daily_backup import DailyBackup  # noqa: PLC0415 - only where it is asked for

                DailyBackup(ledger, clock, log, settings.state).keep()
            return code


def _pull_and_ask(engine: Engine, log: Logger) -> None:
    """Pull first, then ask about closed gates: before anything is sent, and before bars are drawn.

    This does not wait for a pull in trouble: the run continues with it beside everything else.
    """
    first = Runner(engine.clock, log, until_quiet=True, max_wait=0.0)
    ended = first.run([WorkerPool(engine.pulls, min(SOURCE_THREADS, len(engine.pulls)))])
    if ended.error is not None:
        raise ended.error
    if not ended.stopped:
        _ask_to_release(engine.ledger, {lane.name for lane in engine.delivers}, engine.clock)


def _ask_to_release(ledger: Ledger, names: Collection[str], clock: Clock) -> None:
    """Ask, for each of these connectors whose gate is closed, how many of the waiting deliveries may go."""
    with ledger.read() as connection:
        closed = [gate.connector for gate in flood_gate.gates(connection).values() if gate.since is not None]
        waiting = overview.counts(connection)["delivery"]
    for name in (name for name in closed if name in names):
        answer = _answer(
            f"{waiting[name]['pending']:,} leads would go to {name}. "
            f"Send [a]ll, the [{FIRST}] oldest to look at, or [n]one? "
        )
        if answer == "some":  # the gate let them through when it closed
            continue
        with ledger.write() as connection:
            (release if answer == "all" else hold)(connection, name, clock.now(), who=operator())


_ANSWERS = {
    "a": "all",
    "all": "all",
    "y": "all",
    "yes": "all",
    str(FIRST): "some",
} | dict.fromkeys(("n", "no", "none"), "none")


def _answer(question: str) -> str:
    """Ask. Ctrl-C ends the run here: a run drains on the first Ctrl-C, and a question has nothing to drain."""
    main = threading.current_thread() is threading.main_thread()
    draining = signal.signal(signal.SIGINT, signal.default_int_handler) if main else None
    try:
        return choose(question, _ANSWERS, otherwise="none")
    except KeyboardInterrupt:
        raise typer.Abort from None
    finally:
        if main:
            signal.signal(signal.SIGINT, draining)


def _newest_action(ledger: Ledger) -> int:
    with ledger.read() as connection:
        return history.newest_action(connection)


def _ask(engine: Engine, order: Order) -> None:
    with engine.ledger.read() as connection:
        asked = sources.pending_windows(connection)
    for pull in engine.pulls:
        if order.since is not None or order.until is not None:
            pull.ask_window(order.since or 0.0, order.until, order.limit)
            continue
        pull.ask_live(order.limit)
        for window in asked:
            if window.source == pull.name and order.limit is None:
                pull.ask_window(window.since, window.until, window.most, window=window.id)
        if order.limit is None and _reconcile_is_due(engine, pull.name):
            pull.ask_reconcile()
        elif order.limit is None and _check_is_due(engine, pull):
            pull.ask_check()


def _reconcile_is_due(engine: Engine, source: str) -> bool:
    """Tell if the last reconcile is too old; a first pull lists the same leads as a reconcile.

    A time in the future means that the clock was set back: then a reconcile is due.
    """
    with engine.ledger.write() as connection:
        row = load_source(connection, source)
    if not row.started:
        return False
    since = engine.clock.now() - (row.reconciled_at or 0.0)
    return bool(since < 0 or since >= engine.settings.sources[source].reconcile)


def _check_is_due(engine: Engine, pull: Pull) -> bool:
    """Tell if a check is due; a source's first pull lists everything, so it needs none."""
    with engine.ledger.write() as connection:
        started = load_source(connection, pull.name).started
    return bool(started) and pull.until_check() == 0  # it opens a transaction of its own


@contextmanager
def stopping_on_signals(clock: Clock) -> Iterator[None]:
    """Drain on the first SIGINT or SIGTERM, and exit on the second."""
    asked = threading.Event()

    def stop(number: int, _: FrameType | None) -> None:
        if asked.is_set():
            raise SystemExit(128 + number)
        asked.set()
        # In a thread: this handler may have interrupted a holder of the lock that `stop` takes
        threading.Thread(target=clock.stop, daemon=True).start()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _delegate(settings: Settings, order: Order) -> Exit:
    """Leave the window in the ledger for the running engine, and watch until it is pulled, delivered and exported.

    Raises LedgerError.
    """
    clock, path = SystemClock(), settings.state.path
    with stopping_on_signals(clock), Ledger.open(path) as ledger:
        before = standing_of(ledger)
        numbers = _order_windows(settings, ledger, order, clock)
        if nudge(path) is not None:
            complain("Another syncd runs already: it pulls this window after its live work.")
        watch = _Watch(settings, ledger, clock, numbers, order.max_wait)
        scene = Looker(settings, ledger, clock, watch.views, order.max_wait)
        with progress_bars(settings, before, scene) as show:
            while watch.continues(standing := standing_of(ledger)) and not clock.stopping:
                show(standing)
                clock.wait(threading.Event(), LOOK)
            show(standing_of(ledger))
        if watch.left and not watch.troubles:
            complain("The window is kept: the running syncd, or the next run, continues with it.")
        return report(settings, ledger, before, watch.troubles, stopped=bool(watch.left) or clock.stopping)


def _order_windows(settings: Settings, ledger: Ledger, order: Order, clock: Clock) -> list[int]:
    now, who = clock.now(), operator()
    since, until, limit = order.since or 0.0, order.until, order.limit
    with ledger.write() as connection:
        window = " ".join(
            f"{word} {when(it)}" for word, it in (("since", order.since), ("until", until)) if it
        )
        log_action(connection, now, who=who, verb="window", detail=window)
        return [
            sources.ask_window(connection, source, now, since=since, until=until, limit=limit, who=who)
            for source in settings.sources
        ]


class _Watch:
    """The engine's progress with these windows, and with the deliveries and exports that follow."""

    def __init__(
        self, settings: Settings, ledger: Ledger, clock: Clock, numbers: Sequence[int], max_wait: float
    ) -> None:
        self._settings, self._ledger, self._clock = settings, ledger, clock
        self._numbers, self._max_wait = numbers, max_wait
        self._seen: object = None
        self._moved = clock.monotonic()
        self._stopped: dict[tuple[str, str], float] = {}
        self._codes: dict[tuple[str, str], str] = {}
        self.left: list[str] = []
        """The sources whose window is not pulled yet."""
        self.troubles: dict[tuple[str, str], str] = {}

    def views(self) -> list[LaneView]:
        """List the lanes that stand still, as a run sees its own."""
        return [
            LaneView(*key, self._codes[key], None, None, None, 0, since)
            for key, since in self._stopped.items()
        ]

    def continues(self, standing: Counts) -> bool:
        """Tell if there is a reason to watch longer."""
        with self._ledger.read() as connection:
            stand = sources.windows_of(connection, self._numbers)
            lanes = load_lanes(connection)
        stopped = {(lane.kind, lane.name): lane for lane in lanes if lane.wait(self._clock.now()) != 0}
        self.left = [window.source for window in stand if window.state == "pending"]
        seen = (standing, [(window.state, window.new) for window in stand])
        now = self._clock.monotonic()
        if seen != self._seen:
            self._seen, self._moved = seen, now
        busy = {("pull", name) for name in self.left} | _owing(standing)
        # A lane that stands still is trouble, even while other lanes move
        self._stopped = {key: self._stopped.get(key, now) for key in stopped}
        self._codes = {key: lane.code for key, lane in stopped.items()}
        held = {
            key
            for key, lane in stopped.items()
            if lane.status == "halted" or lane.until is None or now - self._stopped[key] >= self._max_wait
        }
        patient = now - self._moved < self._max_wait
        if busy <= held or not patient or engine_of(self._settings.state.path) is None:
            self.troubles = {key: stopped[key].code for key in busy if key in stopped}
            return False
        return True


def _owing(standing: Counts) -> set[tuple[str, str]]:
    """List the lanes that have pending work."""
    kinds = (("deliver", standing.deliveries), ("export", standing.exports))
    return {(kind, name) for kind, each in kinds for name, states in each.items() if states.get("pending")}
