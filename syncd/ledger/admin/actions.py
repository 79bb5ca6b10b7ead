"""Acts of a person on the ledger. Each act is one transaction; one that changes something is in the operator's log."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, update

from syncd.core.lane_state import BY_HAND, LaneState, reopened
from syncd.ledger.admin.rejections import give_up, move_rows
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.deliveries.attempts import waiting
from syncd.ledger.history import log_action
from syncd.ledger.lanes import load_lane, save_lane
from syncd.ledger.leads.settlement import settle
from syncd.ledger.schema import Delivery, Export, Feedback, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import Books, quoted

_lead, _delivery, _export, _feedback = table(LeadRow), table(Delivery), table(Export), table(Feedback)


def pause_lanes(
    connection: Connection,
    lanes: Sequence[tuple[str, str]],
    now: float,
    *,
    who: str,
    until: float | None,
    reason: str,
    via: str = "cli",
) -> None:
    """Pause these (kind, name) lanes, until an instant or until a person resumes them."""
    changed = False
    for kind, name in lanes:
        lane = load_lane(connection, kind, name)
        paused = lane._replace(
            status="paused", code=BY_HAND, detail=reason or "Paused by hand.", by=who, since=now, until=until
        )
        if paused._replace(by=lane.by, since=lane.since) != lane:
            changed = True
            save_lane(connection, paused)
    if changed:
        log_action(connection, now, who=who, verb="pause", name=lanes[0][1], detail=reason, via=via)


def resume_lanes(
    connection: Connection, lanes: Sequence[tuple[str, str]], now: float, *, who: str, via: str = "cli"
) -> list[LaneState]:
    """Lift pauses and halts; returns what was lifted. A halted lane is on probation.

    What gathered for a connector meanwhile is a burst: more than its gate takes closes that.
    """
    lifted = []
    for kind, name in lanes:
        lane = load_lane(connection, kind, name)
        if lane.status != "open":
            lifted.append(lane)
            save_lane(connection, reopened(lane)._replace(failures=0))
            if kind == "deliver":
                flood_gate.set_going(connection, name, now)
    if lifted:
        log_action(connection, now, who=who, verb="resume", name=lanes[0][1], via=via)
    return lifted


_ROWS: Mapping[str, Any] = {"deliver": _delivery, "export": _export, "feedback": _feedback}


class Retried(NamedTuple):
    """The lanes whose wait was lifted, as they were, and the number of rows that may go now."""

    lifted: Sequence[LaneState]
    rows: int


def retry_now(
    connection: Connection, lanes: Sequence[tuple[str, str]], now: float, *, who: str, via: str = "cli"
) -> Retried:
    """Make due what waits behind a back-off, and lift the waits of these (kind, name) lanes themselves.

    Halts, pauses by hand and what a gate holds stay. No attempt is spent, and none is given back.
    """
    lifted, n = [], 0
    for kind, name in lanes:
        lane = load_lane(connection, kind, name)
        if not _retries(lane):
            continue
        waits = lane.status == "paused"
        if waits:
            lifted.append(lane)
            save_lane(connection, reopened(lane)._replace(failures=0))
        if kind not in _ROWS:
            continue
        rows, mine = _waiting_of(kind, name)
        late = update(rows).where(*mine, rows.c.due_at > now).values(due_at=now, waits_from=None)
        moved = connection.execute(late).rowcount
        n += connection.execute(_count(rows, mine)).scalar_one() if waits else moved
    if lifted or n:
        detail = f"{n} tried now"
        log_action(connection, now, who=who, verb="retry", name=lanes[0][1], detail=detail, via=via)
    return Retried(lifted, n)


def _retries(lane: LaneState) -> bool:
    """True if the lane goes on by itself, now or after a wait."""
    return lane.status == "open" or (lane.status == "paused" and lane.code != BY_HAND)


def _waiting_of(kind: str, name: str) -> tuple[Any, tuple[Any, ...]]:
    """Return the table of a lane's rows, and the conditions for those that are pending and that no gate holds."""
    rows = _ROWS[kind]
    owner = rows.c.connector if kind == "deliver" else rows.c.source
    return rows, (owner == name, *waiting(rows))


def _count(rows: Any, conditions: Sequence[Any]) -> Any:
    return select(func.count()).select_from(rows).where(*conditions)


