"""The rows of a forgotten person in the files of a connector, such as a CSV file: found by its mapping, and taken out.

A file is locked as its connector locks it, and replaced whole, so that a running engine goes on in the new one. All other
rows keep their bytes. A row is the person's if its X user id says so. Without that, the lead's id does, and in the file of
several sources also the handle, for two sources may use one id for two people. Without an id, the handle does.
"""

import csv
import errno
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from syncd.ledger.files import sync_folder
from syncd.registry import drafts
from syncd.settings import Settings
from syncd.verbs.payload import profile_of


@dataclass(frozen=True, slots=True)
class Person:
    """The names of the people to forget, as a file may have them. Handles are in lower case and without the @."""

    ids: frozenset[str]
    handles: frozenset[str]
    persons: frozenset[str]


def person_of(rows: Sequence[tuple[int, str, str | None]], handle: str, lead_id: int, person: str) -> Person:
    """Collect the names of rows, as (lead id, X user id, payload), and those that a person typed."""
    handles = {str(profile_of(payload).get("handle") or "") for _, _, payload in rows} | {handle}
    ids = {str(number) for number, _, _ in rows if number} | ({str(lead_id)} if lead_id else set())
    bare = frozenset(name.strip().removeprefix("@").lower() for name in handles) - {""}
    return Person(frozenset(ids), bare, frozenset({it for _, it, _ in rows} | {person}) - {""})


def columns_of(settings: Settings, connector: str) -> dict[str, str]:
    """Return the columns that hold nothing but a variable, by the variable's name. Raises SettingsError."""
    fields = drafts(settings)[connector].fields
    return {field.value.strip("{} "): name for name, field in fields.items()}


def take_out(path: Path, columns: Mapping[str, str], whom: Person, *, one_source: bool) -> int:
    """Rewrite a file without a person's rows; return their number. Raises OSError, also if its connector is just writing."""
    path = path.resolve()
    new, n = path.with_name(f"{path.name}.rewriting"), 0
    with _locked(path) as file, _beside(new, file) as kept:
        rows = _rows(file)
        header, text = next(rows, ([], ""))
        kept.write(text)
        places = {cell.lstrip("\ufeff'"): n for n, cell in enumerate(header)}
        at = {name: places[column] for name, column in columns.items() if column in places}
        for cells, text in rows:
            if _is_theirs(cells, at, whom, one_source=one_source):
                n += 1
            else:
                kept.write(text)
        if n:
            kept.flush()
            os.fsync(kept.fileno())
            new.replace(path)
    if n:
        sync_folder(path.parent)
    return n


def _is_theirs(cells: Sequence[str], at: Mapping[str, int], whom: Person, *, one_source: bool) -> bool:
    """True if a row is the person's: see the module."""
    found = {name: cells[n].strip().lstrip("'@") for name, n in at.items() if n < len(cells)}
    if whom.persons and found.get("x_user_id"):
        return found["x_user_id"] in whom.persons
    if whom.ids and found.get("id"):
        same_handle = found.get("handle", "").lower() in whom.handles
        return found["id"] in whom.ids and (one_source or same_handle)
    return found.get("handle", "").lower() in whom.handles


def _rows(file: IO[str]) -> Iterator[tuple[list[str], str]]:
    """Read the rows of a file, each with its text."""
    lines: list[str] = []

    def listened() -> Iterator[str]:
        for line in file:
            lines.append(line)
            yield line

    try:
        for cells in csv.reader(listened()):
            yield cells, "".join(lines)
            lines.clear()
    except csv.Error as why:
        raise OSError(errno.EINVAL, f"it is no CSV: {why}") from None


@contextmanager
def _locked(path: Path) -> Iterator[IO[str]]:
    """Open a file for the block, locked against other programs that write it."""
    with path.open("r+", encoding="utf-8", errors="surrogateescape", newline="") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
            raise BlockingIOError(errno.EAGAIN, "it was replaced just now")
        yield file


@contextmanager
def _beside(path: Path, old: IO[str]) -> Iterator[IO[str]]:
    """Make a file with the owner and rights of another for the block; afterwards it is gone, unless it was renamed."""
    status = os.fstat(old.fileno())
    path.unlink(missing_ok=True)  # of a run that was killed
    try:
        with path.open("x", encoding="utf-8", errors="surrogateescape", newline="") as file:
            os.fchmod(file.fileno(), status.st_mode & 0o777)
            if os.geteuid() == 0:
                os.fchown(file.fileno(), status.st_uid, status.st_gid)
            yield file
    finally:
        path.unlink(missing_ok=True)
