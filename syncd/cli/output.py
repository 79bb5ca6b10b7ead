"""Printing, as every verb does it: data on stdout, nothing in it that a terminal would obey.

Names and bios are strangers' text. Each line goes out with its control characters escaped, so that a lead can neither
move the cursor nor forge a line, and Rich is handed text, never markup. What stdout's encoding does not have is
written as an escape. When the reader leaves (`| head`), the rest goes nowhere and the verb's exit code stays its own.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime

from syncd.core.lead import utc_text
from syncd.log import escape

_RUN = re.compile(r"""(^|[;|])(?=\s*+[=+@＝＋－＠-]|(?<=[;|])[\s"]*+[=+@＝＋－＠-])""")  # noqa: RUF001 - the full-width forms are meant
"""What an apostrophe goes behind: spreadsheets split a line at `;` or `|` as well, and run the full-width forms too."""

_SPLIT = re.compile('[,;|"]')


def say(line: str = "") -> None:
    """One line to stdout; a line break inside is escaped too."""
    _write(escape(line) + "\n")


def say_json(value: object) -> None:
    """A JSON document to stdout, in ASCII: JSON's own escapes keep it harmless."""
    _write(json.dumps(value, indent=2) + "\n")


def say_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """CSV to stdout. Text that a spreadsheet would run as a formula gets an apostrophe, wherever it splits the line."""
    for row in [header, *rows]:
        cells = [str(cell) if isinstance(cell, int) else guarded(cell) for cell in row]
        _write(",".join(map(_quoted, cells)) + "\n")


def say_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table to stdout, numbers to the right: drawn on a terminal, aligned text elsewhere, nothing cut off."""
    right = [bool(rows) and all(isinstance(row[n], int) for row in rows) for n in range(len(header))]
    cells = [["" if cell is None else escape(str(cell)) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _draw(header, cells, right)
        return
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    for row in [list(header), *cells]:
        parts = zip(row, widths, right, strict=True)
        say("  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in parts).rstrip())


def say_fields(fields: Sequence[tuple[str, object]]) -> None:
    """Names and values to stdout, a line each, aligned; what has no value is left out."""
    shown = [(name, escape(str(value))) for name, value in fields if value not in (None, "")]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        say(f"{name:{width}}  {value}")


def guarded(cell: object) -> str:
    """A cell that no spreadsheet takes for a formula, without control characters."""
    text = "" if cell is None else escape(str(cell))
    return _RUN.sub(r"\g<0>'", text)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _SPLIT.search(text) else text


def when(instant: float | None) -> str:
    """An instant for people, to the second; `never` for None."""
    return "never" if instant is None else utc_text(int(instant))


def iso(instant: float | None) -> str | None:
    """An instant for scripts."""
    return None if instant is None else utc_text(instant)


def told(moment: datetime | None) -> str:
    """A moment that CTGO told, to the second; empty if it told none."""
    return "" if moment is None else utc_text(int(moment.timestamp()))


def duration(seconds: float) -> str:
    """A length of time in its two largest units: `2 min 5 s`, `3 d 4 h`."""
    left, said = max(0, round(seconds)), []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        n, left = divmod(left, size)
        if n:
            said.append(f"{n} {unit}")
    return " ".join(said[:2]) or "0 s"


def _draw(header: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    from rich.console import Console  # noqa: PLC0415 - a pipe need not wait for it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table()
    for name, numbers in zip(header, right, strict=True):
        table.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(file=sys.stdout)
    with console.capture() as drawn:
        console.print(table)
    _write(drawn.get())


def _write(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        # What is buffered would raise again when Python ends: let it go nowhere
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