class Backlog(NamedTuple):
    """Rows of a lane that wait to be tried again for one reason. `rows` 0: the lane itself waits, and has none."""

    kind: str
    name: str
    code: str
    rows: int
    next_try: float


def backlogs(connection: Connection, lanes: Sequence[tuple[str, str]], now: float) -> list[Backlog]:
    """Return what `retry_now` would try before its time, the soonest first."""
    found = []
    for kind, name in lanes:
        lane = load_lane(connection, kind, name)
        wait = lane.wait(now)
        if not _retries(lane):
            continue
        rows, mine = _waiting_of(kind, name) if kind in _ROWS else (None, ())
        if wait:
            count = 0 if rows is None else connection.execute(_count(rows, mine)).scalar_one()
            found.append(Backlog(kind, name, lane.code, count, now + wait))
        elif rows is not None:
            late = rows.c.due_at > now
            query = select(rows.c.code, func.count(), func.min(rows.c.due_at)).where(*mine, late)
            found += [Backlog(kind, name, *row) for row in connection.execute(query.group_by(rows.c.code))]
            due = (
                connection.execute(_count(rows, (*mine, ~late))).scalar_one()
                if lane.status == "paused"
                else 0
            )
            found += [Backlog(kind, name, lane.code, due, now)] if due else []
    return sorted(found, key=lambda it: it.next_try)


def accept(
    connection: Connection,
    lanes: Sequence[tuple[str, str]],
    now: float,
    *,
    who: str,
    exports: Mapping[str, bool],
    via: str = "cli",
) -> int:
    """Reject the rows that halted these (kind, name) lanes, because a person wants that; return how many.

    These are the suspects of a halted lane that bear the code of the halt. The lane need not prove itself with them.
    """
    books, total = Books(connection, now), 0
    for kind, name in lanes:
        lane, rows = load_lane(connection, kind, name), _ROWS.get(kind)
        if rows is None or lane.status != "halted":
            continue
        owner = rows.c.connector if kind == "deliver" else rows.c.source
        found = connection.execute(
            select(rows).where(
                owner == name, rows.c.state == quoted("pending"), rows.c.suspect, rows.c.code == lane.code
            )
        ).all()
        move_rows(books, rows, found, {"state": "rejected", "settled_at": now, "suspect": False})
        if kind == "deliver":
            settle(books, [row.lead_seq for row in found], exports)
        save_lane(connection, lane._replace(alike_code="", alike=(), doubts=()))
        total += len(found)
    books.close()
    if total:
        detail = f"{total} set aside"
        log_action(connection, now, who=who, verb="accept", name=lanes[0][1], detail=detail, via=via)
    return total


def release(
    connection: Connection, name: str, now: float, *, who: str, first: int | None = None, via: str = "cli"
) -> int:
    """Let through the deliveries behind a connector's gate, the `first` oldest or all; return how many."""
    freed = flood_gate.release(connection, name, first, now)
    if freed:
        detail = f"{len(freed)} let through"
        log_action(connection, now, who=who, verb="release", name=name, detail=detail, via=via, touched=freed)
    return len(freed)


def hold_again(connection: Connection, entry: Any, now: float, *, who: str, via: str = "cli") -> int:
    """Hold what an entry of a release let through and nobody tried since; return how many."""
    held = flood_gate.hold_again(connection, entry, now)
    if held:
        log_action(connection, now, who=who, verb="hold", name=entry.name, detail=f"{held} held", via=via)
    return held


def hold(connection: Connection, name: str, now: float, *, who: str) -> int:
    """Hold behind a connector's closed gate what the gate let through and nobody has sent; return how many."""
    held = flood_gate.hold(connection, name)
    log_action(connection, now, who=who, verb="hold", name=name, detail=f"{held} held")
    return held


def drop_held(
    connection: Connection, name: str, now: float, *, who: str, exports: Mapping[str, bool], via: str = "cli"
) -> int:
    """Drop the deliveries behind a connector's gate, which opens it; return how many."""
    books = Books(connection, now)
    rows = flood_gate.held_of(connection, name)
    give_up(books, rows)
    settle(books, [row.lead_seq for row in rows], exports)
    books.close()
    if rows:
        flood_gate.approve(connection, [name])
        log_action(
            connection, now, who=who, verb="release", name=name, detail=f"{len(rows)} dropped", via=via
        )
    return len(rows)
