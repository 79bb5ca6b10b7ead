"""A file that SQLite opens may be another's work: with whatever this process lends SQL, its schema can do nothing."""

import functools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import syncd
from syncd.ledger import Ledger
from syncd.ledger.admin import backups, restoration

NOW = 1_700_000_000.0


@pytest.fixture
def did(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `harm`, a function that every connection has, was called for; a library that Python is built with may add such."""
    calls: list[str] = []

    def harm(why: str) -> float:
        calls.append(why)
        return NOW

    class Lent(sqlite3.Connection):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.create_function("harm", 1, harm, deterministic=True)

    monkeypatch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=Lent))
    return calls


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "syncd.db"
    Ledger.open(path).close()
    return path


def changed(ledger: Path, script: str) -> None:
    with closing(sqlite3.connect(ledger)) as connection:
        connection.executescript(script)


def test_what_a_replaced_ledgers_schema_calls_is_not_called(ledger: Path, did: list[str]) -> None:
    changed(
        ledger,
        "DROP TABLE action; CREATE VIEW action AS SELECT 1 AS id, harm('read') AS at, '' AS who, '' AS verb, '' AS name,"
        " '' AS detail;",
    )
    with Ledger.open(ledger.with_name("new.db")) as restored:
        carried = restoration.bring_up_to_now(restored, ledger, NOW, who="root", name="past.db")
    assert (did, carried.unread) == ([], ["acts of people"])


@pytest.mark.parametrize(
    "look",
    [
        lambda ledger: backups.back_up(ledger, ledger.with_name("past.db"), force=False),
        lambda ledger: backups.check(ledger, "It"),
    ],
    ids=["backup", "check"],
)
def test_nor_is_what_a_copied_ledgers_does(
    ledger: Path, did: list[str], look: Callable[[Path], object]
) -> None:
    changed(
        ledger,
        "CREATE INDEX evil ON label (harm(name)); INSERT INTO label VALUES ('main', 'stream', 99, 'indexed', 0);",
    )
    did.clear()
    with pytest.raises(syncd.ledger.LedgerError):
        look(ledger)
    assert did == []


def test_nothing_else_opens_a_database() -> None:
    root = Path(syncd.__file__).parent
    homes = {path.name for path in root.rglob("*.py") if "sqlite3.connect(" in path.read_text()}
    assert homes == {"files.py"}
