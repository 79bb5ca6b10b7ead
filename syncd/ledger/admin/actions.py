"""Acts of a person on the ledger. Each act is one transaction; one that changes something is in the operator's log."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, func, or_, select, update

from syncd.core.lane_state import BY_HAND, LaneState, reopened
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.deliveries.attempts import waiting
from syncd.ledger.history import log_action
from syncd.ledger.lanes import load_lane, save_lane
from syncd.ledger.leads.settlement import owe_everywhere, settle
from syncd.ledger.schema import Delivery, Export, Feedback, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import Books, among, array, is_standing, quoted

_lead, _delivery, _export, _feedback = table(LeadRow), table(Delivery), table(Export), table(Feedback)


class Chosen(NamedTuple):
    """A command's choice of rejected rows; empty fields choose everything.

    A code also chooses pending rows that bear it, and a lead also chooses its suspects: a lane that halted for them put
    them back.
    """

    connector: str = ""
    code: str = ""
    lead_id: int = 0
    unconfigured: bool = False
    """Choose pending deliveries as well: the connector has left the configuration."""


def pause_lanes(
    connection: Connection,
    lanes: Sequence[tuple[str, str]],
    now: float,
    *,
    who: str,
    until: float | None,
    reason: str,
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
        log_action(connection, now, who=who, verb="pause", name=lanes[0][1], detail=reason)


def resume_lanes(
    connection: Connection, lanes: Sequence[tuple[str, str]], now: float, *, who: str
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
        log_action(connection, now, who=who, verb="resume", name=lanes[0][1])
    return lifted


_ROWS: Mapping[str, Any] = {"deliver": _delivery, "export": _export, "feedback": _feedback}


class Retried(NamedTuple):
    """The lanes whose wait was lifted, as they were, and the number of rows that may go now."""

    lifted: Sequence[LaneState]
    rows: int


def retry_now(connection: Connection, lanes: Sequence[tuple[str, str]], now: float, *, who: str) -> Retried:
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
        log_action(connection, now, who=who, verb="retry", name=lanes[0][1], detail=f"{n} tried now")
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
        _move(books, rows, found, {"state": "rejected", "settled_at": now, "suspect": False})
        if kind == "deliver":
            settle(books, [row.lead_seq for row in found], exports)
        save_lane(connection, lane._replace(alike_code="", alike=(), doubts=()))
        total += len(found)
    books.close()
    if total:
        log_action(connection, now, who=who, verb="accept", name=lanes[0][1], detail=f"{total} set aside")
    return total


def release(connection: Connection, name: str, now: float, *, who: str, first: int | None = None) -> int:
    """Let through the deliveries behind a connector's gate, the `first` oldest or all; return how many."""
    freed = flood_gate.release(connection, name, first)
    if freed:
        log_action(connection, now, who=who, verb="release", name=name, detail=f"{freed} let through")
    return freed


def hold(connection: Connection, name: str, now: float, *, who: str) -> int:
    """Hold behind a connector's closed gate what the gate let through and nobody has sent; return how many."""
    held = flood_gate.hold(connection, name)
    log_action(connection, now, who=who, verb="hold", name=name, detail=f"{held} held")
    return held


def drop_held(connection: Connection, name: str, now: float, *, who: str, exports: Mapping[str, bool]) -> int:
    """Drop the deliveries behind a connector's gate, which opens it; return how many."""
    books = Books(connection, now)
    rows = flood_gate.held_of(connection, name)
    _give_up(books, rows)
    settle(books, [row.lead_seq for row in rows], exports)
    books.close()
    if rows:
        flood_gate.approve(connection, [name])
        log_action(connection, now, who=who, verb="release", name=name, detail=f"{len(rows)} dropped")
    return len(rows)


_AGAIN: Mapping[str, Any] = {
    "state": "pending", "attempts": 0, "due_at": 0.0, "mark": None, "failing_since": None, "settled_at": None,
    "suspect": False,
}  # fmt: skip


def retry(connection: Connection, chosen: Chosen, now: float, *, who: str, exports: dict[str, bool]) -> int:
    """Return rejected deliveries, exports and feedback to pending, with no attempt spent; return how many."""
    books = Books(connection, now)
    rows = _rejected(connection, chosen._replace(unconfigured=False))
    n = _move(books, _delivery, rows, {**_AGAIN, "held": ""})
    settle(books, [row.lead_seq for row in rows], exports)
    for table_of in (_export, _feedback):
        n += _move(books, table_of, _of_sources(connection, table_of, chosen), _AGAIN)
    books.close()
    if n:
        log_action(connection, now, who=who, verb="retry", name=chosen.connector, detail=_describe(chosen))
    return n


def drop(connection: Connection, chosen: Chosen, now: float, *, who: str, exports: dict[str, bool]) -> int:
    """Take rejected deliveries out of their leads' required sets, and drop quarantined rows; return how many."""
    books = Books(connection, now)
    rows = _rejected(connection, chosen)
    dropped = _give_up(books, rows)
    settle(books, [row.lead_seq for row in rows], exports)
    dropped += _drop_exports(books, chosen) + _drop_quarantined(books, chosen, exports)
    values = {"state": "dropped", "settled_at": now}
    dropped += _move(books, _feedback, _of_sources(connection, _feedback, chosen), values)
    books.close()
    if dropped:
        log_action(connection, now, who=who, verb="drop", name=chosen.connector, detail=_describe(chosen))
    return dropped


