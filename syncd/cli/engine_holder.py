"""The engine that runs on a ledger, found without touching the ledger's lock.

An attempt to take the lock, even a short or shared one, could refuse an engine that starts at that moment. The kernel's
list of locks has the same answer.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

_FIELDS = 6
"""`1: FLOCK ADVISORY WRITE 1234 08:01:131 ...`."""


def engine_of(ledger: Path) -> int | None:
    """Find the process id of the engine that holds this ledger's lock; None if there is none."""
    lock = ledger.with_name(ledger.name + ".lock")
    try:
        status = lock.stat()
        recorded = lock.read_text(errors="replace").strip()
    except OSError:
        return None
    try:
        listed = Path("/proc/locks").read_text()
    except OSError:  # not Linux
        return int(recorded) if _alive(recorded) else None
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    return holder_in(listed, device, status.st_ino, recorded)


def nudge(ledger: Path) -> int | None:
    """Tell the engine on a ledger that something was written there; return its process id, None if there is no engine.

    The signal is SIGURG: a process that does not handle it ignores it.
    """
    process = engine_of(ledger)
    if process is not None:
        with suppress(OSError):  # another user's, or gone by now: its next pull finds the change
            os.kill(process, signal.SIGURG)
    return process


def describe_next(ledger: Path) -> str:
    """Nudge the engine on a ledger; describe who continues with the work there."""
    process = nudge(ledger)
    if process is None:
        return "No engine is running; to continue: syncd --once"
    return f"The running engine (process {process}) continues with them."


def holder_in(listed: str, device: str, inode: int, recorded: str) -> int | None:
    """Read the kernel's list of locks.

    Args:
        listed: the text of `/proc/locks`.
        device: the file's, as `08:01`.
        inode: the file's.
        recorded: the process id of the last holder, from the file itself. On a file system that is made of others,
            the listed device is not the file's; then the process must have this id.
    """
    for line in listed.splitlines():
        fields = [field for field in line.split() if field != "->"]
        if len(fields) < _FIELDS or fields[1] != "FLOCK" or fields[3] != "WRITE":
            continue
        where, _, number = fields[5].rpartition(":")
        if number == str(inode) and (where == device or fields[4] == recorded):
            return int(recorded if recorded.isdecimal() else fields[4])
    return None


def _alive(recorded: str) -> bool:
    try:
        os.kill(int(recorded), 0)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True
