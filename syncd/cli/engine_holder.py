"""Which engine runs on a ledger, found out without touching its lock.

Trying the lock, even for a moment and even shared, could turn away an engine that starts at that moment; the kernel's
list of locks tells the same.
"""

import os
import signal
from pathlib import Path

_FIELDS = 6
"""`1: FLOCK ADVISORY WRITE 1234 08:01:131 ...`."""


def engine_of(ledger: Path) -> int | None:
    """The process id of the engine that holds this ledger's lock; None when there is none."""
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
    """Tell the engine on a ledger that something was written there; its process id, None if there is no engine.

    By SIGURG, which a process that does not wait for it never notices.
    """
    process = engine_of(ledger)
    if process is not None:
        try:
            os.kill(process, signal.SIGURG)
        except OSError:  # another user's, or gone by now: it finds out with its next pull
            return process
    return process


def who_goes_on(ledger: Path) -> str:
    """Nudge the engine on a ledger; the sentence that says who takes what was given back to it."""
    process = nudge(ledger)
    if process is None:
        return "No engine is running; to go on: syncd --once"
    return f"The running engine (process {process}) goes on with them."


def holder_in(listed: str, device: str, inode: int, recorded: str) -> int | None:
    """Read the kernel's list of locks.

    Args:
        listed: the text of `/proc/locks`.
        device: the file's, as `08:01`.
        inode: the file's.
        recorded: what the file itself holds: its last holder's process id. On file systems that are made of others
            the listed device is not the file's; then the process must be this one.
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
