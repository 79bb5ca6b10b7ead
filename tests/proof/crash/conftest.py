"""One process that forks and one address for all remotes, for all tests of a worker that need them."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from tests.proof.crash.forks import Forks
from tests.proof.crash.remotes import remotes
from tests.proof.crash.scene import CRM, SHEET, Plan, opened
from tests.proof.crash.shim import preload
from tests.proof.crash.stage import Stage

MEMORY = Path("/dev/shm")  # noqa: S108 - folders of our own are made in it


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not in memory, from where some machines run nothing."""
    if sys.platform != "linux":
        pytest.skip("the shim that counts system calls is made for Linux")
    if preload.compiler() is None:
        pytest.skip("no C compiler: the shim that counts system calls cannot be built (apt-get install gcc)")
    try:
        return preload.build(tmp_path_factory.mktemp("shim") / "shim.so")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"the shim that counts system calls cannot be built here: {error}")


@pytest.fixture(scope="session")
def stage(shim: Path) -> Iterator[Stage]:
    ground = Path(tempfile.mkdtemp(prefix="syncd-crash-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        with remotes() as ends, closing(Forks(ground, shim)) as forks:
            with opened(ground / "warm", ends, Plan("warm", frozenset({SHEET, CRM}))) as scene:
                forks.warm(scene.config, ["--once"], ["audit"])
            yield Stage(forks, ends, ground, count())
    finally:
        shutil.rmtree(ground)
