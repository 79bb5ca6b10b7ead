"""Faults of a disk and of a clock, as `faults.c` injects them: what is asked for, and what came of it.

A fault lies in a page that the process under test and the tests share, so it can be put, and lifted, while that runs.
"""

import ctypes
import mmap
import os
import struct
from collections.abc import Collection
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).with_name("faults.c")
_PAGE = struct.Struct("=QQQqIIIIBB6x64s256s")


class Kind(IntEnum):
    """What may fail; the names of `faults.c`. `OPEN`: of what is there; `NAME`: rename, unlink, mkdir."""

    OPEN = 0
    CREATE = 1
    READ = 2
    WRITE = 3
    SYNC = 4
    TRUNCATE = 5
    NAME = 6


EVERY = frozenset(Kind)
GROWING = frozenset({Kind.CREATE, Kind.WRITE, Kind.NAME})
"""What wants room on a disk."""


class Fault(NamedTuple):
    """What fails: the call of these kinds, on paths that hold `only`, with that number from 1; `lasting`: and all after it.

    `half`: the first, a write, takes half of the bytes and says so; `signal`: nothing fails, and this is sent instead.
    """

    error: int = 0
    at: int = 0
    kinds: Collection[Kind] = EVERY
    only: str = ""
    lasting: bool = False
    half: bool = False
    signal: int = 0


class Struck(NamedTuple):
    """What came of it. `kind` and `path`: of the first call that failed; `path` is empty when none did."""

    calls: int
    times: int
    kind: Kind
    path: str

    def __bool__(self) -> bool:
        return self.times > 0


class Page:
    """See the module. Make it, let a process be armed with `path`, then `put` and `lift`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(b"\0" * _PAGE.size)
        with path.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), _PAGE.size)
        self._wall = 0

    def put(self, fault: Fault) -> None:
        """From the next call on; what was counted is forgotten."""
        kinds = sum(1 << kind for kind in fault.kinds)
        _PAGE.pack_into(
            self._bytes, 0, 0, 0, fault.at, self._wall, fault.error, fault.signal, kinds, 0,
            fault.lasting, fault.half, fault.only.encode(), b"",
        )  # fmt: skip

    def lift(self) -> None:
        """Nothing fails any more; what was struck is remembered."""
        struct.pack_into("=Q", self._bytes, 16, 0)

    def set_wall(self, seconds: int) -> None:
        """The wall clock is off by so many from now on."""
        self._wall = seconds
        struct.pack_into("=q", self._bytes, 24, seconds)

    @property
    def struck(self) -> Struck:
        count, times, _, _, _, _, _, kind, _, _, _, path = _PAGE.unpack_from(self._bytes)
        return Struck(count, times, Kind(kind), path.split(b"\0", 1)[0].decode())

    def close(self) -> None:
        """Whoever was armed keeps the page."""
        self._bytes.close()
        self.path.unlink()


def environment(library: Path, folder: Path, page: Page) -> dict[str, str]:
    """What a process that is to be armed from its start needs in its environment."""
    return os.environ | {
        "LD_PRELOAD": str(library),
        "FAULTS_FOLDER": str(folder),
        "FAULTS_PAGE": str(page.path),
    }


def arm(library: Path, folder: Path, page: Path) -> None:
    """Arm this process, which has the library preloaded."""
    begin = ctypes.CDLL(str(library)).faults_arm
    begin.argtypes = [ctypes.c_char_p] * 2
    begin(bytes(folder), bytes(page))
