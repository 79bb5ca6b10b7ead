"""A source with push, checked when the test is over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pushing import Pushing


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Pushing]:
    """One source with push that is polled once an hour, and five leads."""
    made = Pushing(tmp_path)
    made.ctgo(leads=5)
    made.place()
    made.polls["main"] = {"poll": "1h"}
    yield made
    made.check()
    made.close()
