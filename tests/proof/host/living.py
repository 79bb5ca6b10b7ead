"""A daemon that a fork makes, over a scene: told things, looked at, and ended."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpx

from tests.proof.crash.forks import Ended, Started, Watch
from tests.proof.crash.scene import Plan, Scene
from tests.proof.crash.stage import Stage
from tests.proof.host.faults import Page
from tests.support.patience import patience

SOON = 30.0
"""Seconds that nothing here should take: two cores are shared by many."""


@dataclass(slots=True)
class Conditions:
    """What a daemon lives under. `plants`, `limits`: see `Forks.start`; `settings`: (old, new) texts of the configuration."""

    page: Page | None = None
    plants: Sequence[str] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    settings: Sequence[tuple[str, str]] = ()


@dataclass(slots=True)
class Living:
    """See the module. `health`: the port where it serves health."""

    stage: Stage
    scene: Scene
    started: Started
    health: int
    ended: Ended | None = None

    def said(self) -> str:
        return self.started.said.read_text(errors="replace") if self.started.said.exists() else ""

    def until(self, holds: Callable[[], object], what: str) -> None:
        """Look until it holds."""
        end = time.monotonic() + patience(SOON)
        while not holds():
            assert not self.stage.forks.over(0.01), f"it ended: {self.end()}"
            assert time.monotonic() < end, f"not within {SOON} s: {what}\n{self.said()}"

    def until_says(self, word: str) -> None:
        self.until(lambda: word in self.said(), word)

    def until_exported(self) -> None:
        self.until(lambda: self.scene.done, "all are exported")

    def lead(self, count: int = 1) -> None:
        """CTGO has found more, and the daemon is to pull."""
        self.scene.find(count)
        self.send(signal.SIGUSR1)

    def send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # it ended by itself, which `end` tells
            os.kill(self.started.pid, number)

    def ready(self) -> tuple[int, str]:
        """The status of /readyz, and what it says; 0 when there is no answer."""
        with suppress(httpx.HTTPError):
            answer = httpx.get(f"http://127.0.0.1:{self.health}/readyz", timeout=patience(5.0))
            return answer.status_code, answer.text
        return 0, ""

    def end(self, number: signal.Signals | None = None) -> Ended:
        """How it ended, by itself or by a signal."""
        if self.ended is None:
            if number is not None:
                self.send(number)
            self.ended = self.stage.forks.ended(self.started)
        return self.ended

    def ends_or_is_stopped(self, seconds: float) -> Ended:
        """How it ended by itself, or by SIGTERM after so many seconds."""
        return self.end(None if self.stage.forks.over(seconds) else signal.SIGTERM)

    def stop(self) -> tuple[int, float]:
        """End it as a service manager does: its exit code, and how many seconds it took."""
        begun = time.monotonic()
        return self.end(signal.SIGTERM).code, time.monotonic() - begun


@contextmanager
def living(stage: Stage, plan: Plan, conditions: Conditions | None = None) -> Iterator[Living]:
    """A daemon over a new scene, which is killed at the latest when the `with` ends; what was broken is asserted then."""
    conditions = conditions or Conditions()
    with stage.scene(plan) as scene, started(stage, scene, conditions) as daemon:
        yield daemon
        assert scene.broken == [], scene.broken


@contextmanager
def started(stage: Stage, scene: Scene, conditions: Conditions) -> Iterator[Living]:
    """A daemon over a scene."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = scene.config.read_text()
    for old, new in [('listen = ""', f'listen = "127.0.0.1:{port}"'), *conditions.settings]:
        assert old in text or f"127.0.0.1:{port}" in text, old
        text = text.replace(old, new)
    scene.config.write_text(text)
    watch = Watch(scene.disk, faults=conditions.page.path) if conditions.page else None
    run = stage.forks.start(scene.config, (), watch=watch, plants=conditions.plants, limits=conditions.limits)
    daemon = Living(stage, scene, run, port)
    try:
        yield daemon
    finally:
        if daemon.ended is None:
            daemon.send(signal.SIGCONT)
            daemon.end(signal.SIGKILL)
