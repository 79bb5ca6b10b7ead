"""Exports that are put off: of a source that no longer exports, or has left the configuration.

There is no lane that would make them, and what never settles would count as work left for ever and keep its payload. So their
leads settle as *unexported*, and the exports are *shelved*: they are what is owed again, and taken up, should the source
come back or `export` be true again. What was delivered by then, while `export` was false, is not: it was not to be told.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, literal, or_, select, update

from syncd.ledger.overview import counts
from syncd.ledger.schema import Export, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import Books, among, array, is_standing, quoted, upsert

_lead, _export = table(LeadRow), table(Export)
SHELVED = "shelved"


class Moved(NamedTuple):
    """By source, how many exports were put off, and how many taken up again."""

    put_off: Mapping[str, int]
    taken_up: Mapping[str, int]


def start(connection: Connection, exporting: Mapping[str, bool], now: float) -> Moved:
    """A start, or a reload. `exporting`: whether each configured source exports."""
    books, tally = Books(connection, now), counts(connection)
    exports, leads = tally["export"], tally["lead"]
    open_ = {name for name, states in exports.items() if states.keys() & {"pending", "rejected"}}
    open_ |= {name for name, states in leads.items() if "exporting" in states}
    put_off = {name: _put_off(books, name) for name in sorted(open_) if not exporting.get(name)}
    waiting = [name for name, on in exporting.items() if on and SHELVED in exports.get(name, ())]
    taken_up = {name: _take_up(books, name) for name in waiting}
    books.close()
    return Moved(put_off, taken_up)


def shelve(books: Books, source: str, ids: Collection[int]) -> int:
    """Leads of a source that is not configured have settled: their exports are owed when it comes back. How many."""
    which = {"owner": source, "ids": array(ids), "now": books.now}
    made = int(books.connection.execute(_SHELVE, which).rowcount)
    books.move("export", source, made, new=SHELVED)
    return made


_UNEXPORTED = select(_lead.c.source, _lead.c.lead_id, literal(SHELVED), bindparam("now")).where(
    _lead.c.source == bindparam("owner"),
    among(_lead.c.lead_id, "ids"),
    _lead.c.state == quoted("unexported"),
)
_SHELVE = (
    upsert(_export)
    .from_select(["source", "lead_id", "state", "settled_at"], _UNEXPORTED.distinct())
    .on_conflict_do_nothing()
)


def _put_off(books: Books, source: str) -> int:
    mine = (is_standing(_lead), _lead.c.state == quoted("exporting"), _lead.c.source == source)
    ids = books.connection.execute(select(_lead.c.lead_id).where(*mine).distinct()).scalars().all()
    moved = books.connection.execute(
        update(_lead).where(*mine).values(state="unexported", settled_at=books.now)
    )
    books.move("lead", source, moved.rowcount, old="exporting", new="unexported")
    n = 0
    for state in ("pending", "rejected"):
        n += _change(
            books,
            source,
            (state, SHELVED),
            settled_at=books.now,
            # One that was tried may have been heard, and then the mark on a later row is ours
            maybe_sent=or_(_export.c.maybe_sent, _export.c.attempts > 0, _export.c.code != ""),
        )
    return n + shelve(books, source, ids)  # those that another row of their id held


def _take_up(books: Books, source: str) -> int:
    again: dict[str, Any] = {
        "attempts": 0,
        "due_at": 0.0,
        "suspect": False,
        "mark": None,
        "failing_since": None,
    }
    n = _change(books, source, (SHELVED, "pending"), **again, settled_at=None, code="", detail="")
    owed = select(_export.c.lead_id).where(_export.c.source == source, _export.c.state == quoted("pending"))
    moved = books.connection.execute(
        update(_lead)
        .where(_lead.c.source == source, _lead.c.lead_id.in_(owed), _lead.c.state == quoted("unexported"))
        .values(state="exporting", settled_at=None)
    )
    books.move("lead", source, moved.rowcount, old="unexported", new="exporting")
    return n


def _change(books: Books, source: str, states: tuple[str, str], **values: Any) -> int:
    old, new = states
    which = update(_export).where(_export.c.source == source, _export.c.state == quoted(old))
    n = int(books.connection.execute(which.values(state=new, **values)).rowcount)
    books.move("export", source, n, old=old, new=new)
    return n
