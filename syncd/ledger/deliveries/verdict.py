"""Writing a verdict: the rows of deliveries, exports and feedback change alike."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import bindparam, func, null, update

from syncd.core.delivery import Change
from syncd.ledger.schema import Attempted, Delivery, Export, Feedback, table
from syncd.ledger.sql import Books, among, array, quoted


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
        if all(remote_id is None for _, remote_id in rows):
            which, values["rows"] = _WRITE[model], array([one for one, _ in rows])
        else:
            which, values["rows"] = _WRITE_EACH[model], array(rows)
        moved = books.connection.execute(which, values).rowcount
        counts[change.state] = counts.get(change.state, 0) + moved
        books.move(*owner, moved, old="pending", new=change.state)
    return counts


_REMOTE_ID = Change._fields.index("remote_id")


def _write(model: type[Attempted], *, remote_ids: bool) -> Any:
    """Set what a `Change` holds in rows that are still pending. Parameters are named as its members.

    `remote_ids`: whether `rows` are pairs of an id and a remote id, and not ids alone.
    """
    rows = table(model)
    each = func.json_each(bindparam("rows")).table_valued("value")
    columns = {"call_limit": "limit", "settled_at": "at", "waits_from": "waits_from"} | {
        name: name
        for name in (
            "state",
            "attempts",
            "due_at",
            "suspect",
            "mark",
            "failing_since",
            "maybe_sent",
            "code",
            "detail",
        )
    }
    if model is Delivery:
        columns["created"] = "created"
    values: dict[str, Any] = {column: bindparam("new_" + member) for column, member in columns.items()}
    if model is Delivery:
        values["remote_id"] = func.json_extract(each.c.value, "$[1]") if remote_ids else null()
    ours = rows.c.id == func.json_extract(each.c.value, "$[0]") if remote_ids else among(rows.c.id, "rows")
    return update(rows).where(ours, rows.c.state == quoted("pending")).values(values)


_MODELS: tuple[type[Attempted], ...] = (Delivery, Export, Feedback)
_WRITE = {model: _write(model, remote_ids=False) for model in _MODELS}
_WRITE_EACH = {model: _write(model, remote_ids=True) for model in _MODELS}


def revive(books: Books, model: type[Attempted], owner: tuple[str, str], ids: Collection[int]) -> None:
    """Take back rejections that were the lane's fault: they are suspects at the end of the line, no attempt spent."""
    rows = table(model)
    moved = books.connection.execute(
        update(rows)
        .where(among(rows.c.id, "ids"), rows.c.state == quoted("rejected"))
        .values(
            state="pending",
            settled_at=None,
            due_at=books.now,
            suspect=True,
            attempts=func.max(0, rows.c.attempts - 1),
        ),
        {"ids": array(ids)},
    ).rowcount
    books.move(*owner, moved, old="rejected", new="pending")
