"""Paths of several connectors that may mean one file, however they are written: relative, through links, with `{date}`."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import combinations
from pathlib import Path

_DATE = "\0\0\0\0-\0\0-\0\0"
"""A day in UTC, as the file's name has it; each zero stands for any digit."""


def met(paths: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    """The pairs of names, earlier one first, whose paths mean one file on some day. Reads links; opens nothing."""
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
