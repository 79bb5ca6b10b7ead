"""Stuck: what was set aside, by its reason, the largest group first. Pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from syncd.console.formats import counted
from syncd.console.words import trouble_of, type_name
from syncd.ledger.overview import Cause, RejectedRow
from syncd.settings import Settings
from syncd.verbs.targets import advice

KINDS = {"delivery": "", "export": "exports of ", "feedback": "feedback of ", "lead": "unreadable rows of "}
PAGE = 25
SHOWN = 3
"""Leads of a group that the page of all groups names."""


class Line(NamedTuple):
    """One lead of a group: its id, 0 without one, what was said, and its tries."""

    lead_id: int
    said: str
    tries: int


class Group(NamedTuple):
    """Rows with one reason. `again`: they can be sent again; `leads`: the first of them."""

    cause: Cause
    title: str
    what: str
    fix: str
    again: bool
    leads: Sequence[Line]

    @property
    def path(self) -> tuple[str, str, str]:
        """The group in an address."""
        return self.cause.kind, self.cause.where, self.cause.code


FindRows = Callable[[Cause], Iterable[RejectedRow]]


def groups_of(causes: Sequence[Cause], settings: Settings, rows: FindRows, *, masked: bool) -> list[Group]:
    """Describe each group. `rows`: finds a few of one; `masked`: without what a remote said."""
    return [_group(it, settings, lines_of(rows(it), masked=masked), masked=masked) for it in causes]


def _group(cause: Cause, settings: Settings, leads: Sequence[Line], *, masked: bool) -> Group:
    ours = cause.kind == "delivery" and cause.where in settings.connectors
    type_ = settings.connectors[cause.where].type if ours else ""
    trouble = trouble_of(cause.code, type_)
    title = f"{type_name(type_)}: {trouble}" if type_ else trouble.capitalize()
    shown = cause._replace(detail="") if masked else cause
    fix = advice(settings, cause.code, cause.where)
    return Group(shown, title, KINDS[cause.kind], fix, cause.kind != "lead", leads)


def lines_of(rows: Iterable[RejectedRow], *, masked: bool) -> list[Line]:
    """Describe rows of a group."""
    return [Line(it.lead_id, "" if masked else it.detail, it.attempts) for it in rows]


def verdict(causes: Sequence[Cause]) -> str:
    """Say how many are stuck, and for how many reasons."""
    n = sum(it.n for it in causes)
    if not n:
        return "Nothing is stuck."
    return (
        f"{counted(n, 'row is', 'rows are')} stuck, for {counted(len({it[:3] for it in causes}), 'reason')}."
    )
