"""A leads file on disk: opened, locked, read, healed, appended to.

A kill between any two system calls loses nothing, and a power cut loses nothing that counts as delivered:
bytes are copied away and synced before they are cut, and nothing counts until one sync at the end of a call.
All functions raise OSError as the system does; `connector` gives their meaning.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from connectors.csv import rows
from connectors.csv.rows import Reading

_ATTEMPTS = 5
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}


class InDoubtError(OSError):
    """A write or its sync failed: rows of it may be in the file, now or after a power cut."""


class Fingerprint(NamedTuple):
    """A file as it was left: another device, inode or size means that somebody else was there."""

    device: int
    inode: int
    size: int


def fingerprint(fd: int) -> Fingerprint:
    """The open file's fingerprint."""
    status = os.fstat(fd)
    return Fingerprint(status.st_dev, status.st_ino, status.st_size)


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """The file, made if it is missing, locked against other programs that write it.

    A folder that is missing is made, but not its parents. Raises BlockingIOError when another holds the lock.
    """
    for _ in range(_ATTEMPTS):
        fd = _open(path)
        try:
            _lock(fd)
            if _still_there(path, fd):
                yield fd
                return
        finally:
            os.close(fd)
    raise BlockingIOError(errno.EAGAIN, "it is replaced again and again", str(path))


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOCTTY
    try:
        fd = _opened(path, flags)
    except FileNotFoundError:
        path.parent.mkdir(0o700)
        fd = _opened(path, flags)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return fd


def _opened(path: Path, flags: int) -> int:
    """Open a file, made for its owner alone. Root follows no link: whoever may write to the folder may put one there."""
    flags |= os.O_CLOEXEC | (0 if os.geteuid() else os.O_NOFOLLOW)
    try:
        return os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a link, and root follows none", str(path)) from None
        raise


def _lock(fd: int) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:  # a file system without locks: the ledger's lock must do
            raise


def _still_there(path: Path, fd: int) -> bool:
    """True if the path still means the file that was locked: it may have been renamed in between."""
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False


def _text(fd: int) -> TextIO:
    """The file's lines from its beginning, line ends kept; bytes that are not UTF-8 survive as surrogates."""
    os.lseek(fd, 0, os.SEEK_SET)
    return open(fd, encoding="utf-8", errors="surrogateescape", newline="", closefd=False)


def read(fd: int, key: Sequence[str], sought: Collection[Any], telling: Sequence[str]) -> Reading:
    """As `csv_rows.read`; a file that does not end in a line end is not finished either."""
    with _text(fd) as text:
        reading = rows.read(text, key, sought, telling)
    size = os.fstat(fd).st_size
    ended = size == 0 or os.pread(fd, 1, size - 1) == b"\n"
    return Reading(reading.header, reading.found, reading.finished and ended)


def look_up(
    path: Path, key: Sequence[str], sought: Collection[Any], telling: Sequence[str]
) -> dict[Any, list[tuple[str, ...]]]:
    """Return the sought keys that a file holds which is no longer written to, as `rows.read` does; sync it if it holds any."""
    try:
        fd = _opened(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return {}
    try:
        found = read(fd, key, sought, telling).found
        if found:
            os.fdatasync(fd)
    finally:
        os.close(fd)
    return found


def siblings(path: Path) -> list[Path]:
    """The files that a change of header renamed."""
    names = os.listdir(path.parent)  # noqa: PTH208 - names are all it takes
    return [path.with_name(name) for name in names if rows.is_renamed(name, path.stem, path.suffix)]


def begin(fd: int, columns: Sequence[str], *, bom: bool, zeros: bool = False) -> bytes | None:
    """Return the missing part of the header of a file that holds nothing else; None when it holds more.

    `zeros`: zeros at the end of what may be a header do not count.
    """
    content = _start(fd, columns)
    return rows.header_left(content.rstrip(b"\0") if zeros else content, columns, bom=bom)


def _start(fd: int, columns: Sequence[str]) -> bytes:
    """Read as much of the file as a header with a byte order mark has."""
    return os.pread(fd, len(rows.header_line(columns).encode()) + len(rows.BOM.encode()), 0)


def inspect(path: Path, columns: Sequence[str], key: Sequence[str]) -> tuple[list[str], bool] | None:
    """The header of the file, and whether it is ours; None if it has yet to get one.

    Reads only, and raises as `deliver` would.
    """
    if not os.path.lexists(path):
        folder = path.parent if path.parent.exists() else path.parent.parent
        if not folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, "it is missing, or no folder", str(path.parent))
        _demand(folder, os.W_OK | os.X_OK)
        return None
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    _demand(path, os.R_OK | os.W_OK)
    _demand(path.parent, os.W_OK | os.X_OK)
    fd = _opened(path, os.O_RDONLY)
    try:
        if begin(fd, columns, bom=False) is not None:
            return None
        with _text(fd) as text:
            return rows.header_of(text), is_ours(fd, columns, key)
    finally:
        os.close(fd)


