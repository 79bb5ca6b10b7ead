"""Leads as rows of a CSV file, one row a lead, for a spreadsheet or another program.

A file cannot take a lead "unless it is there". So a lead that an earlier call may have written is looked for first, in the
file and in those that a change of its header renamed. A row that somebody took away, alone or with its file, is not written
again. `rows` is the format, `file` the file on the disk.
"""

import csv
import errno
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import Field as Option
from pydantic import field_validator

from connectors.csv import file
from connectors.csv import rows as csv_rows
from syncd.connector import (
    Connector,
    ConnectorOptions,
    Context,
    Delivered,
    Delivery,
    Finding,
    Halt,
    Outcome,
    Pause,
    Reject,
    Route,
)

_COLUMNS = [
    "id",
    "stream_id",
    "segment_id",
    "match_confidence",
    "source_type",
    "discovered_at",
    "handle",
    "display_name",
    "first_name",
    "last_name",
    "email",
    "linkedin_url",
    "follower_count",
    "bio",
    "x_url",
]

_CODES = {
    "csv_unwritable": "The user that syncd runs as must be able to read and write the file: mend its owner or mode, or change `path`.",
    "csv_no_folder": "Create the folder, writable by the user that syncd runs as, or mount what should be there.",
    "csv_disk_full": "Free some space (or raise the quota): syncd goes on by itself.",
    "csv_disk_failed": "The disk reported an error: look at the kernel's log, and move the file to a sound disk.",
    "csv_damaged": "The file is no CSV: mostly a stray quote, written by hand. Mend it, or move it away and a new one is begun.",
    "csv_locked": "Another program holds the file's lock, perhaps another syncd with the same `path`. syncd tries again.",
    "csv_busy": "The system is short of something, or the file's server is away. syncd tries again.",
    "csv_not_ours": "syncd did not begin this file, so it leaves the file as it is. Give another `path`, or move the file away, then: syncd resume NAME",
    "csv_no_key": "A row without any of the `key` columns could never be found again: mend the mapping, then: syncd rejected retry",
    "csv_cell_too_long": "No spreadsheet can read a cell of that length: map less of it, then: syncd rejected retry",
    "csv_ready": "Nothing to do.",
    "csv_header_changed": "Nothing to do: the old file is kept under another name, and a new one is begun.",
}

_PAUSES = {
    errno.EAGAIN: ("csv_locked", 5.0),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), ("csv_disk_full", 60.0)),
    **dict.fromkeys(
        (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ETIMEDOUT), ("csv_busy", 30.0)
    ),
}
_TELLING = re.compile(r"\b(x_user_id|x_url|handle|display_name|discovered_at|email|linkedin_url)\b")
"""The variables that make a column tell people apart."""
_FOUND, _WRITTEN = Delivered(created=False), Delivered(created=True)
_ATTEMPTS = 3
_HALTS = {errno.EIO: "csv_disk_failed", errno.ENOENT: "csv_no_folder"}


class CsvOptions(ConnectorOptions):
    """`path` may hold `{date}`; `key` names the columns by which a row is known; `bom` is for old Excel."""

    path: Path
    key: list[str] = Option(["id", "stream_id", "segment_id"], min_length=1)
    bom: bool = False

    @field_validator("path")
    @classmethod
    def _known_placeholders(cls, path: Path) -> Path:
        if unknown := re.search(r"\{(?!date\})[^{}]*\}", str(path)):
            raise ValueError(f"{unknown[0]} is not known here: the only placeholder is {{date}}")
        return path


class _Row(NamedTuple):
    """One delivery as a line of the file. `sought`: an earlier call may have written it; then `telling` are its cells."""

    line: str
    key: Any
    telling: tuple[str, ...]
    sought: bool
    refused: Reject | None

    def is_among(self, found: Mapping[Any, Sequence[tuple[str, ...]]]) -> bool:
        """True if the file holds it already."""
        return self.sought and any(csv_rows.is_same(self.telling, other) for other in found.get(self.key, ()))


