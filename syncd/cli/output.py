"""Output of every verb: data on stdout, without anything that a terminal would obey.

Names and bios are text of strangers. Each line is printed with its control characters escaped, so that a lead can neither
move the cursor nor forge a line. Rich gets text, never markup. A character that stdout's encoding lacks is printed as an
escape. When the reader leaves (`| head`), the rest is dropped and the verb keeps its exit code.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime

from syncd.cli.table import table_lines, wrapped
from syncd.core.lead import utc_text
from syncd.log import escape

_RUN = re.compile(r"""(^|[;|])(?=\s*+[=+@＝＋－＠-]|(?<=[;|])[\s"]*+[=+@＝＋－＠-])""")  # noqa: RUF001 - the full-width forms are meant
"""Positions that need an apostrophe: spreadsheets also split a line at `;` or `|`, and run the full-width forms."""

_SPLIT = re.compile('[,;|"]')


def say(line: str = "") -> None:
    """Print one line; a line break inside it is escaped too."""
    _write(escape(line) + "\n")


def say_marked(word: str, colour: str, rest: str) -> None:
    """Print a line that begins with a word; a terminal shows the word in a colour, unless NO_COLOR is set."""
    plain = (
        not colour
        or not sys.stdout.isatty()
        or os.environ.get("NO_COLOR")
        or os.environ.get("TERM") == "dumb"
    )
    _write(f"{word if plain else f'{chr(27)}[{colour}m{word}{chr(27)}[0m'}{escape(rest)}\n")


def say_json(value: object) -> None:
    """Print a JSON document in ASCII: JSON's own escapes keep it harmless."""
    _write(json.dumps(value, indent=2) + "\n")


def say_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print CSV. Text that a spreadsheet would run as a formula gets an apostrophe, wherever the line is split."""
    for row in [header, *rows]:
        cells = [str(cell) if isinstance(cell, int) else guarded(cell) for cell in row]
        _write(",".join(map(_quoted, cells)) + "\n")


def terminal_width() -> int | None:
    """Return the columns of the terminal that stdout is; None if it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def say_wrapped(line: str) -> None:
    """Print one line; on a terminal it is split between words."""
    for part in wrapped(escape(line), terminal_width(), "  "):
        _write(part + "\n")


def say_lines(lines: Iterable[str]) -> None:
    """Print lines."""
    for line in lines:
        say(line)


def draw(lines: Iterable[str]) -> None:
    """Draw lines over what the terminal shows, as many as it has room for."""
    height = shutil.get_terminal_size().lines - 1
    shown = "".join(f"{escape(line)}\x1b[K\n" for line in list(lines)[:height])
    _write(f"\x1b[H{shown}\x1b[J")


def say_table(header: Sequence[str], rows: Sequence[Sequence[object]], drop: Sequence[str] = ()) -> None:
    """Print a table with numbers to the right. On a terminal it fits, without the columns of `drop` if need be."""
    cells = [[escape(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    for line in table_lines(header, cells, terminal_width(), drop):
        say(line)


def say_fields(fields: Sequence[tuple[str, object]]) -> None:
    """Print names and values, aligned, a line each; a name without a value is left out."""
    shown = [(name, escape(str(value))) for name, value in fields if value not in (None, "")]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        say(f"{name:{width}}  {value}")


def guarded(cell: object) -> str:
    """Guard a cell so that no spreadsheet runs it as a formula; escape control characters."""
    text = "" if cell is None else escape(str(cell))
    return _RUN.sub(r"\g<0>'", text)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _SPLIT.search(text) else text


def when(instant: float | None) -> str:
    """Write an instant for people, to the second; `never` for None."""
    return "never" if instant is None else utc_text(int(instant))


def ago(instant: float | None, now: float) -> str:
    """Write a past instant for people: `4 min ago` on a terminal, the time elsewhere; `never` for None."""
    if instant is None or not sys.stdout.isatty():
        return when(instant)
    return f"{_largest_unit(now - instant)} ago" if now - instant >= 1 else "just now"


def since(instant: float, now: float) -> str:
    """Write the beginning of a state: `4 min ago` on a terminal, `since` and the time elsewhere."""
    return ago(instant, now) if sys.stdout.isatty() else f"since {when(instant)}"


def _largest_unit(seconds: float) -> str:
    return " ".join(duration(seconds).split()[:2])


def iso(instant: float | None) -> str | None:
    """Write an instant for scripts."""
    return None if instant is None else utc_text(instant)


def date_time(moment: datetime | None) -> str:
    """Write an instant of CTGO's answer, to the second; empty for None."""
    return "" if moment is None else utc_text(int(moment.timestamp()))


def duration(seconds: float) -> str:
    """Write a duration in its two largest units: `2 min 5 s`, `3 d 4 h`."""
    left, parts = max(0, round(seconds)), []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        n, left = divmod(left, size)
        if n:
            parts.append(f"{n} {unit}")
    return " ".join(parts[:2]) or "0 s"


def were(n: int, noun: str) -> str:
    """Write a number with its noun and verb: `1 lead was`, `3 leads were`."""
    return f"1 {noun} was" if n == 1 else f"{n:,} {noun}s were"


def _write(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes the buffer at its end, which would raise again: drop it
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
