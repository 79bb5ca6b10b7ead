"""The shim that counts, kills and logs, from its source: what to preload, how to arm it, and what it notes."""

import ctypes
import shutil
import struct
import subprocess
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import Literal, NamedTuple

SOURCE = Path(__file__).with_name("shim.c")
_NOTE = struct.Struct("=QB")
_MOST = 8000
_ENTRY = struct.Struct("=IIIIQ")
_HOW = ("never", "before", "inside", "after")

How = Literal["before", "inside", "after"]


class Call(IntEnum):
    """What is counted; the names of `shim.c`."""

    WRITE = 1
    SYNC = 2
    TRUNCATE = 3
    CREATE = 4
    RENAME = 5
    LINK = 6
    UNLINK = 7
    MKDIR = 8
    SEND = 9
    RECEIVE = 10
    CONNECT = 11


HALVES = frozenset({Call.WRITE, Call.SEND})
"""Calls that can be cut in the middle."""


class Kill(NamedTuple):
    """Die at the n-th call, from 1."""

    at: int
    how: How


class Entry(NamedTuple):
    """One line of the log. `at`: the offset, the new size, or a socket's descriptor."""

    call: Call
    path: str
    other: str
    bytes: bytes
    at: int


def compiler() -> str | None:
    """The C compiler that the shim takes, if there is one."""
    return shutil.which("gcc") or shutil.which("cc")


def build(to: Path, source: Path = SOURCE) -> Path:
    """Compile the shim, or another source. Raises CalledProcessError."""
    command = [compiler() or "gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(to)]
    subprocess.run([*command, str(source), "-ldl", "-pthread"], check=True)
    return to


def arm(shim: Path, folder: Path, note: Path, log: Path | None, kill: Kill | None) -> None:
    """Begin to count in this process, which has the shim preloaded. `note`: made by `blank`."""
    begin = ctypes.CDLL(str(shim)).shim_arm
    begin.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_uint64, ctypes.c_int]
    at, how = (kill.at, _HOW.index(kill.how)) if kill else (0, 0)
    begin(bytes(folder), bytes(note), bytes(log) if log else b"", at, how)


def blank(note: Path) -> None:
    """An empty note."""
    note.write_bytes(b"\0" * (_NOTE.size + _MOST + 64))


def calls(note: Path) -> list[Call]:
    """What was counted, in order. Raises AssertionError when there was more than a note holds."""
    content = note.read_bytes()
    count, _ = _NOTE.unpack_from(content)
    assert count <= _MOST, f"{count} calls: the shim notes {_MOST}"
    return [Call(number) for number in content[_NOTE.size : _NOTE.size + count]]


def entries(log: Path) -> Iterator[Entry]:
    """The log, in order."""
    content, at = log.read_bytes(), 0

    def take(length: int) -> bytes:
        nonlocal at
        at += length
        return content[at - length : at]

    while at < len(content):
        call, path, other, length, where = _ENTRY.unpack(take(_ENTRY.size))
        yield Entry(Call(call), take(path).decode(), take(other).decode(), take(length), where)
