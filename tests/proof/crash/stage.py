"""What a sweep is run with, made once for all tests of a worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from syncd.simulator.world import World
from tests.proof.crash.forks import Forks
from tests.proof.crash.remotes import FarEnds
from tests.proof.crash.scene import Plan, Scene, opened


class Stage(NamedTuple):
    """Forks, remotes, and `folder()`, a new one each time; `ground` is the folder of all of them."""

    forks: Forks
    ends: FarEnds
    ground: Path
    numbers: Iterator[int]

    def folder(self) -> Path:
        return self.ground / f"run{next(self.numbers)}"

    @contextmanager
    def scene(self, plan: Plan, world: World | None = None) -> Iterator[Scene]:
        """A new scene in a new folder."""
        with opened(self.folder(), self.ends, plan, world) as scene:
            yield scene
