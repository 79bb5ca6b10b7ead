"""The shim itself, on a program of a few calls: what it counts and logs, and where it kills."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proof.crash.shim import preload
from tests.proof.crash.shim.preload import Call, Entry, How, Kill

PROGRAM = """
import os, sys
from pathlib import Path
from tests.proof.crash.shim.preload import Kill, arm
shim, folder, note, log, at, how = sys.argv[1:]
arm(Path(shim), Path(folder), Path(note), Path(log), Kill(int(at), how) if at != "0" else None)
os.write(os.open("/dev/null", os.O_WRONLY), b"not watched")
fd = os.open(f"{folder}/new", os.O_CREAT | os.O_RDWR)
os.write(fd, b"ab")
os.pwrite(fd, b"cdef", 10)
os.fsync(fd)
os.ftruncate(fd, 3)
os.rename(f"{folder}/new", f"{folder}/old")
os.fsync(os.open(folder, os.O_RDONLY))
os.unlink(f"{folder}/old")
"""
CALLS = [
    *(Call.CREATE, Call.WRITE, Call.WRITE, Call.SYNC, Call.TRUNCATE, Call.RENAME, Call.SYNC, Call.UNLINK),
]


class Ran:
    """One run of the program under the shim."""

    def __init__(self, shim: Path, folder: Path, kill: Kill | None = None) -> None:
        self.watched, note, log = folder / "watched", folder / "note", folder / "log"
        self.watched.mkdir()
        preload.blank(note)
        at, how = kill or (0, "before")
        command = [sys.executable, "-c", PROGRAM, *map(str, (shim, self.watched, note, log, at, how))]
        environ = os.environ | {"LD_PRELOAD": str(shim), "PYTHONPATH": str(Path(__file__).parents[4])}
        self.code = subprocess.run(command, env=environ, check=False).returncode
        self.calls, self.log = preload.calls(note), list(preload.entries(log))


def test_what_is_done_to_files_of_the_folder_is_counted_and_logged(shim: Path, tmp_path: Path) -> None:
    ran = Ran(shim, tmp_path)
    new, old = f"{ran.watched}/new", f"{ran.watched}/old"
    assert (ran.code, ran.calls) == (0, CALLS)
    assert ran.log == [
        Entry(Call.CREATE, new, "", b"", 0),
        Entry(Call.WRITE, new, "", b"ab", 0),
        Entry(Call.WRITE, new, "", b"cdef", 10),
        Entry(Call.SYNC, new, "", b"", 0),
        Entry(Call.TRUNCATE, new, "", b"", 3),
        Entry(Call.RENAME, new, old, b"", 0),
        Entry(Call.SYNC, str(ran.watched), "", b"", 0),
        Entry(Call.UNLINK, old, "", b"", 0),
    ]


@pytest.mark.parametrize(
    ("at", "how", "left"),
    [
        (1, "before", None),
        (2, "before", b""),
        (2, "inside", b"a"),
        (2, "after", b"ab"),
        (3, "inside", b"ab" + b"\0" * 8 + b"cd"),
        (5, "inside", b"ab" + b"\0" * 8 + b"cdef"),
        (5, "after", b"ab\0"),
    ],
)
def test_it_kills_before_inside_and_after(
    shim: Path, tmp_path: Path, at: int, how: How, left: bytes | None
) -> None:
    ran = Ran(shim, tmp_path, Kill(at, how))
    assert ran.code == -signal.SIGKILL
    assert len(ran.calls) == at
    new = ran.watched / "new"
    assert (new.read_bytes() if new.exists() else None) == left
