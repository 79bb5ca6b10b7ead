"""A cron line of five fields: whether it can be right, and what it means.

The scheduler that runs it is elsewhere, so this is only its shape, the ranges, and one trap: cron counts the days
of the week from Sunday and APScheduler from Monday. `normal` therefore writes weekdays as names, which both read
alike.
"""

import re

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of the week", 0, 7, {name: number for number, name in enumerate(_WEEKDAYS)}),
)
_PART = re.compile(r"(?P<first>\*|[a-z0-9]+)(?:-(?P<last>[a-z0-9]+))?(?:/(?P<step>[0-9]+))?")


def normal(line: str) -> str:
    """The line with single spaces and weekdays by name. Raises ValueError with a sentence that says what is wrong."""
    texts = line.lower().split()
    if len(texts) != len(_FIELDS):
        raise ValueError(
            'must be a duration such as 60s, or a cron line of five fields such as "*/5 * * * *"'
        )
    days = [
        _values(text, what, low, high, names)
        for text, (what, low, high, names) in zip(texts, _FIELDS, strict=True)
    ][-1]
    if texts[-1] != "*":
        texts[-1] = ",".join(name for number, name in enumerate(_WEEKDAYS) if {number, number or 7} & days)
    return " ".join(texts)


def _values(text: str, what: str, low: int, high: int, names: dict[str, int]) -> set[int]:
    """Every value that one field stands for."""
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"has a {what} that is no cron field: write *, 5, 1-5, */5 or a list of those")
        if match["first"] == "*":
            first, last = low, high
        else:
            first = _number(match["first"], what, low, high, names)
            last = _number(match["last"], what, low, high, names) if match["last"] else first
        if match["step"] and not match["last"]:
            last = high
        step = int(match["step"] or 1)
        if (match["first"] == "*" and match["last"]) or first > last:
            raise ValueError(f"has a range in the {what} that is empty")
        if match["step"] and not 1 <= step <= last - first:
            raise ValueError(f"has a step in the {what} that leads out of its range")
        found.update(range(first, last + 1, step))
    return found


def _number(text: str, what: str, low: int, high: int, names: dict[str, int]) -> int:
    value = names.get(text, int(text) if text.isdecimal() else -1)
    if not low <= value <= high:
        raise ValueError(f"has a {what} outside {low}-{high}")
    return value
