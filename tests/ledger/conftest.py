"""An open ledger, checked when the test is over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.ledger import Ledger
from tests.support import assert_books


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "syncd.db") as opened:
        yield opened
        assert_books(opened)
