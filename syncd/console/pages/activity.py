"""Activity: who did what, and when; the newest first. Pure."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from syncd.console.access import Event
from syncd.console.formats import Times
from syncd.console.readings import Act
from syncd.console.words import sentence_of

MOST = 50


class Line(NamedTuple):
    """One line: when, who, by what way, and the words before a name, the name and the words after it."""

    at: float
    who: str
    via: str
    before: str
    name: str
    after: str


class Day(NamedTuple):
    """The lines of a day."""

    title: str
    lines: Sequence[Line]


def lines_of(acts: Sequence[Act], events: Sequence[Event]) -> list[Line]:
    """Merge acts and events of entering, the newest first; no more than a page."""
    found = [
        *(_of_act(it) for it in acts),
        *(Line(it.at, it.who, "console", it.verb, "", it.detail) for it in events),
    ]
    return sorted(found, key=lambda it: -it.at)[:MOST]


def _of_act(act: Act) -> Line:
    before, name, after = sentence_of(act)
    detail = act.detail if act.detail != "all" else ""
    return Line(act.at, act.who, act.via, before, name, ": ".join(filter(None, (after, detail))))


def by_day(lines: Sequence[Line], times: Times) -> Iterator[Day]:
    """Group lines by their day in a zone."""
    for title, group in groupby(lines, key=lambda it: times.day(it.at)):
        yield Day(title, list(group))