def _give_up(books: Books, rows: Sequence[Any]) -> int:
    """Drop deliveries; one that the remote has, and that was to be written once more, is delivered as before."""
    values = {"settled_at": books.now, "held": "", "suspect": False}
    there = [row for row in rows if row.remote_id is not None]
    dropped = _move(
        books, _delivery, [row for row in rows if row.remote_id is None], {**values, "state": "dropped"}
    )
    return dropped + _move(
        books, _delivery, there, {**values, "state": "delivered", "code": "", "detail": ""}
    )


def _in_question(rows: Any, chosen: Chosen) -> Any:
    """Return the condition for rejected rows, and for the pending ones that `Chosen` adds."""
    rejected, pending = rows.c.state == quoted("rejected"), rows.c.state == quoted("pending")
    if "held" in rows.c:  # behind a gate it is `release` that decides
        pending = and_(pending, rows.c.held == quoted(""))
    if chosen.code:
        return or_(rejected, pending)
    return or_(rejected, and_(pending, rows.c.suspect, rows.c.code != "")) if chosen.lead_id else rejected


def _rejected(connection: Connection, chosen: Chosen) -> Sequence[Any]:
    query = select(*flood_gate.ROW).where(
        _delivery.c.state.in_([quoted("rejected"), quoted("pending")])
        if chosen.unconfigured
        else _in_question(_delivery, chosen)
    )
    if chosen.connector:
        query = query.where(_delivery.c.connector == chosen.connector)
    if chosen.code:
        query = query.where(_delivery.c.code == chosen.code)
    if chosen.lead_id:
        query = query.where(
            _delivery.c.lead_seq.in_(select(_lead.c.seq).where(_lead.c.lead_id == chosen.lead_id))
        )
    return connection.execute(query).all()


def still_waiting(connection: Connection, chosen: Chosen) -> int:
    """Count the chosen rows that are pending, without those of a connector that has left the configuration."""
    rows = [*_rejected(connection, chosen._replace(unconfigured=False))]
    rows += [*_of_sources(connection, _export, chosen), *_of_sources(connection, _feedback, chosen)]
    return sum(row.state == "pending" for row in rows)


def _of_sources(connection: Connection, rows: Any, chosen: Chosen) -> Sequence[Any]:
    """Find rejected exports or feedback; a command that names a connector is about none of them."""
    if chosen.connector:
        return ()
    query = select(rows).where(_in_question(rows, chosen))
    if chosen.code:
        query = query.where(rows.c.code == chosen.code)
    if chosen.lead_id:
        query = query.where(rows.c.lead_id == chosen.lead_id)
    return connection.execute(query).all()


def _move(books: Books, rows: Any, found: Sequence[Any], values: Mapping[str, object]) -> int:
    """Write values, a state among them, into rows that were found; return how many there are."""
    books.connection.execute(
        update(rows).where(among(rows.c.id, "ids")).values(values), {"ids": array(row.id for row in found)}
    )
    for row in found:
        owner = row.connector if rows is _delivery else row.source
        books.move(rows.name, owner, 1, old=row.state, new=str(values["state"]))
    return len(found)


def _drop_exports(books: Books, chosen: Chosen) -> int:
    """A dropped export leaves its leads delivered and never marked: they settle as unexported."""
    rows = _of_sources(books.connection, _export, chosen)
    _move(books, _export, rows, {"state": "dropped", "settled_at": books.now})
    for row in rows:
        mine = (
            _lead.c.source == row.source,
            _lead.c.lead_id == row.lead_id,
            _lead.c.state == quoted("exporting"),
        )
        query = update(_lead).where(*mine).values(state="unexported", settled_at=books.now)
        moved = books.connection.execute(query).rowcount
        books.move("lead", row.source, moved, old="exporting", new="unexported")
    return len(rows)


def _drop_quarantined(books: Books, chosen: Chosen, exports: dict[str, bool]) -> int:
    """A row that cannot be read settles as dropped, and no longer holds the export of its id."""
    if chosen.connector or chosen.code not in {"", "lead_malformed"}:
        return 0
    query = select(_lead.c.seq, _lead.c.source, _lead.c.lead_id).where(
        is_standing(_lead), _lead.c.state == quoted("quarantined")
    )
    if chosen.lead_id:
        query = query.where(_lead.c.lead_id == chosen.lead_id)
    rows = books.connection.execute(query).all()
    books.connection.execute(
        update(_lead).where(among(_lead.c.seq, "seqs")).values(state="dropped", settled_at=books.now),
        {"seqs": array(row.seq for row in rows)},
    )
    freed: dict[str, set[int]] = {}
    for row in rows:
        books.move("lead", row.source, 1, old="quarantined", new="dropped")
        freed.setdefault(row.source, set()).add(row.lead_id)
    for source, ids in freed.items():
        owe_everywhere(books, source, ids, exports=exports.get(source))
    return len(rows)


def _describe(chosen: Chosen) -> str:
    parts = (f"code {chosen.code}" if chosen.code else "", f"lead {chosen.lead_id}" if chosen.lead_id else "")
    return ", ".join(part for part in parts if part) or "all"
