"""Writing the file anew costs disk and not memory: it runs in a small container too."""

import random
import resource
from pathlib import Path

import pytest

from syncd.ledger import Ledger
from syncd.ledger.admin import maintenance
from syncd.ledger.admin.forgotten import erase
from syncd.ledger.sql import Books
from tests.ledger.rows import NOW, admission, put


def test_a_vacuum_keeps_the_ledger_out_of_memory_and_leaves_no_file_behind(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "syncd.db") as ledger:
        with ledger.bare() as connection:
            connection.execute("CREATE TABLE much (text)")
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO much VALUES (?)", ((" " * 3500,) for _ in range(15_000)))
            connection.execute("COMMIT")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        maintenance.vacuum(ledger)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert maintenance.space(ledger).size > 50 * 2**20
        assert grown < 25 * 1024, f"{grown} KiB"
        assert {path.name for path in tmp_path.iterdir()} == {"syncd.db", "syncd.db-wal", "syncd.db-shm"}
        with ledger.bare() as connection:
            assert connection.execute("PRAGMA temp_store").fetchone() == (2,)


def _traces(path: Path, forgotten: set[int]) -> list[int]:
    held = b"".join(file.read_bytes() for file in path.parent.glob("syncd.db*"))
    return [n for n in forgotten if f"canary-{n:05d}-".encode() in held]


def test_what_sqlite_leaves_behind_when_rows_move_is_erased_too(tmp_path: Path) -> None:
    """`secure_delete` zeroes what is deleted, but not the copies that stay where rows were moved from."""
    path, chance = tmp_path / "syncd.db", random.Random(7)  # noqa: S311 - an order, to be repeated
    with Ledger.open(path) as ledger:
        put(ledger, *(admission(n, state="unwanted") for n in range(1, 801)))
        with ledger.write() as connection:
            for n in range(1, 801):
                text = f'{{"bio": "canary-{n:05d}-{"y" * chance.randint(200, 900)}"}}'
                connection.exec_driver_sql("UPDATE payload SET text = ? WHERE seq = ?", (text, n))
        seqs, forgotten, left = chance.sample(range(1, 801), 800), set[int](), list[int]()
        while seqs and not left:
            batch, seqs = seqs[:7], seqs[7:]
            with ledger.write() as connection:
                erase(Books(connection, NOW), batch)
            forgotten |= set(batch)
            maintenance.empty_wal(ledger)
            left = _traces(path, forgotten)
        if not left:
            pytest.skip("this SQLite leaves nothing behind")
        assert maintenance.leave_no_trace(ledger, NOW)
        assert _traces(path, forgotten) == []
