"""`syncd` alone: the daemon, until it is told to stop."""

import gc
import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from syncd.app.connectors import Mapped, compile_connectors
from syncd.app.engine import begin, make_engine, make_pools
from syncd.app.privileges import settings_in_force
from syncd.app.services import Services
from syncd.cli.exits import Exit
from syncd.clock import SystemClock
from syncd.connector import Logger
from syncd.daemon.calendar import Chore, Every
from syncd.daemon.daemon import Daemon, Order, give_back
from syncd.daemon.service_manager import handling
from syncd.daemon.work_log import WorkLog
from syncd.engine.engine import Engine
from syncd.engine.housekeeping import Housekeeping
from syncd.ledger import Ledger
from syncd.ledger.call_log import CallsFile
from syncd.ledger.database import EngineLock
from syncd.log import configure, logger, redact_values
from syncd.settings import Settings, SettingsError, secret_values
from syncd.workers import Ended, Runner, WorkerPool

HOUR = 3600.0
LAST = 9.5
"""Seconds after a signal when the process ends even if something holds it, such as another program's lock on the ledger."""
HEAD_START = 0.1
"""Seconds that the first pulls start before health and alerts, whose imports would slow them."""
SETTLED = 15.0
"""Seconds after which the work of a start or a reload is likely over."""
PROBE = HOUR
"""Seconds after which a halted lane tries one delivery by itself."""


def run_daemon(config: Path | None) -> Exit:
    """Run until SIGTERM or SIGINT. Raises SettingsError and LedgerError before it sends anything, or when the ledger fails."""
    # A core dump would keep keys and personal data on the disk
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    orders: list[Daemon] = []
    clock = SystemClock()

    def stop() -> None:
        if orders:
            orders[0].stop()
            last = threading.Timer(LAST, os._exit, [Exit.DONE])
            last.daemon = True
            with suppress(RuntimeError):  # no memory for a thread
                last.start()
        clock.stop()

    def order(what: Order) -> None:
        if orders:
            orders[0].order(what)

    acts: dict[signal.Signals, Callable[[], None]] = {
        signal.SIGTERM: stop,
        signal.SIGINT: stop,
        signal.SIGHUP: partial(order, "reload"),
        signal.SIGUSR1: partial(order, "pull"),
        signal.SIGURG: partial(order, "look"),
    }
    with handling(acts):
        settings, mapped = _settings(config)
        path = settings.state.path
        with EngineLock(path) as lock, Ledger.open(path, upgrade=True, lock=lock) as ledger:
            services = Services(logger())
            daemon = _daemon(config, (settings, mapped), ledger, clock, services)
            daemon.after_reload.append(lambda _: lock.mark())
            orders.append(daemon)
            with ExitStack() as beside:

                def start_services() -> None:
                    clock.wait(threading.Event(), HEAD_START)
                    beside.enter_context(services.beside(daemon))

                return _leave(daemon.run(start_services))


def _settings(config: Path | None) -> tuple[Settings, Mapping[str, Mapped]]:
    settings = settings_in_force(config)
    settings.require_sources()
    redact_values(secret_values(settings))
    mapped = compile_connectors(settings)
    redact_values(secret for m in mapped.values() for secret in m.configured.secrets)
    configure(settings.log.format, settings.log.level)
    return settings, mapped


def _daemon(
    config: Path | None,
    start: tuple[Settings, Mapping[str, Mapped]],
    ledger: Ledger,
    clock: SystemClock,
    services: Services,
) -> Daemon:
    log = logger()
    runner = Runner(clock, log, until_quiet=False, before=ledger.check)
    work, calls = WorkLog(clock, log, services.counting), CallsFile(ledger.path, log)

    def make(settings: Settings, mapped: Mapping[str, Mapped]) -> Engine:
        return make_engine(
            settings, ledger, log, runner.wake, clock=clock, observer=work, probe=PROBE,
            mapped=mapped, pushing=True, calls=calls,
        )  # fmt: skip

    def remake() -> Engine:
        now, mapped = _settings(config)
        if now.state.path != ledger.path:
            name = now.provenance.name
            raise SettingsError(f"{name}: state.url: the ledger cannot change while syncd runs: restart it")
        return make(now, mapped)

    def pools(engine: Engine) -> list[WorkerPool]:
        house = Housekeeping(ledger, clock, log, engine.settings.state.retention)
        return [*make_pools(engine), WorkerPool([house])]

    Housekeeping(ledger, clock, log, start[0].state.retention).refuse_damaged()
    engine = make(*start)
    begin(engine, log)
    gc.freeze()  # the objects of start-up stay
    gc.set_threshold(50_000, 20, 50)  # and work makes few cycles

    def chores(engine: Engine) -> Sequence[Chore]:
        return (
            *services.chores_of(engine),
            Chore("memory", Every(HOUR, first=SETTLED), give_back),
            *backup_chores(engine, log),
        )

    return Daemon(engine, runner, pools, log, remake=remake, chores=chores, work=work)


def backup_chores(engine: Engine, log: Logger) -> Iterator[Chore]:
    """Yield the daily backup, if the configuration asks for one."""
    state = engine.settings.state
    if state.backup == "daily":
        from syncd.engine.daily_backup import AGAIN_AFTER, FIRST, DailyBackup  # noqa: PLC0415 - only where it is asked for

        keep = DailyBackup(engine.ledger, engine.clock, log, state).keep
        yield Chore("backup", Every(AGAIN_AFTER, first=FIRST), keep, grace=None)


def _leave(ended: Ended) -> Exit:
    if ended.error is not None:
        raise ended.error
    if ended.abandoned:
        # A remote hangs: end without waiting for the library's thread. All that counts is in the ledger
        logging.shutdown()
        sys.stderr.flush()
        os._exit(Exit.DONE)
    return Exit.DONE