def is_ours(fd: int, columns: Sequence[str], key: Sequence[str]) -> bool:
    """True if the header holds the columns of the key, or a power cut left zeros where ours was written."""
    with _text(fd) as text:
        if rows.key_of(rows.header_of(text), key) is not None:
            return True
    return _start(fd, columns).endswith(b"\0") and begin(fd, columns, bom=False, zeros=True) is not None


def _demand(path: Path, mode: int) -> None:
    if not os.access(path, mode):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def heal(
    fd: int, path: Path, header: Sequence[str], key: Sequence[str], sought: Mapping[Any, str]
) -> tuple[rows.Verdict, int]:
    """Make an unfinished last row whole or take it away: what was done, to how many bytes.

    `sought`: the keys of the rows that may be in the file already, and their lines.
    """
    with _text(fd) as text:
        start = rows.last_row_at(text)
    size = os.fstat(fd).st_size
    tail = os.pread(fd, size - start, start)
    verdict: rows.Verdict = rows.judge_tail(tail, header, key, sought) if start else "keep"
    if verdict == "keep":
        write(fd, b"\n" if tail.endswith(b"\r") else b"\r\n")
        return verdict, len(tail)
    if verdict == "aside":
        _keep_aside(path.with_name(path.name + ".torn"), tail)
    os.ftruncate(fd, start)
    return verdict, len(tail)


def _keep_aside(path: Path, tail: bytes) -> None:
    fd = _opened(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        write(fd, tail + b"\r\n")
        os.fsync(fd)
    finally:
        os.close(fd)
    sync_folder(path.parent)


def append(fd: int, data: bytes) -> Fingerprint:
    """Write and sync; return the fingerprint to expect next time. Raises InDoubtError, with what was written taken back."""
    before = fingerprint(fd)
    try:
        write(fd, data)
        os.fdatasync(fd)
    except OSError as error:
        # After a failed sync the kernel may call the pages clean: only writing them anew is worth a second sync.
        with suppress(OSError):
            os.ftruncate(fd, before.size)
        raise InDoubtError(error.errno, error.strerror) from error
    return before._replace(size=before.size + len(data))


def write(fd: int, data: bytes) -> None:
    """Write all of it, in one call unless the system takes less."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def rename(path: Path, now: float) -> Path:
    """Give a file with another header its own name, never one that is taken; the new path.

    The caller syncs the folder before anything counts as delivered.
    """
    counter = 0
    while os.path.lexists(to := path.with_name(rows.renamed(path.stem, path.suffix, now, counter))):
        counter += 1
    # Not link and unlink: killed between the two, the rows would stand under both names.
    path.rename(to)
    return to


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, as far as its file system can."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:  # a folder that may be written but not listed
        return
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (
            errno.EINVAL,
            errno.EOPNOTSUPP,
        ):  # some network file systems know no such thing
            raise
    finally:
        os.close(fd)


_DATE = "\0\0\0\0-\0\0-\0\0"
"""A day in UTC, as the file's name has it; each zero stands for any digit."""


def clashes(paths: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of names, the earlier first, whose paths may mean one file. They may be relative, go through links, or hold `{date}`."""
    found = [(name, _pattern(path), _inode(path)) for name, path in paths.items()]
    for (first, one, its), (second, other, others) in combinations(found, 2):
        if _can_meet(one, other) or (its is not None and its == others):
            yield first, second


def _pattern(path: Path) -> str:
    return os.path.realpath(path).replace("{date}", _DATE)


def _inode(path: Path) -> tuple[int, int] | None:
    """Return the device and inode of a file; None if it is not there."""
    with suppress(OSError):
        status = path.stat()
        return status.st_dev, status.st_ino
    return None


def _can_meet(one: str, other: str) -> bool:
    if "\0" not in one + other:
        return one == other
    return len(one) == len(other) and all(
        a == b or (a == "\0" and b.isdigit()) or (b == "\0" and a.isdigit())
        for a, b in zip(one, other, strict=True)
    )
