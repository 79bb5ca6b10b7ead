"""The lives of a scene: begun, killed, begun again, brought to its end."""

import os
import random
import signal
import time
from collections.abc import Sequence
from contextlib import suppress

from tests.proof.crash.forks import PATIENCE, Ended, Forks, Watch
from tests.proof.crash.scene import Scene
from tests.proof.crash.shim.preload import HALVES, Call, Kill

ONCE, AUDIT = ("--once",), ("audit",)
BY_A_HAIR = 0.002
"""Seconds between two looks whether a daemon has done its work."""


def live(forks: Forks, scene: Scene, kill: Kill | None = None, plants: Sequence[str] = ()) -> Ended:
    """One life of what the plan says; a daemon is stopped when CTGO has been told of every lead."""
    watch = Watch(scene.disk, kill)
    if not scene.plan.daemon:
        return forks.run(scene.config, ONCE, watch=watch, plants=plants)
    before, end = len(scene.world.requests), time.monotonic() + PATIENCE
    started = forks.start(scene.config, (), watch=watch, plants=plants)
    while not forks.over(BY_A_HAIR) and time.monotonic() < end:
        # Who asks has learnt to listen to signals
        if scene.done and len(scene.world.requests) > before:
            with suppress(ProcessLookupError):  # it may have been killed this very moment
                os.kill(started.pid, signal.SIGTERM)
            break
    return forks.ended(started)


def finish(forks: Forks, scene: Scene, *, audit: bool = True) -> None:
    """A life that nothing disturbs, and `syncd audit` after it, which costs a third of one; then all must be well."""
    commands: list[Sequence[str]] = [AUDIT] if audit else []
    if scene.plan.daemon:
        last = live(forks, scene)
        assert last.code == 0, last
    else:
        commands = [ONCE, *commands]
    ended = forks.run(scene.config, *commands)
    assert ended.code == 0, ended
    scene.check_end()


def points(calls: Sequence[Call], *, whole: bool) -> list[Kill]:
    """Where to kill: before, inside and after each call.

    The moment after a call is the moment before the next: unless `whole`, it is visited once.
    """
    found = []
    for number, call in enumerate(calls, 1):
        found.append(Kill(number, "before"))
        if call in HALVES:
            found.append(Kill(number, "inside"))
        if whole or number == len(calls):
            found.append(Kill(number, "after"))
    return found


def name_of(kill: Kill, calls: Sequence[Call]) -> str:
    """`before sync`: what a kill is called in the figures."""
    return f"{kill.how} {calls[kill.at - 1].name.lower()}"


def anywhere(chance: random.Random, calls: int) -> Kill:
    """A kill in the life that follows another, which is shorter than a whole one more often than not."""
    return Kill(chance.randint(1, calls), chance.choice(("before", "inside", "after")))
