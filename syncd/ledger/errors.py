"""Errors of the ledger, each with one sentence for the operator that names the file.

An I/O error ends the process: after one, the connection and the disk may differ. A daemon waits until a full disk has room
and another's lock is gone: the transaction is rolled back, and nothing else is wrong.
"""

import errno
import os
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DatabaseError

from syncd.file_access import kept_from_us


class LedgerError(Exception):
    """The ledger cannot be used.

    `code` is `ledger_locked`, `ledger_newer`, `ledger_broken`, `ledger_damaged`, `ledger_moved`, `ledger_full` or `ledger_busy`.
    """

    def __init__(self, code: str, detail: str) -> None:
        """A sentence that names the file."""
        super().__init__(detail)
        self.code = code
        self.detail = detail

    @property
    def passing(self) -> bool:
        """True if it may pass without anybody touching syncd, and nothing was written meanwhile."""
        return self.code in {"ledger_full", "ledger_busy"}


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as LedgerError."""
    try:
        yield
    except (DatabaseError, sqlite3.DatabaseError) as error:
        cause: Any = getattr(error, "orig", None) or error
        if not isinstance(cause, sqlite3.DatabaseError) or isinstance(
            cause, sqlite3.IntegrityError | sqlite3.ProgrammingError
        ):
            raise
        name = str(getattr(cause, "sqlite_errorname", ""))
        if name == "SQLITE_IOERR_WRITE" and _cannot_grow(path):
            raise full(path) from error
        sentence = _starting(name, _SENTENCES, f"cannot be used: {cause}")
        code = _starting(name, _CODES, "ledger_broken")
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")) and (
            why := kept_from_us(path, path.parent)
        ):
            raise LedgerError(code, f"Permission denied: {why}.") from error
        raise LedgerError(code, f"The ledger {path} {sentence}.") from error
    except OSError as error:
        raise LedgerError(
            "ledger_broken", f"Cannot open the ledger {path}: {error.strerror or error}."
        ) from error


def full(path: Path) -> LedgerError:
    """Make the error of a disk without room, as SQLite reports it."""
    return LedgerError("ledger_full", f"The ledger {path} {_SENTENCES['SQLITE_FULL']}.")


_SENTENCES = {
    "SQLITE_BUSY": "is locked by another program for longer than 15 s: see who holds it with fuser, and end that",
    "SQLITE_FULL": "cannot grow, the disk is full: free some space",
    "SQLITE_READONLY": "is read-only: check the mount and the owner of the file and its folder",
    "SQLITE_CANTOPEN": "cannot be opened: check that its folder exists and belongs to the user syncd runs as",
    "SQLITE_NOTADB": "is not a database: point state.url elsewhere, or restore a backup",
    "SQLITE_CORRUPT": "is damaged: restore a backup with syncd restore FILE",
    "SQLITE_IOERR": "cannot be read or written, the disk reports errors: check it, then start syncd again",
}
_CODES = {
    "SQLITE_BUSY": "ledger_busy",
    "SQLITE_LOCKED": "ledger_busy",
    "SQLITE_FULL": "ledger_full",
    "SQLITE_CORRUPT": "ledger_damaged",
}


def _starting(name: str, table: dict[str, str], default: str) -> str:
    return next((value for prefix, value in table.items() if name.startswith(prefix)), default)


_PROBE = 64 * 1024


def size_limit(path: Path, room: int) -> int | None:
    """The most bytes that a file of this process may have, when the ledger's are nearer to it than `room`; else None."""
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if most == resource.RLIM_INFINITY:
        return None
    sizes = [0]
    for file in (path, path.with_name(path.name + "-wal")):
        with suppress(OSError):
            sizes.append(file.stat().st_size)
    return most if most - max(sizes) < room else None


def _cannot_grow(path: Path) -> bool:
    """True if a quota or a limit keeps files beside the ledger from growing; one file is made to try it.

    SQLite calls such a refusal an I/O error, the same as a disk that breaks.
    """
    if size_limit(path, _PROBE) is not None:
        return True
    probe = path.with_name(path.name + ".room")
    try:
        fd = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            left = _PROBE
            while left:
                left -= os.write(fd, b"\0" * left)
        finally:
            os.close(fd)
    except OSError as error:
        return error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    finally:
        with suppress(OSError):
            probe.unlink()
    return False
