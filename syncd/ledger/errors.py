"""Errors of the ledger, each with one sentence for the operator that names the file.

An I/O error ends the process: after one, the connection and the disk may differ. A daemon waits until a full disk has room
and another's lock is gone: the transaction is rolled back, and nothing else is wrong.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DatabaseError

from syncd.ledger.disk.quota import refuses


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
    """SQLite's words as one sentence for the operator."""
    try:
        yield
    except (DatabaseError, sqlite3.DatabaseError) as error:
        cause: Any = getattr(error, "orig", None) or error
        if isinstance(cause, sqlite3.OperationalError | sqlite3.DatabaseError) and not isinstance(
            cause, sqlite3.IntegrityError | sqlite3.ProgrammingError
        ):
            if _name(cause) == "SQLITE_IOERR_WRITE" and refuses(path):
                raise full(path) from error
            raise LedgerError(_code(cause), _sentence(path, cause)) from error
        raise
    except OSError as error:
        raise LedgerError(
            "ledger_broken", f"Cannot open the ledger {path}: {error.strerror or error}."
        ) from error


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


def full(path: Path) -> LedgerError:
    """The disk has no room, as SQLite would say it."""
    return LedgerError("ledger_full", f"The ledger {path} {_SENTENCES['SQLITE_FULL']}.")


def _name(cause: Any) -> str:
    return str(getattr(cause, "sqlite_errorname", ""))


def _code(cause: Any) -> str:
    name = _name(cause)
    return next((code for prefix, code in _CODES.items() if name.startswith(prefix)), "ledger_broken")


def _sentence(path: Path, cause: Any) -> str:
    name = _name(cause)
    for prefix, sentence in _SENTENCES.items():
        if name.startswith(prefix):
            return f"The ledger {path} {sentence}."
    return f"The ledger {path} cannot be used: {cause}."
