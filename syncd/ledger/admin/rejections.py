"""Acts of a person on what was rejected: send it again, take that back, or drop it for good.

A retry of many rows takes several transactions, each with its own entry in the operator's log: what a crash leaves is whole.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, false, func, or_, select, update

from syncd.ledger.deliveries import flood_gate
from syncd.ledger.history import MOST_TOUCHED, log_action
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
    kind: str = ""
    """`delivery`, `export`, `feedback` or `lead`: of this kind only."""
    source: str = ""
    """Choose exports, feedback and unreadable rows of this source only."""
    rejected_only: bool = False
    """Choose no pending ones."""


_AGAIN: Mapping[str, Any] = {
    "state": "pending", "attempts": 0, "due_at": 0.0, "mark": None, "failing_since": None, "settled_at": None,
    "suspect": False,
}  # fmt: skip


class Part(NamedTuple):
    """The rows of a retry that one transaction moved.

    `number`: its entry in the operator's log, None without rows. `after`: the last ids of deliveries, exports and feedback,
    for the next part; None when this was the last.
    """

    rows: int
    number: int | None
    after: tuple[int, int, int] | None


START = (0, 0, 0)


def retry(connection: Connection, chosen: Chosen, now: float, *, who: str, exports: dict[str, bool]) -> int:
    """Return rejected deliveries, exports and feedback to pending, with no attempt spent; return how many."""
    part = retry_part(connection, chosen, now, who=who, exports=exports)
    n = part.rows
    while part.after is not None:
        part = retry_part(connection, chosen, now, who=who, exports=exports, after=part.after)
        n += part.rows
    return n


def retry_part(
    connection: Connection,
    chosen: Chosen,
    now: float,
    *,
    who: str,
    exports: dict[str, bool],
    via: str = "cli",
    after: tuple[int, int, int] = START,
    most: int = MOST_TOUCHED,
) -> Part:
    """Retry the chosen rows behind `after`, at most so many.

    `waits_from` marks the deliveries: as long as it is the time of the act, nothing was tried since.
    """
    books, last = Books(connection, now), list(after)
    mine = chosen._replace(unconfigured=False)
    rows = _page(connection, _rejected(mine), _delivery, last[0], most)
    move_rows(books, _delivery, rows, {**_AGAIN, "held": "", "waits_from": now})
    settle(books, [row.lead_seq for row in rows], exports)
    found = [rows]
    for place, table_of in enumerate((_export, _feedback), 1):
        left = most - sum(map(len, found))
        found.append(_page(connection, _of_sources(table_of, chosen), table_of, last[place], left))
        move_rows(books, table_of, found[-1], _AGAIN)
    books.close()
    for place, its in enumerate(found):
        last[place] = its[-1].id if its else last[place]
    n, number = sum(map(len, found)), None
    if n:
        touched = [row.id for row in rows if row.state == "rejected"]
        number = log_action(
            connection, now, who=who, verb="retry", name=chosen.connector, detail=_describe(chosen), via=via,
            touched=touched,
        )  # fmt: skip
    return Part(n, number, (last[0], last[1], last[2]) if n == most else None)


def _page(connection: Connection, query: Any, rows: Any, after: int, most: int) -> Sequence[Any]:
    return connection.execute(query.where(rows.c.id > after).order_by(rows.c.id).limit(most)).all()


def take_back(
    connection: Connection, entry: Any, now: float, *, who: str, exports: dict[str, bool], via: str = "cli"
) -> int:
    """Reject again what an entry of a retry sent again and nobody tried since, for the reason as before; return how many.

    One that is in a call now may come back as delivered: `record` believes that.
    """
    books = Books(connection, now)
    rows = connection.execute(select(*flood_gate.ROW).where(*retried_by(entry)), ids_of(entry)).all()
    move_rows(books, _delivery, rows, {"state": "rejected", "settled_at": now, "waits_from": None})
    settle(books, [row.lead_seq for row in rows], exports)
    books.close()
    if rows:
        detail = f"{len(rows)} taken back"
        log_action(connection, now, who=who, verb="take back", name=entry.name, detail=detail, via=via)
    return len(rows)


def retried_by(entry: Any) -> tuple[Any, ...]:
    """Return the conditions for deliveries that an entry of a retry sent again and nobody tried since."""
    untouched = flood_gate.untouched_since(_delivery, entry.at)
    return among(_delivery.c.id, "ids"), _delivery.c.state == quoted("pending"), untouched


def count_retried(connection: Connection, entry: Any) -> int:
    """Count what `take_back` would reject again."""
    query = select(func.count()).select_from(_delivery).where(*retried_by(entry))
    return int(connection.execute(query, ids_of(entry)).scalar_one())


def ids_of(entry: Any) -> Mapping[str, str]:
    """Return the parameters of `retried_by`."""
    return {"ids": entry.touched or "[]"}


def drop(
    connection: Connection,
    chosen: Chosen,
    now: float,
    *,
    who: str,
    exports: dict[str, bool],
    via: str = "cli",
) -> int:
    """Take rejected deliveries out of their leads' required sets, and drop quarantined rows; return how many."""
    books = Books(connection, now)
    rows = connection.execute(_rejected(chosen)).all()
    dropped = give_up(books, rows)
    settle(books, [row.lead_seq for row in rows], exports)
    dropped += _drop_exports(books, chosen) + _drop_quarantined(books, chosen, exports)
    values = {"state": "dropped", "settled_at": now}
    dropped += move_rows(books, _feedback, connection.execute(_of_sources(_feedback, chosen)).all(), values)
    books.close()
    if dropped:
        detail = _describe(chosen)
        log_action(connection, now, who=who, verb="drop", name=chosen.connector, detail=detail, via=via)
    return dropped


