"""Tables and sentences that fit a terminal. No word is broken: columns that matter least are left out first."""

import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

GAP = 2
"""Blanks between two columns."""


def table_lines(
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    width: int | None = None,
    drop: Sequence[str] = (),
) -> list[str]:
    """Lay out a table: text to the left, numbers to the right, no frame.

    Args:
        header: a name for each column.
        rows: the cells; None is empty. Control characters must be escaped by then.
        width: columns of the terminal; None: as wide as the cells are.
        drop: names of the columns to leave out while the table is too wide, the first one first.
    """
    columns = [
        (name, [_text(row[n]) for row in rows], bool(rows) and all(isinstance(row[n], int) for row in rows))
        for n, name in enumerate(header)
    ]
    left_out = []
    for name in drop:
        if width is None or sum(map(_natural, columns)) + GAP * (len(columns) - 1) <= width:
            break
        columns = [column for column in columns if column[0] != name]
        left_out.append(name)
    widths = _widths([(_natural(it), _longest_word(it)) for it in columns], width)
    lines: list[str] = []
    for cells in [[name for name, _, _ in columns], *zip(*(cells for _, cells, _ in columns), strict=True)]:
        lines += _row_lines(cells, widths, [right for _, _, right in columns])
    note = f"(too narrow for: {', '.join(left_out)})"
    return [*lines, *wrapped(note, width, " ")] if left_out else lines


_Column = tuple[str, list[str], bool]
"""A name, the cells, and True if they are numbers."""


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)


def _natural(column: _Column) -> int:
    return max(map(cell_width, (column[0], *column[1])))


def _longest_word(column: _Column) -> int:
    return max((cell_width(word) for cell in (column[0], *column[1]) for word in cell.split()), default=0)


def _widths(bounds: Sequence[tuple[int, int]], width: int | None) -> list[int]:
    """Narrow the widest column until all fit; none gets narrower than its longest word."""
    widths = [natural for natural, _ in bounds]
    while width is not None and sum(widths) + GAP * (len(widths) - 1) > width:
        wide = [n for n, (_, least) in enumerate(bounds) if widths[n] > least]
        if not wide:
            break
        widths[max(wide, key=lambda n: widths[n])] -= 1
    return widths


def _row_lines(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> Iterable[str]:
    parts = [wrapped(cell, wide) for cell, wide in zip(cells, widths, strict=True)]
    for n in range(max(map(len, parts))):
        line = (
            _padded(part[n] if n < len(part) else "", wide, at_right)
            for part, wide, at_right in zip(parts, widths, right, strict=True)
        )
        yield (" " * GAP).join(line).rstrip()


def _padded(text: str, width: int, at_right: bool) -> str:
    blanks = " " * (width - cell_width(text))
    return blanks + text if at_right else text + blanks


def cell_width(text: str) -> int:
    """Count the columns that a terminal needs for a text: two for a wide character, none for an accent."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def wrapped(text: str, width: int | None, indent: str = "") -> list[str]:
    """Split a text between words into lines of this width; a longer word has a line of its own."""
    if width is None or cell_width(text) <= width:
        return [text]
    return textwrap.wrap(
        text, max(width, 1), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [""]
