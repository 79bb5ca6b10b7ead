"""One process that forks and one address for all far ends, for all tests of a worker that need them."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from tests.crash import preload
from tests.crash.far_ends import far_ends
from tests.crash.forks import Forks
from tests.crash.scene import CRM, SHEET, Plan, opened
from tests.crash.stage import Stage

MEMORY = Path("/dev/shm")  # noqa: S108 - folders of our own are made in it


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    if sys.platform != "linux":
        pytest.skip("the shim that counts system calls is made for Linux")
    if preload.compiler() is None:
        pytest.skip("no C compiler: the shim that counts system calls cannot be built (apt-get install gcc)")
    ground = Path(tempfile.mkdtemp(prefix="syncd-crash-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        with far_ends() as ends, forking(ground) as forks:
            with opened(ground / "warm", ends, Plan("warm", frozenset({SHEET, CRM}))) as scene:
                forks.warm(scene.config, ["--once"], ["audit"])
            yield Stage(forks, ends, ground, count())
    finally:
        shutil.rmtree(ground)


@contextmanager
def forking(ground: Path) -> Iterator[Forks]:
    try:
        forks = Forks(ground)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"the shim that counts system calls cannot be built here: {error}")
    try:
        yield forks
    finally:
        forks.close()
