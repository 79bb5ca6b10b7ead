"""The format of a leads file: RFC 4180 rows in UTF-8, safe in a spreadsheet, and readable after a crash.

Three things differ from what `csv.writer` writes by itself:

* Text that a spreadsheet would run as a formula gets an apostrophe (CWE-1236, OWASP "CSV Injection"): at its beginning,
  and behind `;`, tab, `|` and line breaks, for many spreadsheets split there, and see no quotes that begin elsewhere.
* The last cell of a row is always quoted. A row torn anywhere inside it then ends in an open quote, so that a
  shorter text is never taken for the whole one.
* What is not text in UTF-8 (lone surrogates) or breaks readers (NUL) is replaced, so no lead can spoil the file.

A row is known by its *key*, the cells of a few columns, compared as they are written. Reading never loads a
file: it is one pass of `csv.reader`, which alone knows whether a line end is inside a quoted cell.

This module decides; `file` acts. It opens no file and reads no clock.
"""

import csv
import json
import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from itertools import chain
from operator import itemgetter
from types import NoneType
from typing import Any, Literal

from syncd.connector import utc_text

BOM = "\ufeff"
LONGEST_CELL = 128 * 1024 - 16
"""Characters. Python's reader refuses a file that holds a cell of more than 128 Ki."""

_END = "\0end"
"""A line that no row can hold: what it is read as shows whether the text before it was finished."""

_FORMULA = "[=+@＝＋－＠-]"  # noqa: RUF001 - the full-width forms are meant: Japanese Excel runs them
_BLANK = r"[^\S\t\r\n]"  # spreadsheets trim before they look
_RUN = re.compile(rf'[\0;|\t\r\n](?={_BLANK}*+{_FORMULA}|(?<=\0)[\t\r\n]|(?<!\0)(?:"|{_BLANK})*+{_FORMULA})')
"""The texts, each begun by `\\0`, behind which an apostrophe goes. No scan passes a separator, so the time is linear."""

_SEPARATORS = ";|\t\r\n"
_ODD_START = re.compile("\0[^A-Za-z0-9\0]")
_UNCLEAN = re.compile("[\0\ud800-\udfff]")

Verdict = Literal["cut", "keep", "aside"]


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of one pass.

    Attributes:
        header: its cells.
        found: the sought keys that it found, each with the telling cells of every row that has it.
        finished: True if the last row is whole.
    """

    header: list[str]
    found: dict[Any, list[tuple[str, ...]]]
    finished: bool


def column(values: Sequence[object]) -> Sequence[str]:
    """The values that some rows have in one column as cells: as `cell` does it, which is asked only about what is not plain.

    By columns because a whole one is looked at at once: all of its types, or all of its texts joined.
    """
    kinds = set(map(type, values))
    if kinds == {int}:
        return list(map(str, values))
    if NoneType in kinds:
        values, kinds = ["" if value is None else value for value in values], kinds - {NoneType} | {str}
    return _guarded_column(values) if kinds == {str} else [cell(value) for value in values]  # type: ignore[arg-type]


def _guarded_column(texts: Sequence[str]) -> Sequence[str]:
    together = "\0" + "\0".join(texts)
    if together.count("\0") != len(texts) or not _is_utf8(together):
        return [_guarded(text) for text in texts]
    # Mostly there is neither, which is known at once
    if _ODD_START.search(together) or any(each in together for each in _SEPARATORS):
        return _RUN.sub(r"\g<0>'", together)[1:].split("\0")
    return texts


def cell(value: object) -> str:
    """A mapped value as the text of a cell: null is empty, instants are UTC, lists and objects compact JSON."""
    if isinstance(value, str):
        return _guarded(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):  # a number stays one: -5 is not a formula
        return str(value)
    if isinstance(value, datetime):
        text = utc_text(_zoned(value))
    elif isinstance(value, dict | list | tuple):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    else:
        text = str(value)
    return _guarded(text)


def _guarded(text: str) -> str:
    if "\0" in text or not _is_utf8(text):
        text = _UNCLEAN.sub("\ufffd", text)
    return _RUN.sub(r"\g<0>'", "\0" + text)[1:]


def _is_utf8(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def _zoned(instant: datetime) -> datetime:
    """An instant without a zone is taken for UTC, never for the machine's zone."""
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant


def day(instant: datetime | float) -> str:
    """The date in UTC of an instant, or of seconds since the epoch: `2026-06-11`."""
    if not isinstance(instant, datetime):
        return datetime.fromtimestamp(instant, UTC).date().isoformat()
    return _zoned(instant).astimezone(UTC).date().isoformat()


def lines(columns: Sequence[Sequence[str]]) -> list[str]:
    """Rows, given as columns of cells, as lines of the file, with their line ends and their last cells quoted.

    As `csv.writer` does it for each separator (a test holds it to that), which looks at a text character by character: a
    third of the time.
    """
    *others, last = columns
    ends = [_quoted(text) + "\r\n" for text in last]
    return list(map(",".join, zip(*map(_quoted_where_needed, others), ends, strict=True)))


