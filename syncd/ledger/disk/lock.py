"""The lock beside the ledger that only one engine may hold. The kernel frees it when the process dies."""

import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from syncd.ledger.errors import LedgerError

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
"""The file is cut, and never one that a link leads to."""


class EngineLock:
    """Held for the length of a `with`. Raises LedgerError where another engine holds it, or there can be none."""

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
            self._let_go()

    def check(self) -> None:
        """Take it again if somebody deleted the file, for another engine could; from any thread. Raises LedgerError if one has."""
        with self._checking:
            if self._file is None:  # let go by now, and not to be taken by a thread that is late
                return
            with suppress(FileNotFoundError):
                if os.path.samestat(self.path.stat(), os.fstat(self._file)):
                    return
            self._let_go()
            self._take()

    def _let_go(self) -> None:
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
            self._let_go()
            raise LedgerError(
                "ledger_locked",
                f"Another syncd (process {holder}) holds {self.path}: stop it first, or let it do the work.",
            ) from None
        except OSError as error:
            self._let_go()
            raise LedgerError("ledger_broken", f"Cannot open {self.path}: {error.strerror}.") from None
        # Who holds it is for people to read: a full disk must not keep the holder from saying so better
        with suppress(OSError):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
