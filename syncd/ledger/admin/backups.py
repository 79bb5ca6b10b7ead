"""Backups of the ledger, and putting one in its place.

A backup is made by `VACUUM INTO`: one view of the ledger, beside whatever engine runs on it, without free pages and so
without traces of what was deleted. A file appears under its name whole or not at all.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from syncd.ledger.errors import LedgerError
from syncd.ledger.files import connect, connect_to_read, sync_folder, sync_names

ASIDE = ".before-"
"""Part of the name of the ledger's copies, after the ledger's own name. `forget` deletes these copies."""


def back_up(ledger: Path, to: Path, *, force: bool) -> int:
    """Copy the ledger, whatever its schema; the copy's size in bytes. Raises LedgerError.

    `force`: replace a file that is there.
    """
    if not ledger.exists():
        raise LedgerError("ledger_broken", f"There is no ledger at {ledger} yet: run syncd --once first.")
    if to.absolute() in {
        ledger.with_name(ledger.name + suffix).absolute() for suffix in ("", "-wal", "-shm", ".lock")
    }:
        raise LedgerError("ledger_broken", f"{to} is the ledger itself: name another file.")
    if not force and to.exists():
        raise LedgerError("ledger_broken", f"{to} exists: name another file, or say --force to replace it.")
    with explained(to):
        part = _empty(part_of(ledger, to))
        try:
            copy(ledger, part)
            check(part, f"The copy of {ledger}")
            size = part.stat().st_size
            if force:
                part.replace(to)
            else:
                os.link(part, to)  # fails when somebody made the file meanwhile
        finally:
            part.unlink(missing_ok=True)
        sync_folder(to.parent)
    return size


def part_of(ledger: Path, to: Path) -> Path:
    """Return the name of a backup until it is whole. Killed half-way, the file stays, so `forget` knows this name."""
    return to.with_name(f"{ledger.name}{ASIDE}{to.name}.part")


def copy(source: Path, to: Path) -> None:
    """Write a ledger's content into an empty file, and onto the disk. Raises LedgerError."""
    try:
        with closing(_reading(source)) as connection:
            connection.execute("SELECT version_num FROM alembic_version").fetchone()
            connection.execute("VACUUM INTO ?", (str(to),)).close()
    except sqlite3.DatabaseError as error:
        raise LedgerError(*_said(source, to, error)) from error
    with to.open("rb+") as file:
        os.fsync(file.fileno())


def check(file: Path, what: str) -> None:
    """Raises LedgerError unless every page, index and reference of the file is sound."""
    with closing(connect_to_read(file)) as connection:
        try:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
            found += ["a reference without its row" for _ in connection.execute("PRAGMA foreign_key_check")][
                :1
            ]
        except sqlite3.DatabaseError as error:
            found = [str(error)]
    if found != ["ok"]:
        raise LedgerError("ledger_damaged", f"{what} is damaged ({'; '.join(found)}): nothing was changed.")


def check_data_only(file: Path, what: str) -> None:
    """Raises LedgerError if a file has what acts by itself: triggers, views, tables that a library makes up.

    No ledger of any version has: they would do as whoever made the file likes with every lead to come.
    """
    query = "SELECT type, name FROM sqlite_master WHERE type NOT IN ('table', 'index') OR sql LIKE 'CREATE VIRTUAL%'"
    with closing(connect_to_read(file)) as connection:
        try:
            found = connection.execute(query).fetchone()
        except sqlite3.DatabaseError as error:
            raise LedgerError(
                "ledger_damaged", f"{what} is damaged ({error}): nothing was changed."
            ) from error
    if found:
        raise LedgerError(
            "ledger_broken",
            f"{what} holds a {found[0]} named {found[1]}, and a ledger only data: restore another, nothing was changed.",
        )


def replace(ledger: Path, part: Path, aside: Path) -> None:
    """Put a file in the ledger's place and keep what was there aside; at no moment is there no ledger."""
    with explained(ledger):
        if ledger.exists():
            owner = ledger.lstat()
            _fold(ledger)
            try:
                os.link(ledger, aside)
            except OSError:  # a file system without links
                shutil.copy2(ledger, aside)
            for suffix in ("-wal", "-shm"):
                # Left in place, it would be taken for the new ledger's
                beside = ledger.with_name(ledger.name + suffix)
                if beside.exists():
                    beside.replace(aside.with_name(aside.name + suffix))
            if os.geteuid() == 0:
                os.chown(part, owner.st_uid, owner.st_gid, follow_symlinks=False)
        sync_folder(ledger.parent)
        part.replace(ledger)
        sync_folder(ledger.parent)


def fresh(file: Path) -> Path:
    """An empty file for its owner alone, and nothing beside it that SQLite would take for its own."""
    with explained(file):
        for suffix in ("-wal", "-shm", "-journal"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _empty(file)
        sync_names(file)
    return file


def _empty(file: Path) -> Path:
    file.unlink(missing_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    return file


def _reading(source: Path) -> sqlite3.Connection:
    """A connection that reads; one to a file that nobody can write to and that nobody writes to, if need be."""
    if not source.is_file():
        raise LedgerError("ledger_broken", f"There is no file {source}.")
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        connection = connect_to_read(source, mode)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").close()
        except sqlite3.OperationalError:
            connection.close()
            continue
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection
    raise LedgerError("ledger_broken", f"{source} cannot be read: check its owner and mode.")


def _fold(ledger: Path) -> None:
    """Fold the WAL into the file, if the file can be read at all."""
    try:
        with closing(connect(str(ledger))) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.DatabaseError:
        return


def _said(source: Path, to: Path, error: sqlite3.DatabaseError) -> tuple[str, str]:
    name = str(getattr(error, "sqlite_errorname", ""))
    if name == "SQLITE_FULL" or "disk is full" in str(error):
        return "ledger_full", f"{to} cannot be written, the disk is full: nothing was changed."
    if name == "SQLITE_IOERR_WRITE":  # a quota, a limit, a disk that breaks
        return "ledger_full", f"{to} cannot be written ({error}): nothing was changed."
    if "no such table" in str(error):
        return "ledger_broken", f"{source} is not a ledger of syncd: nothing was changed."
    if name.startswith("SQLITE_NOTADB"):
        return "ledger_broken", f"{source} is not a database: nothing was changed."
    return "ledger_damaged", f"{source} cannot be read to its end ({error}): nothing was changed."


@contextmanager
def explained(file: Path) -> Iterator[None]:
    """Raise LedgerError for an error of the system about a file."""
    try:
        yield
    except OSError as error:
        raise LedgerError("ledger_broken", f"Cannot write {file}: {error.strerror or error}.") from error
