"""One process that forks, with faults preloaded beside the shim, and one address for all remotes."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from tests.proof.crash.conftest import MEMORY, shim
from tests.proof.crash.forks import Forks
from tests.proof.crash.remotes import remotes
from tests.proof.crash.scene import CRM, SHEET, Plan, opened
from tests.proof.crash.shim import preload
from tests.proof.crash.stage import Stage
from tests.proof.host import faults
from tests.proof.host.faults import Page

__all__ = ["shim"]


@pytest.fixture(scope="session")
def library(shim: Path) -> Path:
    return preload.build(shim.with_name("faults.so"), faults.SOURCE)


@pytest.fixture(scope="session")
def stage(shim: Path, library: Path) -> Iterator[Stage]:
    ground = Path(tempfile.mkdtemp(prefix="syncd-host-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        with remotes() as ends, closing(Forks(ground, shim, library)) as forks:
            with opened(ground / "warm", ends, Plan("warm", frozenset({SHEET, CRM}))) as scene:
                forks.warm(scene.config, ["--once"], ["audit"])
            yield Stage(forks, ends, ground, count())
    finally:
        shutil.rmtree(ground)


@pytest.fixture
def page(stage: Stage) -> Iterator[Page]:
    made = Page(stage.ground / "page")
    yield made
    made.close()
