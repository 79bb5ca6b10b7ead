"""Rows that are attempted until they settle: deliveries, exports and feedback are due, claimed and judged alike."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, literal, or_, select, union_all, update

from syncd.core.delivery import Change, Item
from syncd.core.lane_state import LaneState
from syncd.ledger.schema import Attempted, Delivery, table
from syncd.ledger.sql import Books, among, array, quoted

ITEM_COLUMNS = ("id", "attempts", "suspect", "mark", "failing_since", "call_limit", "maybe_sent")
DRAWS = 2_147_483_647
"""A prime: multiplied by any number below it, row numbers come in an order of that number's own."""
NEWEST_FIRST = DRAWS - 1
"""The number below it that turns their order around."""


@dataclass(slots=True)
class Recorded:
    """The result of writing a verdict."""

    counts: dict[str, int] = field(default_factory=dict)
    owing: set[str] = field(default_factory=set)
    """Sources that now owe an export."""
    forgotten: list[str | None] = field(default_factory=list)
    """Remote ids of what was delivered while its person was being forgotten."""


def item_of(row: Sequence[Any]) -> Item:
    """The item in the first columns of a row, in the order of `ITEM_COLUMNS`."""
    return Item(*row[: len(ITEM_COLUMNS)])


def waiting(rows: Any) -> tuple[Any, ...]:
    """Pending rows that no gate holds, in the words of the partial index."""
    free = (rows.c.held == quoted(""),) if "held" in rows.c else ()
    return (rows.c.state == quoted("pending"), *free)


def due_rows(rows: Any, *conditions: Any, probing: bool = False) -> Any:
    """Pending rows that are due, `most` of them in due order, and those whose wait begins after it could be over.

    The latter were written before the wall clock went back, and lie further away than a usual back-off. Two ranges of
    the partial index, one after the other: as one condition with OR, SQLite would read and sort all that is pending.
    Parameters: owner, now, cap, most; of a probe also draw and doubts.
    """
    order = [rows.c.due_at, rows.c.id]
    if probing:  # that sorts all that is due, so only a probe pays for it
        # Not who was asked in this doubt, no suspect, nobody who was refused, or who waited longest of those; among equals,
        # anybody: in the order of age, every poisoned lead would be asked before the first healthy one behind them
        drawn = (rows.c.id * bindparam("draw")) % literal(DRAWS)
        refused = rows.c.code != quoted("")
        waited = case((refused, rows.c.due_at), else_=literal(0.0))
        order = [among(rows.c.id, "doubts"), rows.c.suspect, refused, waited, drawn, rows.c.id]
    pending = select(rows).where(_owner_of(rows) == bindparam("owner"), *waiting(rows), *conditions)
    due = pending.where(rows.c.due_at <= bindparam("now")).order_by(*order).limit(bindparam("most"))
    back = or_(rows.c.waits_from.is_(None), 2 * rows.c.waits_from - rows.c.due_at > bindparam("now"))
    stranded = pending.where(rows.c.due_at > bindparam("now") + bindparam("cap"), back)
    return union_all(select(due.subquery()), select(stranded.limit(bindparam("most")).subquery())).subquery()


def _owner_of(rows: Any) -> Any:
    return rows.c.source if "source" in rows.c else rows.c.connector


def probe_values(lane: LaneState, draw: float) -> dict[str, object]:
    """Return the parameters of a probe's choice. `draw`: a number in [0, 1).

    Every other probe asks the newest lead, which came after those that are poisoned, or after the remote was mended.
    """
    order = min(1 + int(2 * draw * (DRAWS - 1)), NEWEST_FIRST)
    return {"draw": order, "doubts": array(lane.doubts)}


def others_due(
    connection: Connection, model: type[Attempted], lane: LaneState, now: float, but: Iterable[int] = ()
) -> bool:
    """True if a delivery is due that the lane in doubt has not tried. `but`: ids that do not count."""
    values = {"owner": lane.name, "now": now, "but": array({*lane.doubts, *but})}
    return connection.execute(_others(model), values).first() is not None


@cache
def _others(model: type[Attempted]) -> Any:
    rows = table(model)
    mine = (_owner_of(rows) == bindparam("owner"), *waiting(rows), rows.c.due_at <= bindparam("now"))
    return select(rows.c.id).where(*mine, ~among(rows.c.id, "but")).limit(1)


