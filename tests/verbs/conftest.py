"""A person at work on a real ledger, whose books are compared with its rows when the test is over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.ledger import Ledger
from syncd.ledger.admin import auditor
from syncd.settings import load
from syncd.verbs.actor import Actor
from tests.support import assert_books
from tests.support.virtual import Clock

CONFIG = """\
[sources.main]
api_key = "ctgo_x"
[connectors.crm]
type = "csv"
path = "crm.csv"
[connectors.sheet]
type = "csv"
path = "sheet.csv"
"""


@pytest.fixture
def actor(tmp_path: Path) -> Iterator[Actor]:
    (tmp_path / "config.toml").write_text(CONFIG)
    settings = load(tmp_path / "config.toml", {}, docker_secrets=tmp_path)
    with Ledger.open(settings.state.path) as ledger:
        yield Actor(ledger, settings, "mara", "console", Clock())
        audit(ledger)


def audit(ledger: Ledger) -> None:
    """As `syncd audit` compares."""
    assert_books(ledger)
    with ledger.read() as connection:
        assert list(auditor.contradictions(connection)) == []
