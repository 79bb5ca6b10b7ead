"""A daemon in virtual time, checked when the test is over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.running import Running


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path)
    yield made
    made.close()
