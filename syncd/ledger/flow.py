"""Flow: how many rows came into each state, by the hour and by the day, for the plots of a console.

It is counted where the ledger was told so: `Ledger.flow`. Rows of `flow` are of these kinds, `name` being a source or a connector:

- those of the tally: rows that came into a state; `found` is the state of each lead that is new;
- `level`, with a kind of the tally as its state: pending rows when the hour began;
- `latency`, with a bucket's upper bound in seconds: deliveries by the time since their lead's discovery;
- `request`, with an HTTP status: requests to CTGO.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, func, select

from syncd.ledger.schema import table
from syncd.ledger.schema_history import Flow

COUNTED = "flow"
"""The note on a connection whose transactions count what they move."""
FOUND = "found"
"""The state of leads that are new, whichever state they begin in."""
HOUR, DAY = 3600, 86400
HOURS_KEPT, DAYS_KEPT = 3, 90
"""Whole days."""

Span = Literal["hour", "day"]
Arrival = tuple[str, str, str, int]
"""A kind, a state, a name, and how many rows came."""

_flow = table(Flow)

_ADD = (
    "INSERT INTO flow (span, kind, state, at, name, n, last) VALUES ('hour', ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (span, kind, state, at, name) DO UPDATE SET n = n + excluded.n, last = max(last, excluded.last)"
)


def arrivals(moves: Mapping[tuple[str, str, str], int]) -> list[Arrival]:
    """Return what came into each state, from the changes of the tally: (kind, name, state) -> more, or less, rows."""
    came = Counter[tuple[str, str, str]]()
    for (kind, name, state), n in moves.items():
        if n > 0:
            came[kind, state, name] = n
        if kind == "lead":  # a move between states is a loss and a gain: new rows are what is left
            came[kind, FOUND, name] += n
    return [(*key, n) for key, n in came.items() if n > 0]


def add(connection: Connection, rows: Iterable[Arrival], now: float) -> None:
    """Count these in the hour of `now`."""
    at = int(now // HOUR) * HOUR
    counted = [(kind, state, at, name, n, now) for kind, state, name, n in rows]
    if counted:
        connection.exec_driver_sql(_ADD, counted)


def note_levels(connection: Connection, now: float) -> None:
    """Note what is pending, once an hour."""
    connection.exec_driver_sql(
        "INSERT OR IGNORE INTO flow (span, kind, state, at, name, n, last)"
        " SELECT 'hour', 'level', kind, ?, name, n, ? FROM tally WHERE state = 'pending' AND n > 0",
        (int(now // HOUR) * HOUR, now),
    )


def midnight(at: float, zone: tzinfo = UTC) -> int:
    """Return when the day of an instant began in a zone."""
    return int(
        datetime.fromtimestamp(at, zone).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    )


_FOLD = (
    "INSERT INTO flow (span, kind, state, at, name, n, last)"
    " SELECT 'day', kind, state, json_extract(value, '$[1]') AS day, name, iif(kind = 'level', max(n), sum(n)), max(last)"
    " FROM json_each(?) CROSS JOIN flow ON at = json_extract(value, '$[0]') WHERE span = 'hour' GROUP BY kind, state, day, name"
    " ON CONFLICT (span, kind, state, at, name) DO UPDATE SET n = excluded.n, last = excluded.last"
)
_DROP = "DELETE FROM flow WHERE span = ? AND at < ?"


def fold(connection: Connection, now: float, zone: tzinfo = UTC) -> None:
    """Sum the hours of each day that is over, and drop what is too old. Hours go by whole days, so this may be done again."""
    today = midnight(now, zone)
    oldest = midnight(now - DAYS_KEPT * DAY, zone)
    hours = range(oldest // HOUR * HOUR, today, HOUR)
    connection.exec_driver_sql(_FOLD, (json.dumps([[at, midnight(at, zone)] for at in hours]),))
    connection.exec_driver_sql(_DROP, ("hour", midnight(now - HOURS_KEPT * DAY, zone)))
    connection.exec_driver_sql(_DROP, ("day", oldest))


class Range(NamedTuple):
    """A range of time, its end left out, in hours or days."""

    span: Span
    since: float
    until: float


def by_time(
    connection: Connection, within: Range, kind: str, state: str, names: Collection[str] | None = None
) -> dict[int, int]:
    """Return the sum over all names, or over these, for each hour or day that is not empty."""
    query = _within(select(_flow.c.at, func.sum(_flow.c.n)), within, kind, state)
    if names is not None:
        query = query.where(_flow.c.name.in_(list(names)))
    return dict(_tuples(connection, query.group_by(_flow.c.at)))


def by_name(connection: Connection, within: Range, kind: str, state: str) -> dict[str, dict[int, int]]:
    """Return, by name, the number for each hour or day that is not empty."""
    found: dict[str, dict[int, int]] = {}
    query = _within(select(_flow.c.name, _flow.c.at, _flow.c.n), within, kind, state)
    for name, at, n in _tuples(connection, query):
        found.setdefault(name, {})[at] = n
    return found


def by_state(
    connection: Connection, within: Range, kind: str, names: Collection[str] | None = None
) -> dict[str, dict[int, int]]:
    """Return, by state, the sum over all names, or over these: latencies by bucket, requests by status."""
    found: dict[str, dict[int, int]] = {}
    query = _within(select(_flow.c.state, _flow.c.at, func.sum(_flow.c.n)), within, kind)
    if names is not None:
        query = query.where(_flow.c.name.in_(list(names)))
    for state, at, n in _tuples(connection, query.group_by(_flow.c.state, _flow.c.at)):
        found.setdefault(state, {})[at] = n
    return found


def last(connection: Connection, within: Range, kind: str, state: str) -> dict[str, float]:
    """Return, by name, when a row last came into a state."""
    query = _within(select(_flow.c.name, func.max(_flow.c.last)), within, kind, state)
    return dict(_tuples(connection, query.group_by(_flow.c.name)))


def counted_since(connection: Connection) -> float | None:
    """Return the first hour or day of which anything is known; None if nothing was counted yet."""
    query = select(func.min(_flow.c.at)).where(_flow.c.kind == "lead", _flow.c.state == FOUND)
    found = [connection.execute(query.where(_flow.c.span == span)).scalar() for span in ("day", "hour")]
    return min((at for at in found if at is not None), default=None)


def _within(query: Any, within: Range, kind: str, state: str | None = None) -> Any:
    span, since, until = within
    query = query.where(_flow.c.span == span, _flow.c.kind == kind, _flow.c.at >= since, _flow.c.at < until)
    return query if state is None else query.where(_flow.c.state == state)


def _tuples(connection: Connection, query: Any) -> Sequence[Any]:
    return connection.execute(query).all()