class CsvConnector(Connector):
    """See the module. One call is one write and one sync."""

    Options = CsvOptions
    codes = MappingProxyType(_CODES)
    defaults = MappingProxyType({n: f"{{{{ {n} }}}}" for n in _COLUMNS})
    batch_size = 1000

    def __init__(self, options: CsvOptions, context: Context) -> None:
        """Raises ValueError when a `key` column is none of the mapped ones."""
        super().__init__(options, context)
        self._bom = options.bom
        self._template = str(options.path)
        self._log = context.log
        self._clock = context.clock
        self._name = context.name
        self._fields = list(context.fields or self.defaults)
        if missing := [name for name in options.key if name not in self._fields]:
            raise ValueError(f"key: {', '.join(missing)} must be among the columns of `fields`")
        self._columns = [csv_rows.cell(name) for name in self._fields]
        self._key = [csv_rows.cell(name) for name in options.key]
        self._key_of = csv_rows.key_of(self._columns, self._key)
        mapped = context.fields or self.defaults
        self._telling = [
            csv_rows.cell(name)
            for name in self._fields
            if name not in options.key and _TELLING.search(str(getattr(mapped[name], "value", mapped[name])))
        ]
        self._places = [self._columns.index(name) for name in self._telling]
        self._left: dict[Path, file.Fingerprint] = {}

    @classmethod
    def clashes(cls, options: Mapping[str, CsvOptions]) -> Iterator[tuple[str, str, str]]:
        """Each connector whose file may be that of another: they would rename it to and fro, and write a lead twice."""
        for first, second in file.clashes({name: its.path for name, its in options.items()}):
            what = f"may mean the file of connectors.{first}.path: give each of the two a file of its own"
            yield second, "path", what

    @classmethod
    def as_written(cls, fields: Mapping[str, object]) -> Mapping[str, object]:
        """Return mapped fields as the cells of a row."""
        return {name: csv_rows.cell(value) for name, value in fields.items()}

    def check(self) -> Sequence[Finding]:
        """Check that today's file can be written, and has the header that it should have."""
        path = self._path(csv_rows.day(self._clock.now()))
        try:
            with _explained(path):
                found = file.inspect(path, self._columns, self._key)
        except (Pause, Halt) as why:
            return [Finding("error", why.code, why.detail)]
        if found is None:
            return [Finding("ok", "csv_ready", f"leads will be written to {path}; the first one begins it")]
        header, ours = found
        if header == self._columns:
            return [Finding("ok", "csv_ready", f"leads will be written to {path}")]
        if not ours:
            return [Finding("error", "csv_not_ours", _not_ours(path))]
        detail = f"{path} has other columns than `fields`: it will be renamed, and a new one begun"
        return [Finding("warning", "csv_header_changed", detail)]

    def route(self, delivery: Delivery) -> Route:
        """The group is the file that the lead belongs in."""
        group = self._template
        if "{date}" in group:
            group = str(self._path(csv_rows.day(delivery.lead.discovered_at)))
        return Route(group, str(delivery.lead.key))

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Append what is not there yet, all or nothing. Raises Pause or Halt as `codes` lists; returns them when in doubt."""
        if not batch:
            return []
        path = self._path(csv_rows.day(batch[0].lead.discovered_at))
        rows = self._rows(batch)
        try:
            with _explained(path):
                found = self._append(path, rows)
        except (Pause, Halt) as why:
            # What is raised promises that nothing was written
            if isinstance(why.__cause__, file.InDoubtError):
                return [row.refused or why for row in rows]
            raise
        return [row.refused or (_FOUND if row.is_among(found) else _WRITTEN) for row in rows]

    def _path(self, day: str) -> Path:
        return Path(self._template.replace("{date}", day))

    def _rows(self, batch: Sequence[Delivery]) -> list[_Row]:
        fields = [each.fields for each in batch]
        columns = [csv_rows.column([its.get(name) for its in fields]) for name in self._fields]
        rows = []
        for each, cells, line in zip(batch, zip(*columns, strict=True), csv_rows.lines(columns), strict=True):
            key = self._key_of(cells)
            plain = len(line) <= csv_rows.LONGEST_CELL and any(key)
            refused = None if plain else _refused(cells, line, key)
            sought = each.maybe_sent and refused is None
            telling = tuple(cells[at] for at in self._places) if sought else ()
            rows.append(_Row(line, key, telling, sought, refused))
        return rows

    def _append(self, path: Path, rows: Sequence[_Row]) -> Mapping[Any, Sequence[tuple[str, ...]]]:
        """Write the rows that are not there yet; return what was found of those that are sought."""
        sought = {row.key: row.line for row in rows if row.sought}
        for _ in range(_ATTEMPTS):
            known = self._left.pop(path, None)  # believed again only after a success
            with file.locked(path) as fd:
                trusted = known == file.fingerprint(fd)
                if known is not None and not trusted:
                    self._log.info("csv_file_changed", connector=self._name)
                ready = self._prepare(fd, path, sought, trusted=trusted)
                if ready is None:
                    continue
                start, found = ready
                if any(row.sought and not row.is_among(found) for row in rows):
                    for other in file.siblings(path):
                        for key, theirs in file.look_up(other, self._key, sought, self._telling).items():
                            found.setdefault(key, []).extend(theirs)
                new = [row.line for row in rows if not row.refused and not row.is_among(found)]
                if not trusted:  # before anything is written: after a failure here, nothing was
                    file.sync_folder(path.parent)
                    file.sync_folder(path.parent.parent)
                # Also with nothing new: what was found may have been written, but not synced, by a killed process.
                self._left[path] = file.append(fd, start + "".join(new).encode())
                return found
        raise Pause("csv_locked", f"{path}: another program renames it", after=5.0)

    def _prepare(
        self, fd: int, path: Path, sought: Mapping[Any, str], *, trusted: bool
    ) -> tuple[bytes, dict[Any, list[tuple[str, ...]]]] | None:
        """Heal the file: what is missing of its header, and the keys it holds. None: it had to be renamed.

        A file without the `key` columns was begun by somebody else, and stays as it is: raises Halt.
        """
        if trusted and not sought:
            return b"", {}
        start = file.begin(fd, self._columns, bom=self._bom)
        if start is not None:
            self._log.info("csv_file_begun", connector=self._name)
            return start, {}
        if not file.is_ours(fd, self._columns, self._key):
            raise Halt("csv_not_ours", _not_ours(path))
        reading = file.read(fd, self._key, sought, self._telling)
        if not reading.finished:
            verdict, size = file.heal(fd, path, reading.header, self._key, sought)
            event = "csv_tail_set_aside" if verdict == "aside" else "csv_tail_healed"
            self._log.warning(event, connector=self._name, bytes=size)
            reading = file.read(fd, self._key, sought, self._telling)
        if reading.header == self._columns:
            return b"", reading.found
        file.rename(path, self._clock.now())
        self._log.warning("csv_header_changed", connector=self._name)
        return None


def _not_ours(path: Path) -> str:
    return f"{path} holds something else: its first line lacks a column of `key`"


def _refused(cells: Sequence[str], line: str, key: Any) -> Reject | None:
    """Return the reason why a row cannot be written; None if it can."""
    code = ""
    if len(line) > csv_rows.LONGEST_CELL and max(map(len, cells)) > csv_rows.LONGEST_CELL:
        code = "csv_cell_too_long"
    elif not any(key):
        code = "csv_no_key"
    return Reject(code, "the row cannot be written") if code else None


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Raise what the system's errors mean for the lane."""
    try:
        yield
    except OSError as error:
        where = f"{error.filename or path}: {error.strerror}"
        if pause := _PAUSES.get(error.errno or 0):
            code, after = pause
            raise Pause(code, where, after=after) from error
        code = _HALTS.get(error.errno or 0, "csv_unwritable")
        raise Halt(code, where) from error
    except csv.Error as error:
        raise Halt("csv_damaged", f"{path}: {error}") from error
