"""Opening a ledger: made, brought up to date after a copy, or refused in one sentence."""

import os
import re
import sqlite3
import threading
import traceback
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine, insert

from syncd.ledger import Ledger, LedgerError, database, files, schema
from syncd.ledger import upgrade as ledger_upgrade
from syncd.ledger.database import EngineLock

EMPTY = "0000"
AN_EMPTY_ONE = 4096
"""Bytes of a database without any table: a page."""


def _schema(path: Path) -> dict[str, str]:
    """What SQLite keeps of a schema: names to statements, space and order of clauses left out of account."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: _normal(sql) for name, sql in rows if name != "alembic_version"}


def _normal(sql: str) -> str:
    head, _, body = " ".join(sql.replace('"', "").split()).partition("(")
    if not head.startswith("CREATE TABLE"):
        return re.sub(r"\s*,\s*", ",", f"{head}({body}")
    depth, parts, part = 0, [], ""
    for character in body.rstrip(") "):
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            parts.append(part.strip())
            part = ""
        else:
            part += character
    parts.append(part.strip())
    return head + " / ".join(sorted(p.rstrip(")").replace(" (", "(") for p in parts))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "syncd.db"


def _made(path: Path) -> None:
    Ledger.open(path).close()


def test_a_new_ledger_is_made_with_its_folder_for_its_owner_alone(path: Path) -> None:
    _made(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_new_ledgers_name_is_synced_before_anything_is_in_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a power cut may take it away whole, with the evidence of what was exported."""
    synced: dict[int, int] = {}
    fsync = os.fsync

    def noted(fd: int) -> None:
        synced.setdefault(os.fstat(fd).st_ino, path.stat().st_size)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", noted)
    _made(path)
    for folder in (path.parent, path.parent.parent):
        assert 0 <= synced.get(folder.stat().st_ino, -1) <= AN_EMPTY_ONE, folder


def test_an_error_of_the_ledger_shows_no_value(path: Path) -> None:
    """What is in its rows is personal, and an error may get into a log."""
    with Ledger.open(path) as ledger:
        row = {"connector": "somebody@example.com", "size": 1, "approved": 0, "configured": True}
        with pytest.raises(Exception, match="UNIQUE") as caught, ledger.write() as connection:
            connection.execute(insert(schema.table(schema.Gate)), [row, row])
    told = "".join(traceback.format_exception(caught.value))
    assert "somebody@example.com" not in told


def test_a_ledger_is_durable_and_forgets_what_is_deleted(path: Path) -> None:
    with Ledger.open(path) as ledger, ledger.read() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "secure_delete", "auto_vacuum", "foreign_keys")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "secure_delete": 1,
        "auto_vacuum": 2,
        "foreign_keys": 1,
    }


def test_the_migrations_lead_to_the_schema_that_a_new_ledger_has(path: Path, tmp_path: Path) -> None:
    _made(path)
    migrated = tmp_path / "migrated.db"
    engine = create_engine(f"sqlite:///{migrated}")
    with engine.begin() as connection:
        command.upgrade(ledger_upgrade.configuration(connection), "head")
    engine.dispose()
    assert _schema(migrated) == _schema(path)
    with closing(sqlite3.connect(migrated)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(schema.SCHEMA,)]


def test_the_comparison_of_schemas_sees_a_difference(path: Path, tmp_path: Path) -> None:
    _made(path)
    other = tmp_path / "other.db"
    _made(other)
    with closing(sqlite3.connect(other)) as connection, connection:
        connection.execute("ALTER TABLE lead ADD COLUMN more TEXT")
        connection.execute("DROP INDEX export_pending")
    assert _schema(other) != _schema(path)


def _behind(path: Path) -> None:
    """A ledger of a revision before the first: one table of its own, to be kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        connection.execute("CREATE TABLE keepsake (n INTEGER)")
        connection.execute("INSERT INTO keepsake VALUES (41)")


@pytest.fixture
def old_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty version table reads as revision 0000: Alembic knows it as the base."""
    revision = Ledger.revision
    monkeypatch.setattr(Ledger, "revision", lambda self: revision(self) or EMPTY)


@pytest.mark.usefixtures("old_revision")
def test_an_older_ledger_is_copied_aside_and_then_upgraded(path: Path) -> None:
    _behind(path)
    with Ledger.open(path, upgrade=True) as ledger:
        assert ledger.revision() == schema.SCHEMA
        with ledger.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM lead").scalar() == 0
    copy = path.with_name(f"syncd.db.before-{schema.SCHEMA}")
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT n FROM keepsake").fetchall() == [(41,)]
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'lead'").fetchall() == [
            (0,)
        ]


@pytest.mark.usefixtures("old_revision")
def test_a_migration_that_fails_leaves_the_ledger_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _behind(path)
    before = _schema(path)
    upgrade = command.upgrade

    def broken(*args: object) -> None:
        upgrade(*args)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "upgrade", broken)
    with pytest.raises(KeyboardInterrupt):
        Ledger.open(path, upgrade=True)
    assert _schema(path) == before