def _quoted_where_needed(cells: Sequence[str]) -> Sequence[str]:
    if not _needs_quotes("".join(cells)):
        return cells
    return [_quoted(text) if _needs_quotes(text) else text for text in cells]


def _needs_quotes(text: str) -> bool:
    return "," in text or '"' in text or any(each in text for each in _SEPARATORS)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def header_left(content: bytes, columns: Sequence[str], *, bom: bool) -> bytes | None:
    """Return what to append to a file that holds a torn header or nothing; None when it holds more."""
    bom_bytes, whole = BOM.encode(), header_line(columns).encode()
    if content[:1] == bom_bytes[:1] or (bom and not content):
        whole = bom_bytes + whole
    return whole[len(content) :] if len(content) < len(whole) and whole.startswith(content) else None


def header_line(columns: Sequence[str]) -> str:
    """The header, quoted only where it must be."""
    return (",".join(_quoted_where_needed(columns)) or '""') + "\r\n"


def key_of(header: Sequence[str], key: Sequence[str]) -> Any:
    """A function from a row's cells to its key, or None when the header lacks one of the key's columns.

    Raises IndexError for a row that is too short.
    """
    places = {name: n for n, name in reversed(list(enumerate(header)))}
    return itemgetter(*(places[name] for name in key)) if all(name in places for name in key) else None


def header_of(text: Iterable[str]) -> list[str]:
    """The first row's cells, without a byte order mark."""
    return _unmarked(next(csv.reader(text), []))


def _unmarked(header: list[str]) -> list[str]:
    return [header[0].removeprefix(BOM), *header[1:]] if header else [""]


def is_same(mine: Sequence[str], theirs: Sequence[str]) -> bool:
    """True if the telling cells of two rows with one key may be of one lead: one is equal, or none can be compared.

    Two accounts may give different people the same key.
    """
    told = [(one, other) for one, other in zip(mine, theirs, strict=True) if one and other]
    return not told or any(one == other for one, other in told)


def read(
    text: Iterable[str], key: Sequence[str], sought: Collection[Any], telling: Sequence[str] = ()
) -> Reading:
    """Read a file's lines (line ends kept) once, in memory that does not grow with it.

    `telling`: the columns whose cells tell people apart.

    Raises csv.Error when it is no CSV: a cell over Python's limit, as after a stray quote.
    """
    rows = csv.reader(chain(text, [_END]))
    last = next(rows)
    header = _unmarked(last)
    found: dict[Any, list[tuple[str, ...]]] = {}
    places = [header.index(name) if name in header else None for name in telling]
    get = key_of(header, key) if sought else None
    if get is None:
        last = deque(chain([last], rows), maxlen=1).pop()
        return Reading(header, found, last == [_END])
    for last in rows:
        try:
            this = get(last)
        except IndexError:  # an empty line, or one that a person wrote
            continue
        if this in sought:
            cells = tuple("" if at is None or at >= len(last) else last[at] for at in places)
            found.setdefault(this, []).append(cells)
    return Reading(header, found, last == [_END])


def last_row_at(text: Iterable[str]) -> int:
    """Return the byte at which the last row begins, of lines decoded as for `read`."""
    at = start = previous = 0

    def counted() -> Iterator[str]:
        nonlocal at
        for line in text:
            at += len(line) if line.isascii() else len(line.encode("utf-8", "surrogateescape"))
            yield line

    for _ in csv.reader(counted()):
        start, previous = previous, at
    return start


def judge_tail(tail: bytes, header: Sequence[str], key: Sequence[str], sought: Mapping[Any, str]) -> Verdict:
    """Decide what to do with an unfinished last row.

    `sought` are the keys and lines that an earlier call may have begun to write. The start of such a line is
    cut. Whatever else is not a whole row is kept aside, and so is a whole row with such a key: it was torn
    under another mapping. A whole row that lacks no more than its line end was edited by hand, and stays.
    """
    if any(line.encode().startswith(tail) for line in sought.values()):
        return "cut"
    text = tail.decode("utf-8", "surrogateescape")
    # A comma at the end is a row torn just before the quote of its last cell.
    if text.endswith(",") or "\0" in text:
        return "aside"
    *rows, end = csv.reader(chain(StringIO(text, newline=""), [_END]))
    if end != [_END] or len(rows) != 1 or len(rows[0]) != len(header):
        return "aside"
    get = key_of(header, key)
    return "aside" if get is not None and get(rows[0]) in sought else "keep"


def renamed(stem: str, suffix: str, now: float, counter: int) -> str:
    """The name that a file with an old header gets: `leads.20260611T071500Z.csv`, `-1` and so on if it is taken."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{stem}.{stamp}{f'-{counter}' if counter else ''}{suffix}"


def is_renamed(name: str, stem: str, suffix: str) -> bool:
    """True if `renamed` may have made this name of a file with this stem and suffix."""
    stamp = name.removeprefix(stem).removesuffix(suffix)
    return name == f"{stem}{stamp}{suffix}" and re.fullmatch(r"\.\d{8}T\d{6}Z(-\d+)?", stamp) is not None
