"""The daemon in virtual time: its own turns and its lanes' steps, taken one after the other by one thread."""

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from syncd.core.lane_state import Policy
from syncd.daemon.calendar import Chore
from syncd.daemon.daemon import Daemon
from syncd.daemon.service_manager import Notifier
from syncd.engine.engine import Engine
from syncd.engine.lane import Lane
from syncd.ledger import Ledger
from syncd.settings import ConnectorSettings, Schedule, Settings, Source
from syncd.workers import Runner, WorkerPool
from tests.support.bench import Bench

PROBE = 3600.0


class ByHand(Runner):
    """Pools without threads."""

    @staticmethod
    def _launch(threads: Iterable[threading.Thread]) -> None:
        del threads


class Voice(Notifier):
    """Keeps what the service manager is told."""

    def __init__(self, environ: dict[str, str]) -> None:
        super().__init__(environ)
        self.said: list[str] = []

    def _send(self, text: str) -> None:
        self.said.append(text)


class Running(Bench):
    """A bench whose engine is run by a daemon. `serve` starts it, `pass_` lets time pass."""

    def __init__(self, folder: Path, *, seed: int = 1) -> None:
        super().__init__(folder, seed=seed)
        self.polls: dict[str, dict[str, Any]] = {}
        self.chores: list[Chore] = []
        self.environ: dict[str, str] = {}
        self.wakes: list[float] = []
        """When the daemon or a lane got up, monotonic: what an idle daemon costs."""
        self.asleep = False
        self.remake: Callable[[], Engine] = self.engine
        """What a reload makes; replace it before `serve`."""
        self._due: float | None = 0.0

    def serve(self) -> Daemon:
        """A start, as the command line does it."""
        self.runner = ByHand(self.clock, self.log, until_quiet=False, before=self.before)
        self.voice = Voice(self.environ)
        self.daemon_ = Daemon(
            self.engine(),
            self.runner,
            self.pools,
            self.log,
            remake=self.remake,
            chores=lambda _: self.chores,
            notifier=self.voice,
        )
        self.daemon_.begin()
        self._due = self.clock.monotonic()
        return self.daemon_

    def before(self) -> None:
        """What the runner asks before each step."""
        self.ledger.check()

    def wake(self, kind: str, name: str) -> None:
        if hasattr(self, "runner"):
            self.runner.wake(kind, name)
        super().wake(kind, name)

    def engine(self) -> Engine:
        """This life's lanes, made by the bench, with settings that say how often they are polled."""
        if self._life is None:
            for account in self.accounts.values():
                account.context.setdefault("policy", Policy(probe=PROBE))
            for place in self.places.values():
                place.policy = Policy(probe=PROBE)
            self.boot()
        life = self.life
        sources = {
            name: Source(
                **{
                    "api_key": account.key,
                    "poll": Schedule("60s"),
                    "connectors": tuple(self.places if account.takers is None else account.takers),
                    **self.polls.get(name, {}),
                }
            )
            for name, account in self.accounts.items()
        }
        connectors = {name: ConnectorSettings(type="memory") for name in self.places}
        settings = Settings(sources=sources, connectors=connectors)
        return Engine(
            settings,
            life.ledger,
            self.clock,
            list(life.contexts.values()),
            list(life.pulls.values()),
            list(life.delivers.values()),
            list(life.exports.values()),
        )

    @staticmethod
    def pools(engine: Engine) -> list[WorkerPool]:
        sources: Sequence[Lane] = [*engine.pulls, *engine.exports]
        return [*(WorkerPool([lane]) for lane in engine.delivers), WorkerPool(sources, threads=len(sources))]

    def pass_(self, seconds: float) -> None:
        """Let so much time pass, doing all that becomes due."""
        end, steps, at = self.clock.monotonic() + seconds, 0, -1.0
        while True:
            now = self.clock.monotonic()
            steps, at = (steps + 1 if now == at else 0), now
            assert steps < 5_000, f"a hot loop: {self.runner.views()}"
            bell = self.runner.changed
            if bell.is_set() or (self._due is not None and self._due <= now):
                bell.clear()
                self._woke(now)
                wait = self.daemon_.turn()
                self._due = None if wait is None else now + wait
            waits = [self.runner.turn(pool) for pool in self.runner._pools]
            if 0.0 in waits:
                self._woke(now)
                continue
            if bell.is_set():
                continue
            dues = [now + wait for wait in waits if wait is not None]
            dues += [] if self._due is None else [self._due]
            if not dues or min(dues) > end:
                self.clock.advance(end - now)
                return
            self.clock.advance(max(1e-6, min(dues) - now))

    def _woke(self, now: float) -> None:
        if not self.wakes or self.wakes[-1] != now:
            self.wakes.append(now)

    def write_elsewhere(self, change: Callable[[Any], object]) -> None:
        """Another process writes to the ledger."""
        with Ledger.open(self.path) as ledger, ledger.write() as connection:
            change(connection)
