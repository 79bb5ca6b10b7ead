"""What a source's export lane reads and writes."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, exists, select, update

from syncd.delivery import Item, Verdict
from syncd.ledger.delivering import ITEM_COLUMNS, Recorded, due_now, item_of, write_changes
from syncd.ledger.lanes import save_lane
from syncd.ledger.settles import close_exported
from syncd.ledger.statements import Books, among, array, quoted
from syncd.ledger.tables import Export, table
from syncd.ledger.tables import Lead as LeadRow
from syncd.settling import HOLDS_EXPORT

_lead, _export = table(LeadRow), table(Export)


def exports_due(
    connection: Connection, source: str, now: float, cap: float, limit: int
) -> list[tuple[Item, int]]:
    """The exports to send next, with the lead ids.

    An export row exists only when its id is ready. That no row of the id holds it is asked once more, for I-1 must
    not hang on one piece of code.
    """
    held = exists().where(
        _lead.c.source == source, _lead.c.lead_id == _export.c.lead_id, _lead.c.state.in_(HOLDS_EXPORT)
    )
    rows = connection.execute(
        select(*(_export.c[name] for name in ITEM_COLUMNS), _export.c.lead_id)
        .where(_export.c.source == source, due_now(_export, now, cap), ~held)
        .order_by(_export.c.due_at, _export.c.id)
        .limit(limit)
    )
    return [(item_of(row), row[-1]) for row in rows]


def record_exports(
    connection: Connection, source: str, verdict: Verdict, gone: Collection[int], now: float
) -> Recorded:
    """Write what became of exports. `gone`: export ids that CTGO no longer knows; they were judged delivered."""
    books = Books(connection, now)
    result = Recorded(write_changes(books, Export, ("export", source), verdict.changes))
    if gone:
        _mark_gone(books, source, gone)
    save_lane(connection, verdict.lane)
    done = [change.id for change in verdict.changes if change.state == "delivered"]
    if done:
        rows: Any = connection.execute(
            select(_export.c.lead_id).where(among(_export.c.id, "ids")), {"ids": array(done)}
        )
        close_exported(books, source, [row[0] for row in rows])
    books.close()
    return result


def _mark_gone(books: Books, source: str, ids: Collection[int]) -> None:
    moved = books.connection.execute(
        update(_export)
        .where(among(_export.c.id, "ids"), _export.c.state == quoted("delivered"))
        .values(state="gone"),
        {"ids": array(ids)},
    ).rowcount
    books.move("export", source, moved, old="delivered", new="gone")
