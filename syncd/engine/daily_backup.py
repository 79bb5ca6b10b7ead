"""Daily backups: copies of the ledger that the engine makes by itself, where the configuration asks for them.

The ledger knows each file that was made, and only such a file is ever deleted. A file of another program under the same
name makes the backup fail. A failure stops nothing else: the log, `syncd status` and an alert report it.
"""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.ledger import Ledger, LedgerError, history
from syncd.ledger.admin.backups import back_up, explained, part_of
from syncd.ledger.files import sync_names
from syncd.settings.models import State

FIRST: Final = 60.0
"""Seconds from a start to the first look: the first pulls come before it."""
AGAIN_AFTER: Final = 3600.0
"""Seconds between two looks, and so between two tries after a failure."""
DUE: Final = 86400.0 - AGAIN_AFTER / 2
"""The age in seconds at which the last backup is followed by another: with a whole day, each would be an hour later."""
ROOM: Final = 16 * 2**20
"""Bytes that a backup leaves free on its disk: a full disk would stop the engine."""


class DailyBackup:
    """Makes the backups of one ledger."""

    def __init__(self, ledger: Ledger, clock: Clock, log: Logger, state: State) -> None:
        """`state`: names the folder, and the number of backups to keep."""
        self._ledger, self._clock, self._log = ledger, clock, log
        self._folder, self._kept = state.backups.absolute(), state.backups_kept

    def keep(self) -> None:
        """Make a backup if one is due, and delete the oldest of too many. Raises LedgerError if the ledger takes no note."""
        with self._ledger.read() as connection:
            own = history.own_backups(connection)
        now = self._clock.now()
        # A time in the future means that the clock was set back
        if self._clock.stopping or any(0 <= now - at < DUE and file.exists() for file, at in own.items()):
            return
        try:
            self._make(now, own)
        except LedgerError as error:
            self._log.warning("backup_failed", detail=error.detail)
            with self._ledger.write() as connection:
                history.note_done(connection, "backup_failed", now, error.detail)

    def _make(self, now: float, own: dict[Path, float]) -> None:
        ledger, moment = self._ledger.path, datetime.fromtimestamp(now, UTC)
        file = self._folder / f"{ledger.stem}-{moment:%Y%m%dT%H%M%SZ}.db"
        self._prepare(file)
        with self._ledger.write() as connection:
            history.note_backup(connection, file, now)
        for begun in own:
            if not begun.exists():
                part_of(ledger, begun).unlink(missing_ok=True)
        try:
            size = back_up(ledger, file, force=False)
        except LedgerError:
            with self._ledger.write() as connection:
                history.clear_backup(connection, file)
            raise
        with self._ledger.write() as connection:
            history.note_done(connection, "backup", self._clock.now())
            history.clear_done(connection, "backup_failed")
        self._log.info("backup_made", file=str(file), bytes=size)
        self._drop({**own, file: now})

    def _prepare(self, file: Path) -> None:
        with explained(file):
            if not self._folder.is_dir():
                # Not its parents: a disk that is not mounted must not be replaced by a folder
                self._folder.mkdir(mode=0o700)
                sync_names(self._folder)
        if file.exists():
            raise LedgerError("ledger_broken", f"{file} exists, and syncd did not make it: move it away.")
        free, size = shutil.disk_usage(self._folder).free, self._ledger.path.stat().st_size
        if free < size + ROOM:
            detail = (
                f"{self._folder} has {free >> 20} MiB free, and a backup needs {(size + ROOM) >> 20} MiB."
            )
            raise LedgerError("ledger_full", detail)

    def _drop(self, own: dict[Path, float]) -> None:
        """Delete the oldest of too many. A note about a missing file stays for a while: its disk may come back."""
        newest_first = sorted(own, key=own.__getitem__, reverse=True)
        there = [file for file in newest_first if file.parent == self._folder and file.exists()]
        if len(there) <= self._kept:
            return
        oldest = own[there[self._kept - 1]]
        with self._ledger.write() as connection:
            for file in (it for it in newest_first if own[it] < oldest):
                if file in there:
                    file.unlink(missing_ok=True)
                if not file.exists():
                    history.clear_backup(connection, file)
