"""The ledger's files: how SQLite opens one, the engine's lock, names that last, and room for the outcome of a call.

A file that was deleted or replaced stays open. SQLite would go on writing where nobody will ever read, and every export
would lose its evidence. Closing such a ledger deletes the WAL by its name, which may be the new ledger's.
"""

import fcntl
import os
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

from syncd.file_access import kept_from_us
from syncd.ledger.errors import LedgerError, full, size_limit

BUSY_SECONDS = 15.0
"""Seconds that a write waits for another process's. Ours take milliseconds; a backup's last step may take seconds."""

ROOM = 1024 * 1024
"""Bytes that must be free on the disk: more than the largest transaction that records a call adds to the WAL."""

_DISTRUST = ("trusted_schema=OFF", "cell_size_check=ON")
"""Functions that a file's schema calls may only compute, and its pages are checked closely."""


def connect(address: str, **options: Any) -> sqlite3.Connection:
    """As `sqlite3.connect`, with its options; waits `BUSY_SECONDS` for others.

    The one place where SQLite opens a file: any may be another's work, and is trusted with nothing.
    """
    connection: sqlite3.Connection = sqlite3.connect(address, timeout=BUSY_SECONDS, **options)
    for pragma in _DISTRUST:  # the file is not read yet, so neither can fail
        connection.execute(f"PRAGMA {pragma}").close()
    return connection


def connect_to_read(file: Path, mode: str = "mode=ro") -> sqlite3.Connection:
    """A connection to a file that is there. `mode`: parameters of SQLite's address."""
    return connect(f"{file.resolve().as_uri()}?{mode}", uri=True)


def sync_folder(folder: Path) -> None:
    """Make a name that was set or changed in this folder last.

    A file that was synced is still lost in a power cut when the folder that names it was not.
    """
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_names(file: Path) -> None:
    """Make the name of a new file last, and those of the folders above it, any of which may be as new."""
    nearest, *others = file.absolute().parents
    sync_folder(nearest)
    for folder in others:
        # Another user's folder that cannot be read was there before
        with suppress(OSError):
            sync_folder(folder)


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
    most = size_limit(path, ROOM)
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


_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
"""The lock's file is cut, and never one that a link leads to."""


class EngineLock:
    """The lock beside the ledger that one engine holds for the length of a `with`; the kernel frees it at a death.

    Raises LedgerError where another engine holds it, or there can be none.
    """

    def __init__(self, path: Path) -> None:
        """`path`: the ledger's."""
        self.path = path.with_name(path.name + ".lock")
        self._file: int | None = None
        self._checking = threading.Lock()

    def __enter__(self) -> Self:
        self._take()
        return self

    def __exit__(self, *_: object) -> None:
        with self._checking:
            self._release()

    def check(self) -> None:
        """Take it again if somebody deleted the file, for another engine could; from any thread. Raises LedgerError if one has."""
        with self._checking:
            if self._file is None:  # released by now, and not to be taken by a thread that is late
                return
            with suppress(FileNotFoundError):
                if os.path.samestat(self.path.stat(), os.fstat(self._file)):
                    return
            self._release()
            self._take()

    def mark(self) -> None:
        """Set the file's time to now: its holder has read its configuration again."""
        with self._checking, suppress(OSError):
            if self._file is not None:
                os.utime(self._file)

    def _release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _take(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(self.path, _FLAGS, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file or 0, 32, 0).decode(errors="replace").strip() or "unknown"
            self._release()
            raise LedgerError(
                "ledger_locked",
                f"Another syncd (process {holder}) holds {self.path}: stop it first, or let it do the work.",
            ) from None
        except OSError as error:
            self._release()
            why = kept_from_us(self.path, self.path.parent) if isinstance(error, PermissionError) else ""
            said = f"Permission denied: {why}." if why else f"Cannot open {self.path}: {error.strerror}."
            raise LedgerError("ledger_broken", said) from None
        # The holder's number is for people to read: a full disk must not keep the holder from working
        with suppress(OSError):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
