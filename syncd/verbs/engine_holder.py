"""The engine that runs on a ledger, found without touching the ledger's lock.

An attempt to take the lock, even a short or shared one, could refuse an engine that starts at that moment. The kernel's
list of locks has the same answer.
"""

import math
import os
import re
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from syncd.clock import Clock
from syncd.settings import CREDENTIALS, SYSTEM_CONFIG, Settings

SYSTEM_CREDENTIALS = SYSTEM_CONFIG.parent / CREDENTIALS
RESTART = "Restart it: sudo systemctl restart syncd"

PATIENCE, LATE, DAY = 2, 30.0, 86400.0
"""Polls that may be missed, and seconds on top; a source that is polled by a cron line is given days."""

_START = 19
"""The place of a process's start in `/proc/PID/stat`, counted behind its name."""

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


def reload(ledger: Path) -> int | None:
    """Make the daemon on a ledger read its configuration again; return its process id, None if there is no daemon.

    A run of `--once` reads its configuration once: it is nudged instead.
    """
    process = daemon_of(ledger, signal.SIGHUP)
    if process is None:
        nudge(ledger)
        return None
    with suppress(OSError):
        os.kill(process, signal.SIGHUP)
    return process


def daemon_of(ledger: Path, number: signal.Signals) -> int | None:
    """Find the daemon on a ledger that takes this signal, which would end a run of `--once`; None without one."""
    process = engine_of(ledger)
    return process if process is not None and _waits_for(process, number) else None


def _waits_for(process: int, number: int) -> bool:
    """True if a process waits for this signal, which it blocks elsewhere; False also where the system does not tell."""
    blocked = re.search(r"^SigBlk:\s*(\w+)", _read(f"/proc/{process}/status"), re.MULTILINE)
    return blocked is not None and bool(int(blocked[1], 16) >> (number - 1) & 1)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


REREAD, LOOK = 15.0, 0.1
"""Seconds that an act waits for a daemon to take the configuration, and between two looks if it has."""


class Reread(NamedTuple):
    """The daemon that was told to read its configuration again, None without one; `taken`: it has."""

    process: int | None
    taken: bool


def read_again(settings: Settings, clock: Clock, patience: float = REREAD) -> Reread:
    """Make the daemon read its configuration again, and wait so many seconds until it has."""
    path = settings.state.path
    before, end = read_at(path), clock.monotonic() + patience
    process = reload(path)
    while process is not None and read_at(path) == before:
        if clock.monotonic() > end:
            return Reread(process, taken=False)
        clock.wait(threading.Event(), LOOK)
    return Reread(process, taken=process is not None)


def read_at(ledger: Path) -> float:
    """The time when the engine on a ledger last read its configuration: it marks its lock then."""
    with suppress(OSError):
        return ledger.with_name(ledger.name + ".lock").stat().st_mtime
    return 0.0


def started_at(process: int) -> float:
    """The time when a process began; infinity where the system does not tell."""
    booted = re.search(r"^btime (\d+)", _read("/proc/stat"), re.MULTILINE)
    fields = _read(f"/proc/{process}/stat").rpartition(")")[2].split()
    if booted is None or len(fields) <= _START:
        return math.inf
    return int(booted[1]) + int(fields[_START]) / os.sysconf("SC_CLK_TCK")


def stale(settings: Settings) -> list[str]:
    """List the configuration and the secret files that changed after the daemon read them."""
    read = read_at(settings.state.path)
    files = [settings.provenance.name, *settings.provenance.secret_files]
    return [name for name in files if _changed(name) > read and Path(name).parent != SYSTEM_CREDENTIALS]


def out_of_reach(settings: Settings, process: int) -> str:
    """Name the credentials of the service that changed after it started: systemd hands them over at a start only."""
    since = started_at(process)
    loaded = [Path(name) for name in settings.provenance.secret_files]
    return " ".join(
        path.name for path in loaded if path.parent == SYSTEM_CREDENTIALS and _changed(path) > since
    )


UNIT = Path("/usr/local/lib/systemd/system/syncd.service")
TIMER = Path("/etc/systemd/system/timers.target.wants/syncd-once.timer")
"""The link that systemd makes for a timer that is enabled: then no daemon runs, on purpose."""


def missing_service(settings: Settings) -> str:
    """Describe a service that is installed for this configuration; call it when no engine runs. Empty: there is none."""
    if not _is_service(settings) or os.path.lexists(TIMER):
        return ""
    return "The service syncd is installed, but it does not run. Start it: sudo systemctl start syncd"


def _is_service(settings: Settings) -> bool:
    """True if a service is installed for this configuration."""
    return Path(settings.provenance.name).absolute() == SYSTEM_CONFIG and UNIT.exists()


CONTAINER = Path("/.dockerenv")
"""A file that Docker puts into each container."""


def journal_of(settings: Settings) -> str:
    """Say where the log of the engine itself is, as this installation runs."""
    if _is_service(settings):
        unit = "syncd-once" if os.path.lexists(TIMER) else "syncd"
        return f"The service's own log: journalctl -u {unit}"
    if CONTAINER.exists():
        return "The daemon's own log is that of this container: docker compose logs syncd"
    return "The daemon's own log goes to its stderr."


def late_sources(settings: Settings, pulled: Mapping[str, float | None], now: float) -> list[str]:
    """List the sources that the running engine should have pulled twice since their last clean pull."""
    if engine_of(settings.state.path) is None:
        return []
    begun = read_at(settings.state.path)
    late = []
    for name in settings.sources.keys() & pulled.keys():
        at = max(begun, pulled[name] or 0.0)
        if now > at + PATIENCE * (settings.sources[name].poll.every or DAY) + LATE:
            late.append(name)
    return sorted(late)


def _changed(name: str | Path) -> float:
    with suppress(OSError):
        return Path(name).stat().st_mtime
    return 0.0


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
