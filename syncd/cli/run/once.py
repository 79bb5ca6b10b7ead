"""`syncd --once`: pull, deliver and export everything, then exit with a code that tells the result."""

import signal
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import typer

from syncd.app.engine import SOURCE_THREADS, make_pools, opened_engine
from syncd.app.mappings import Mapped, compile_connectors
from syncd.cli.context import operator
from syncd.cli.exits import Exit
from syncd.cli.prompt import ask, can_ask
from syncd.cli.run.progress import ProgressMaker, progress_bars
from syncd.cli.run.report import report, standing_of
from syncd.clock import Clock, SystemClock
from syncd.connector import Logger
from syncd.engine.engine import Engine
from syncd.engine.housekeeping import Housekeeping
from syncd.engine.pull.lane import Pull
from syncd.ledger import Ledger, history, overview, sources
from syncd.ledger.admin.actions import release
from syncd.ledger.database import EngineLock
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.sources import load_source
from syncd.log import logger, redact_values
from syncd.settings import Settings, SettingsError
from syncd.settings.error_messages import hint
from syncd.workers.pool import WorkerPool
from syncd.workers.runner import Runner

MAX_WAIT = 900.0
"""Seconds that a run waits for trouble to pass, unless the command line says otherwise."""


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


def run_once(
    settings: Settings, order: Order, *, clock: Clock | None = None, progress: ProgressMaker | None = None
) -> Exit:
    """Do the main job once. Raises SettingsError and LedgerError before anything is sent.

    `clock` and `progress` replace the system clock and the bars on the terminal.
    """
    settings.require_sources()
    mapped = compile_connectors(settings)
    _check_connector(settings, mapped, order.connector)
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
            before = standing_of(ledger, hears=settings.hears)
            _ask(engine, order)
            if not order.yes and can_ask() and any(m.configured.gate for m in mapped.values()):
                _pull_and_ask(engine, log)
            actions = _Actions(engine, runner)
            with (progress or progress_bars)(settings, before) as shown:

                def tick() -> None:
                    actions.notice()
                    shown.show(standing_of(ledger, hears=settings.hears))

                ended = runner.run(make_pools(engine), tick)
                shown.show(standing_of(ledger, hears=settings.hears))
            if ended.error is not None:
                raise ended.error
            code = report(
                settings, ledger, before, ended.troubles,
                stopped=ended.stopped, bug=ended.bug, only=order.connector,
            )  # fmt: skip
            house.keep()
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
    """Ask for each of these connectors whose gate is closed if all deliveries that wait there may go."""
    with ledger.read() as connection:
        closed = [gate.connector for gate in flood_gate.gates(connection).values() if gate.since is not None]
        waiting = overview.counts(connection)["delivery"]
    for name in (name for name in closed if name in names):
        if _yes(f"{waiting[name]['pending']:,} leads would go to {name}. Send them? [y/N] "):
            with ledger.write() as connection:
                release(connection, name, clock.now(), who=operator())


def _yes(question: str) -> bool:
    """Ask. Ctrl-C ends the run here: a run drains on the first Ctrl-C, and a question has nothing to drain."""
    main = threading.current_thread() is threading.main_thread()
    draining = signal.signal(signal.SIGINT, signal.default_int_handler) if main else None
    try:
        return ask(question)
    except KeyboardInterrupt:
        raise typer.Abort from None
    finally:
        if main:
            signal.signal(signal.SIGINT, draining)


class _Actions:
    """The actions of people with other commands meanwhile. After each action, every lane looks for work."""

    def __init__(self, engine: Engine, runner: Runner) -> None:
        self._engine, self._runner = engine, runner
        self._newest = self._look()

    def notice(self) -> None:
        newest = self._look()
        if newest != self._newest:
            self._newest = newest
            self._runner.look()

    def _look(self) -> int:
        with self._engine.ledger.read() as connection:
            return history.newest_action(connection)


def _check_connector(settings: Settings, mapped: Mapping[str, Mapped], name: str) -> None:
    if name and name not in mapped:
        raise SettingsError(
            f"--connector {name}: {settings.provenance.name} has no such connector; {hint(name, mapped, 'configured connectors')}"
        )


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
    return bool(started) and pull.until_check() == 0


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