def test_a_newer_ledger_is_refused_and_left_alone(path: Path) -> None:
    _made(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for opening in (Ledger.open, Ledger.open_to_read):
        with pytest.raises(LedgerError, match="upgrade syncd") as caught:
            opening(path)
        assert caught.value.code == "ledger_newer"


def test_what_is_no_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("Dear diary, " * 100)
    with pytest.raises(LedgerError, match="not a database") as caught:
        Ledger.open(path)
    assert caught.value.code == "ledger_broken"
    assert path.read_text().startswith("Dear diary")


def test_another_programs_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE recipe (name)")
    with pytest.raises(LedgerError, match="not a ledger of syncd"):
        Ledger.open(path)


def test_an_empty_file_becomes_a_ledger(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    _made(path)


def test_a_ledger_whose_making_was_cut_short_is_made_anew(path: Path) -> None:
    """Killed after the journal mode was set and before the tables were committed."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
    assert path.stat().st_size > 0
    _made(path)


def test_a_file_in_the_folders_place_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    for opening in (Ledger.open, lambda path: EngineLock(path).__enter__()):
        with pytest.raises(LedgerError, match="Cannot open") as caught:
            opening(tmp_path / "state" / "syncd.db")
        assert caught.value.code == "ledger_broken"


def test_a_folder_in_the_files_place_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "syncd.db").mkdir()
    with pytest.raises(LedgerError):
        Ledger.open(tmp_path / "syncd.db")


def test_reading_makes_no_ledger(path: Path) -> None:
    with pytest.raises(LedgerError, match="no ledger"):
        Ledger.open_to_read(path)
    assert not path.exists()


def test_a_reader_cannot_write(path: Path) -> None:
    _made(path)
    with Ledger.open_to_read(path) as ledger, pytest.raises(LedgerError), ledger.write() as connection:
        connection.exec_driver_sql("DELETE FROM lead")


def test_a_ledger_that_another_program_keeps_locked_is_one_sentence(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _made(path)
    monkeypatch.setattr(files, "BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other, Ledger.open(path) as ledger:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked by another program"), ledger.write():
            pass
        with ledger.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM lead").scalar() == 0, "reading goes on"
        other.execute("ROLLBACK")
        with ledger.write():
            pass


def test_a_write_that_fails_is_rolled_back_and_the_next_one_works(path: Path) -> None:
    class Oops(BaseException):
        pass

    with Ledger.open(path) as ledger:
        with pytest.raises(Oops), ledger.write() as connection:  # noqa: PT012 - the block is the transaction
            connection.exec_driver_sql("INSERT INTO tally VALUES ('lead', 'x', 'y', 1)")
            raise Oops
        with ledger.write() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM tally").scalar() == 0


def test_a_read_is_one_view_while_others_write(path: Path) -> None:
    with Ledger.open(path) as ledger, closing(sqlite3.connect(path)) as other:
        with ledger.read() as connection:
            before = connection.exec_driver_sql("SELECT count(*) FROM tally").scalar()
            with other:
                other.execute("INSERT INTO tally VALUES ('lead', 'x', 'y', 1)")
            assert connection.exec_driver_sql("SELECT count(*) FROM tally").scalar() == before
        with ledger.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM tally").scalar() == 1


def test_transactions_of_threads_follow_one_another(path: Path) -> None:
    with Ledger.open(path) as ledger:
        with ledger.write() as connection:
            connection.exec_driver_sql("INSERT INTO tally VALUES ('lead', 'x', 'y', 0)")

        def add() -> None:
            for _ in range(20):
                with ledger.write() as connection:
                    n = connection.exec_driver_sql("SELECT n FROM tally").scalar_one()
                    connection.exec_driver_sql("UPDATE tally SET n = ?", (n + 1,))

        threads = [threading.Thread(target=add) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with ledger.read() as connection:
            assert connection.exec_driver_sql("SELECT n FROM tally").scalar() == 80


def test_a_ledger_is_not_closed_under_the_transaction_of_another_thread(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite would use what was freed, and the process would end with a signal."""
    monkeypatch.setattr(database, "CLOSE_SECONDS", 0.05)
    ledger = Ledger.open(path)
    begun, over = threading.Event(), threading.Event()

    def hang() -> None:
        with ledger.write() as connection:
            begun.set()
            over.wait(10.0)
            connection.exec_driver_sql("INSERT INTO tally VALUES ('lead', 'x', 'y', 0)")

    thread = threading.Thread(target=hang)
    thread.start()
    assert begun.wait(10.0)
    ledger.close()
    over.set()
    thread.join()
    with Ledger.open(path) as again, again.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM tally").scalar() == 1
    ledger.close()


def test_a_second_engine_is_refused_and_told_who_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "syncd.db"
    with EngineLock(path):
        with pytest.raises(LedgerError, match=rf"process {os.getpid()}") as caught, EngineLock(path):
            pass
        assert caught.value.code == "ledger_locked"
    with EngineLock(path):
        pass


def test_a_lock_that_is_a_link_is_not_cut(tmp_path: Path) -> None:
    theirs = tmp_path / "diary"
    theirs.write_text("theirs\n")
    (tmp_path / "syncd.db.lock").symlink_to(theirs)
    with pytest.raises(LedgerError, match=r"Cannot open .*lock"), EngineLock(tmp_path / "syncd.db"):
        pass
    assert theirs.read_text() == "theirs\n"


def test_a_lock_file_left_by_a_dead_engine_hinders_nobody(tmp_path: Path) -> None:
    (tmp_path / "syncd.db.lock").write_text("999999\n")
    with EngineLock(tmp_path / "syncd.db"):
        assert (tmp_path / "syncd.db.lock").read_text() == f"{os.getpid()}\n"
