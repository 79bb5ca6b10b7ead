"""Writing the file anew costs disk and not memory: it runs in a small container too."""

import resource
from pathlib import Path

from syncd.ledger import Ledger, upkeep


def test_a_vacuum_keeps_the_ledger_out_of_memory_and_leaves_no_file_behind(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "syncd.db") as ledger:
        with ledger.bare() as connection:
            connection.execute("CREATE TABLE much (text)")
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO much VALUES (?)", ((" " * 3500,) for _ in range(15_000)))
            connection.execute("COMMIT")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        upkeep.vacuum(ledger)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert upkeep.space(ledger).size > 50 * 2**20
        assert grown < 25 * 1024, f"{grown} KiB"
        assert {path.name for path in tmp_path.iterdir()} == {"syncd.db", "syncd.db-wal", "syncd.db-shm"}
        with ledger.bare() as connection:
            assert connection.execute("PRAGMA temp_store").fetchone() == (2,)
