"""A daemon in virtual time whose sources have push. CTGO's own deliveries go nowhere: tests say when one came."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from syncd.engine.engine import Engine
from syncd.engine.lane import Lane
from syncd.engine.push import Push, Wanted
from syncd.ledger import subscriptions
from syncd.ledger.subscriptions import Subscription
from syncd.workers import WorkerPool
from tests.support.running import Running

BASE = "http://127.0.0.1/api/v2"
NOWHERE = "http://127.0.0.1:9"
"""Nobody listens on discard's port."""


class Pushing(Running):
    """`wanted`: by source, the path of the address that is to be subscribed; None: there is no table any more."""

    def __init__(self, folder: Path, *, seed: int = 1) -> None:
        super().__init__(folder, seed=seed)
        self.wanted: dict[str, str | None] = {"main": "one"}

    def boot(self) -> None:
        super().boot()
        for name in self.life.contexts:
            if self.wanted.get(name) is not None or self.subscription(name):
                self.life.others.append(self._lane(name))
        self.due |= {(it.kind, it.name): self.clock.monotonic() for it in self.life.others}

    def _lane(self, name: str) -> Push:
        path = self.wanted.get(name)
        life = self.life
        return Push(
            life.contexts[name],
            life.pulls[name],
            self.tools(life.ledger)._replace(chance=lambda: 0.5),
            None if path is None else Wanted(BASE, f"{NOWHERE}/{path}"),
        )

    def engine(self) -> Engine:
        return replace(super().engine(), others=self.life.others)

    @staticmethod
    def pools(engine: Engine) -> list[WorkerPool]:
        sources: Sequence[Lane] = [*engine.pulls, *engine.exports, *engine.others]
        return [*(WorkerPool([lane]) for lane in engine.delivers), WorkerPool(sources, threads=len(sources))]

    def push(self, name: str = "main") -> Push:
        (found,) = (it for it in self.life.others if isinstance(it, Push) and it.name == name)
        return found

    def subscription(self, name: str = "main") -> Subscription | None:
        with self.ledger.read() as connection:
            return subscriptions.load(connection, name)

    def targets(self, name: str = "main") -> list[str]:
        """The paths that CTGO pushes to, less their tokens."""
        world = self.accounts[name].world
        return [it.target.removeprefix(NOWHERE + "/").rpartition("/")[0] for it in world.subscriptions.all()]

    def asked(self, method: str, path: str = "/webhooks/subscribe", name: str = "main") -> list[float]:
        """When CTGO was asked, in seconds since the start."""
        requests = self.accounts[name].world.requests
        return [r.arrival - self.clock._start for r in requests if (r.method, r.path[7:]) == (method, path)]
