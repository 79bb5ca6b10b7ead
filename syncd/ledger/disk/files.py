"""The ground of an open ledger: the files that were opened, and room on the disk for the outcome of a call.

A file that was deleted or replaced stays open. SQLite would go on writing where nobody will ever read, and every export
would lose its evidence. Closing such a ledger deletes the WAL by its name, which may be the new ledger's.
"""

import os
from pathlib import Path
from typing import NamedTuple

from syncd.ledger.disk.quota import limited
from syncd.ledger.errors import LedgerError, full

ROOM = 1024 * 1024
"""Bytes that must be free on the disk: more than the largest transaction that records a call adds to the WAL."""


class Files(NamedTuple):
    """The ledger's file and its WAL, by device and inode; None for one that is not there."""

    ledger: tuple[int, int] | None
    wal: tuple[int, int] | None


def files_of(path: Path) -> Files:
    """Return the files that the names stand for now."""
    return Files(_identity(path), _identity(path.with_name(path.name + "-wal")))


def moved(path: Path, opened: Files) -> bool:
    """True if the names no longer stand for the files that were opened."""
    return None not in opened and files_of(path) != opened


def check_place(path: Path, opened: Files) -> None:
    """Raise LedgerError when the files were moved."""
    if moved(path, opened):
        raise LedgerError(
            "ledger_moved",
            f"The ledger {path} was deleted, moved or replaced while syncd used it: put the right one back, with its -wal.",
        )


def check_room(path: Path) -> None:
    """Raise LedgerError while there is so little room that what a call came to might not be written down."""
    try:
        disk = os.statvfs(path)
    except OSError:  # what is wrong shows when it is used
        return
    if 0 <= disk.f_bavail * disk.f_frsize < ROOM and disk.f_blocks:
        raise full(path)
    most = limited(path, ROOM)
    if most is not None:
        raise LedgerError(
            "ledger_full",
            f"The ledger {path} cannot grow: this process may make files of {most} bytes at most (ulimit -f).",
        )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