def give_up(books: Books, rows: Sequence[Any]) -> int:
    """Drop deliveries; one that the remote has, and that was to be written once more, is delivered as before."""
    values = {"settled_at": books.now, "held": "", "suspect": False}
    there = [row for row in rows if row.remote_id is not None]
    dropped = move_rows(
        books, _delivery, [row for row in rows if row.remote_id is None], {**values, "state": "dropped"}
    )
    return dropped + move_rows(
        books, _delivery, there, {**values, "state": "delivered", "code": "", "detail": ""}
    )


def _in_question(rows: Any, chosen: Chosen) -> Any:
    """Return the condition for rejected rows, and for the pending ones that `Chosen` adds."""
    rejected, pending = rows.c.state == quoted("rejected"), rows.c.state == quoted("pending")
    if "held" in rows.c:  # behind a gate it is `release` that decides
        pending = and_(pending, rows.c.held == quoted(""))
    if chosen.rejected_only:
        return rejected
    if chosen.code:
        return or_(rejected, pending)
    return or_(rejected, and_(pending, rows.c.suspect, rows.c.code != "")) if chosen.lead_id else rejected


def _rejected(chosen: Chosen) -> Any:
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
    return query if chosen.kind in {"", "delivery"} else query.where(false())


def still_waiting(connection: Connection, chosen: Chosen) -> int:
    """Count the chosen rows that are pending, without those of a connector that has left the configuration."""
    queries = (
        _rejected(chosen._replace(unconfigured=False)),
        _of_sources(_export, chosen),
        _of_sources(_feedback, chosen),
    )
    return sum(row.state == "pending" for query in queries for row in connection.execute(query))


def _of_sources(rows: Any, chosen: Chosen) -> Any:
    """Choose rejected exports or feedback; a command that names a connector is about none of them."""
    query = select(rows).where(_in_question(rows, chosen))
    if chosen.connector or chosen.kind not in {"", rows.name}:
        return query.where(false())
    if chosen.source:
        query = query.where(rows.c.source == chosen.source)
    if chosen.code:
        query = query.where(rows.c.code == chosen.code)
    return query.where(rows.c.lead_id == chosen.lead_id) if chosen.lead_id else query


def move_rows(books: Books, rows: Any, found: Sequence[Any], values: Mapping[str, object]) -> int:
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
    rows = books.connection.execute(_of_sources(_export, chosen)).all()
    move_rows(books, _export, rows, {"state": "dropped", "settled_at": books.now})
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
    if chosen.connector or chosen.code not in {"", "lead_malformed"} or chosen.kind not in {"", "lead"}:
        return 0
    query = select(_lead.c.seq, _lead.c.source, _lead.c.lead_id).where(
        is_standing(_lead), _lead.c.state == quoted("quarantined")
    )
    if chosen.source:
        query = query.where(_lead.c.source == chosen.source)
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
