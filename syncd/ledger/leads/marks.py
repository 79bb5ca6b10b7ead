"""CTGO's marks as a sweep over its un-exported leads shows them: marks that were lost, and leads that are listed no more."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, bindparam, exists, select, update

from syncd.ledger.leads.settlement import close_exported, owe_exports
from syncd.ledger.schema import Export, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import Books, among, array, quoted

_lead, _export = table(LeadRow), table(Export)
UNKNOWN = "export_route_missing"
"""The code of an export that CTGO answered with 404 while it found no other lead either."""

_EARLIER = exists().where(
    _lead.c.source == bindparam("owner"),
    _lead.c.lead_id == _export.c.lead_id,
    _lead.c.discovered_at < bindparam("since"),
)
_UNANSWERED = select(_export.c.lead_id).where(
    _export.c.source == bindparam("owner"),
    _export.c.state == quoted("pending"),
    _export.c.code == UNKNOWN,
    ~_EARLIER,
)
_OTHER_ROW = exists().where(
    _lead.c.source == bindparam("owner"),
    _lead.c.lead_id == _export.c.lead_id,
    _lead.c.state != quoted("exported"),
)
_EXPORTED = select(_export.c.lead_id).where(
    _export.c.source == bindparam("owner"),
    among(_export.c.lead_id, "ids"),
    _export.c.state == quoted("delivered"),
    ~_OTHER_ROW,
)


def unanswered(connection: Connection, source: str, since: float) -> set[int]:
    """Return the leads whose export CTGO answered with 404, and that a listing from `since` on would show."""
    return set(connection.execute(_UNANSWERED, {"owner": source, "since": since}).scalars())


def exported(connection: Connection, source: str, ids: Collection[int]) -> set[int]:
    """Return those of these leads that CTGO accepted as exported, and of which no row waits for anything."""
    return set(connection.execute(_EXPORTED, {"owner": source, "ids": array(ids)}).scalars())


def settle_unlisted(connection: Connection, source: str, ids: Collection[int], now: float) -> int:
    """Settle exports that CTGO answered with 404 as *gone*, for it lists these leads no more; return how many."""
    books = Books(connection, now)
    values = {"owner": source, "ids": array(ids), "now": now}
    moved = connection.execute(_GIVE_UP, values).rowcount
    books.move("export", source, moved, old="pending", new="gone")
    close_exported(books, source, ids)
    books.close()
    return moved


_MY_IDS = (_export.c.source == bindparam("owner"), among(_export.c.lead_id, "ids"))
_GIVE_UP = (
    update(_export)
    .where(*_MY_IDS, _export.c.state == quoted("pending"), _export.c.code == UNKNOWN)
    .values(state=quoted("gone"), settled_at=bindparam("now"), suspect=False)
)


def export_again(connection: Connection, source: str, ids: Collection[int], now: float) -> int:
    """Make the exports of these leads due again, for CTGO lost their marks; return how many."""
    books = Books(connection, now)
    found = list(connection.execute(_AGAIN, {"owner": source, "ids": array(ids)}).scalars())
    books.move("export", source, len(found), old="delivered", new="pending")
    moved = connection.execute(_REOPEN_EXPORTED, {"owner": source, "ids": array(found)}).rowcount
    books.move("lead", source, moved, old="exported", new="exporting")
    books.close()
    return len(found)


def export_late(connection: Connection, source: str, ids: Collection[int], now: float) -> int:
    """Make the exports of leads due that were delivered while their source did not export; return how many."""
    books = Books(connection, now)
    moved = connection.execute(_REOPEN_UNEXPORTED, {"owner": source, "ids": array(ids)}).rowcount
    books.move("lead", source, moved, old="unexported", new="exporting")
    made = owe_exports(books, source, ids)  # those that a person dropped settle again
    books.close()
    return made


_FRESH: dict[str, Any] = {"state": "pending", "attempts": 0, "due_at": 0.0, "suspect": False, "code": ""}
_AGAIN = (
    update(_export)
    .where(*_MY_IDS, _export.c.state == quoted("delivered"))
    .values(**_FRESH, detail="", settled_at=None, maybe_sent=True)
    .returning(_export.c.lead_id)
)


def _reopen(state: str) -> Any:
    """Make the statement that brings leads of a state back to `exporting`."""
    mine = (
        _lead.c.source == bindparam("owner"),
        among(_lead.c.lead_id, "ids"),
        _lead.c.state == quoted(state),
    )
    return update(_lead).where(*mine).values(state=quoted("exporting"), settled_at=None)


_REOPEN_EXPORTED, _REOPEN_UNEXPORTED = _reopen("exported"), _reopen("unexported")
