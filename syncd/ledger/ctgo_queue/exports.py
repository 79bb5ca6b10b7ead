"""What a source's export lane reads and writes."""

from collections.abc import Collection
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, exists, select, update

from syncd.core.delivery import Item
from syncd.core.lane_state import LaneState
from syncd.core.lead_state import HOLDS_EXPORT
from syncd.core.verdict import Verdict
from syncd.ledger.deliveries.due import ITEM_COLUMNS, Recorded, due_rows, item_of, probe_values, waiting
from syncd.ledger.deliveries.verdict import revive, write_changes
from syncd.ledger.lanes import save_lane
from syncd.ledger.leads.settlement import close_exported, reopen_gone
from syncd.ledger.same_account import held
from syncd.ledger.schema import Export, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import Books, Prepared, Rows, among, array, quoted

_lead, _export = table(LeadRow), table(Export)


_HELD = exists().where(
    _lead.c.source == _export.c.source,
    _lead.c.lead_id == _export.c.lead_id,
    _lead.c.state.in_([quoted(state) for state in HOLDS_EXPORT]),
)


def _due_query(*, probing: bool) -> Any:
    chosen = due_rows(_export, ~_HELD, probing=probing)
    return (
        select(*(chosen.c[name] for name in ITEM_COLUMNS), chosen.c.lead_id)
        .order_by(chosen.c.due_at, chosen.c.id)
        .limit(bindparam("most"))
    )


_DUE, _DUE_TO_PROBE = (Rows(partial(_due_query, probing=probing)) for probing in (False, True))
_LEADS_OF = Rows(lambda: select(_export.c.lead_id).where(among(_export.c.id, "ids")))


def exports_due(
    connection: Connection,
    source: str,
    now: float,
    cap: float,
    limit: int,
    *,
    lane: LaneState | None = None,
    draw: float = 0.0,
) -> list[tuple[Item, int]]:
    """The exports to send next, with the lead ids; a single one where `lane` probes, drawn by `draw` in [0, 1).

    An export row exists only when its id is ready. That no row of the id holds it is asked once more, for I-1 must
    not hang on one piece of code.
    """
    values: dict[str, object] = {"owner": source, "now": now, "cap": cap}
    query, want, most = _DUE, limit, limit
    if lane is not None and lane.probing:
        query, want, most = _DUE_TO_PROBE, 1, 1
        values |= probe_values(lane, draw)
    while True:
        rows = query(connection, {**values, "most": most})
        twins = held(connection, source, [row[-1] for row in rows])
        free = [(item_of(row), row[-1]) for row in rows if row[-1] not in twins]
        if len(free) >= want or len(rows) < most:
            return free[:want]
        most *= 4  # those at the head wait for another source


def mark_sending(connection: Connection, ids: Collection[int]) -> None:
    """These exports are about to be sent: should no answer be written down, the marks may be ours all the same."""
    _SENDING(connection, {"ids": array(list(ids))})


_SENDING = Prepared(
    lambda: update(_export).where(among(_export.c.id, "ids"), ~_export.c.maybe_sent).values(maybe_sent=True)
)


def next_export_due(connection: Connection, source: str) -> float | None:
    """When the next export of a source is due that no row of its id holds; None when there is none."""
    found = _NEXT_DUE(connection, {"owner": source})
    return found[0][0] if found else None


_NEXT_DUE = Rows(
    lambda: (
        select(_export.c.due_at)
        .where(_export.c.source == bindparam("owner"), *waiting(_export), ~_HELD)
        .order_by(_export.c.due_at, _export.c.id)
        .limit(1)
    )
)


def record_exports(
    connection: Connection, source: str, verdict: Verdict, gone: Collection[int], now: float
) -> Recorded:
    """Write what became of exports. `gone`: export ids that CTGO no longer knows; they were judged delivered."""
    books = Books(connection, now)
    result = Recorded(write_changes(books, Export, ("export", source), verdict.changes))
    if gone:
        _mark_gone(books, source, gone)
    save_lane(connection, verdict.lane)
    if verdict.revived:
        revive(books, Export, ("export", source), verdict.revived)
        of = [row[0] for row in _LEADS_OF(connection, {"ids": array(verdict.revived)})]
        reopen_gone(books, source, of, suspect=True)
    done = [change.id for change in verdict.changes if change.state == "delivered"]
    if done:
        close_exported(books, source, [row[0] for row in _LEADS_OF(connection, {"ids": array(done)})])
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
