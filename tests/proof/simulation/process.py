"""One life of syncd: the daemon as the command line puts it together, or `syncd --once`, on a simulated machine."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from syncd.app.connectors import Mapped, compile_connectors
from syncd.app.engine import begin, make_engine, make_pools
from syncd.cli.run import once
from syncd.daemon.daemon import Daemon
from syncd.daemon.service_manager import Notifier
from syncd.engine.engine import Engine
from syncd.engine.housekeeping import Housekeeping
from syncd.ledger.database import EngineLock
from syncd.settings import Settings, load
from syncd.workers import Runner, WorkerPool
from tests.proof.simulation.books import SimulatedLedger
from tests.proof.simulation.scheduler import Crash, Scheduler

START = 1_790_000_000.0
PROBE = 3600.0


class Machine:
    """Time as this machine has it, and what it loses when it is booted."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.skew = 0.0
        self.boots = 1
        self._booted = -1000.0

    def true(self) -> float:
        """The world's time."""
        return START + self.scheduler.passed

    def wall(self) -> float:
        """This machine's, which may be wrong."""
        return self.true() + self.skew

    def steady(self) -> float:
        return self.scheduler.passed - self._booted

    def reboot(self) -> None:
        self.boots += 1
        self._booted = self.scheduler.passed - 5.0


class SimulatedClock:
    """A process's clock."""

    def __init__(self, machine: Machine) -> None:
        self._machine, self._stopping = machine, False

    def now(self) -> float:
        return self._machine.wall()

    def monotonic(self) -> float:
        return self._machine.steady()

    def boot(self) -> str:
        return f"boot-{self._machine.boots}"

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        if not self._stopping and not event.is_set():
            self._machine.scheduler.wait(lambda: self._stopping or event.is_set(), seconds)
        return event.is_set() and not self._stopping

    def stop(self) -> None:
        self._stopping = True

    @property
    def stopping(self) -> bool:
        return self._stopping


class SimulatedLog:
    """Counts events, and keeps those that tell of a bug."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        self.bugs: list[str] = []

    def debug(self, event: str, **ids: object) -> None:
        self._note(event, ids)

    def info(self, event: str, **ids: object) -> None:
        self._note(event, ids)

    def warning(self, event: str, **ids: object) -> None:
        self._note(event, ids)

    def _note(self, event: str, ids: Mapping[str, object]) -> None:
        self.events[event] += 1
        if isinstance(ids.get("exc_info"), Crash):
            return
        if "exc_info" in ids or "exception" in ids:
            self.bugs.append(f"{event}: {ids}")


Compiled = dict[str, tuple[Settings, Mapping[str, Mapped]]]


class Configuration:
    """The configuration's file. What it says is compiled once for each text: it is pure."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._compiled: Compiled = {}

    def write(self, text: str) -> None:
        self.path.write_text(text)

    def read(self) -> tuple[Settings, Mapping[str, Mapped]]:
        """Raises SettingsError."""
        text = self.path.read_text()
        if text not in self._compiled:
            settings = load(self.path, {})
            settings.require_sources()
            self._compiled[text] = settings, compile_connectors(settings)
        return self._compiled[text]


class Process:
    """`serve` and `run_once` are what its first thread does."""

    def __init__(
        self,
        machine: Machine,
        configuration: Configuration,
        ledgers: type[SimulatedLedger],
        log: SimulatedLog,
    ) -> None:
        self.clock = SimulatedClock(machine)
        self._scheduler = machine.scheduler
        self.daemon: Daemon | None = None
        self.ended = ""
        self._configuration, self._ledgers, self._log = configuration, ledgers, log

    def stop(self) -> None:
        """SIGTERM."""
        self.clock.stop()

    def serve(self) -> None:
        settings, mapped = self._configuration.read()
        clock, log = self.clock, self._log
        path = settings.state.path
        with EngineLock(path) as lock, self._ledgers.open(path, upgrade=True, lock=lock) as ledger:
            runner = Runner(clock, log, until_quiet=False, before=ledger.check)
            make = self._maker(ledger, runner)
            Housekeeping(ledger, clock, log, settings.state.retention).refuse_damaged()
            engine = make(settings, mapped)
            begin(engine, log)

            def pools(engine: Engine) -> list[WorkerPool]:
                return [
                    *make_pools(engine),
                    WorkerPool([Housekeeping(ledger, clock, log, engine.settings.state.retention)]),
                ]

            self.daemon = Daemon(
                engine,
                runner,
                pools,
                log,
                remake=lambda: make(*self._configuration.read()),
                notifier=Notifier({}),
            )
            ended = self.daemon.run()
            if ended.error is not None:
                raise ended.error
            if ended.abandoned:
                # As the command line does: the process ends with what hangs in it, the ledger still open
                self.ended = "abandoned"
                self._scheduler.die("main: left")
        self.ended = "stopped"

    def _maker(
        self, ledger: SimulatedLedger, runner: Runner
    ) -> Callable[[Settings, Mapping[str, Mapped]], Engine]:
        def make(settings: Settings, mapped: Mapping[str, Mapped]) -> Engine:
            return make_engine(
                settings, ledger, self._log, runner.wake, clock=self.clock, probe=PROBE, mapped=mapped
            )

        return make

    def run_once(self) -> None:
        settings, _ = self._configuration.read()
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            code = once.run_once(settings, once.Order(max_wait=120.0, yes=False), clock=self.clock)
        self.ended = f"once {code.name}"
