"""Quotas and limits that keep files from growing: SQLite calls them an I/O error, the same as a disk that breaks."""

import errno
import os
import resource
from contextlib import suppress
from pathlib import Path

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_PROBE = 64 * 1024


def limited(path: Path, room: int) -> int | None:
    """The most bytes that a file of this process may have, when the ledger's are nearer to it than `room`; else None."""
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if most == resource.RLIM_INFINITY:
        return None
    sizes = [0]
    for file in (path, path.with_name(path.name + "-wal")):
        with suppress(OSError):
            sizes.append(file.stat().st_size)
    return most if most - max(sizes) < room else None


def refuses(path: Path) -> bool:
    """True if a quota or a limit keeps files beside the ledger from growing; one file is made to try it."""
    if limited(path, _PROBE) is not None:
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
        return error.errno in _NO_ROOM
    finally:
        with suppress(OSError):
            probe.unlink()
    return False