def untried_due(connection: Connection, model: type[Attempted], owner: str, now: float) -> bool:
    """True if a row is due that never failed."""
    return connection.execute(_untried(model), {"owner": owner, "now": now}).first() is not None


@cache
def _untried(model: type[Attempted]) -> Any:
    rows = table(model)
    mine = (_owner_of(rows) == bindparam("owner"), *waiting(rows), rows.c.due_at <= bindparam("now"))
    return select(rows.c.id).where(*mine, rows.c.code == quoted(""), ~rows.c.suspect).limit(1)


def next_due(connection: Connection, model: type[Attempted], owner: str) -> float | None:
    """When the next pending row of this connector (or this source's exports) is due; None when none is, or all are held."""
    found: float | None = connection.execute(_next_due(model), {"owner": owner}).scalar()
    return found


@cache
def _next_due(model: type[Attempted]) -> Any:
    rows = table(model)
    return select(func.min(rows.c.due_at)).where(_owner_of(rows) == bindparam("owner"), *waiting(rows))


def write_changes(
    books: Books, model: type[Attempted], owner: tuple[str, str], changes: Sequence[Change]
) -> dict[str, int]:
    """Apply changes to rows that are still pending; how many came into each state.

    Most changes of a call are alike but for the row and the remote id: one statement writes all that are.

    `owner`: the tally's kind and name for these rows.
    """
    alike: dict[tuple[object, ...], tuple[Change, list[tuple[int, str | None]]]] = {}
    before: tuple[object, ...] = ()
    rows: list[tuple[int, str | None]] = []
    for change in changes:
        rest = change[1:_REMOTE_ID] + change[_REMOTE_ID + 1 :]
        if rest != before:
            before, rows = rest, alike.setdefault(rest, (change, []))[1]
        rows.append((change.id, change.remote_id))
    counts: dict[str, int] = {}
    for change, rows in alike.values():
        values = {"new_" + name: value for name, value in change._asdict().items()}
        values["new_at"] = None if change.state == "pending" else books.now
        values["new_waits_from"] = books.now if change.due_at > books.now else None
        each = any(remote_id is not None for _, remote_id in rows)
        values["rows"] = array(rows if each else [one for one, _ in rows])
        moved = books.connection.execute(_write(model, remote_ids=each), values).rowcount
        counts[change.state] = counts.get(change.state, 0) + moved
        books.move(*owner, moved, old="pending", new=change.state)
    return counts


_REMOTE_ID = Change._fields.index("remote_id")
_CHANGED = {"call_limit": "limit", "settled_at": "at", "waits_from": "waits_from"} | {
    name: name
    for name in ("state", "attempts", "due_at", "suspect", "mark", "failing_since", "maybe_sent", "code", "detail")
}  # fmt: skip
"""The member of a `Change` for each column, and two instants."""


@cache
def _write(model: type[Attempted], *, remote_ids: bool) -> Any:
    """Set what a `Change` holds in rows that are still pending. `remote_ids`: `rows` are pairs of an id and a remote id."""
    rows = table(model)
    each = func.json_each(bindparam("rows")).table_valued("value")
    values: dict[str, Any] = {column: bindparam("new_" + member) for column, member in _CHANGED.items()}
    if model is Delivery:
        # What was delivered once, and is on its way again, stays there whatever comes of this call
        values["created"] = or_(bindparam("new_created"), rows.c.created)
        if remote_ids:
            values["remote_id"] = func.coalesce(func.json_extract(each.c.value, "$[1]"), rows.c.remote_id)
    ours = rows.c.id == func.json_extract(each.c.value, "$[0]") if remote_ids else among(rows.c.id, "rows")
    return update(rows).where(ours, rows.c.state == quoted("pending")).values(values)


def revive(books: Books, model: type[Attempted], owner: tuple[str, str], ids: Collection[int]) -> None:
    """Take back rejections that were the lane's fault: they are suspects at the end of the line, no attempt spent."""
    rows = table(model)
    moved = books.connection.execute(
        update(rows)
        .where(among(rows.c.id, "ids"), rows.c.state == quoted("rejected"))
        .values(
            state="pending", settled_at=None, due_at=books.now, suspect=True,
            attempts=func.max(0, rows.c.attempts - 1),
        ),
        {"ids": array(ids)},
    ).rowcount  # fmt: skip
    books.move(*owner, moved, old="rejected", new="pending")
