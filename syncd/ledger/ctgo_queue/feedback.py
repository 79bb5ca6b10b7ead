"""What a source's feedback lane reads and writes: the words that CTGO is still to be told."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select, true, update

from syncd.core.delivery import Change, Item
from syncd.core.lane_state import LaneState
from syncd.core.verdict import Verdict
from syncd.ledger.deliveries.due import ITEM_COLUMNS, Recorded, due_rows, item_of, probe_values
from syncd.ledger.deliveries.verdict import revive, write_changes
from syncd.ledger.lanes import save_lane
from syncd.ledger.schema import Feedback, table
from syncd.ledger.sql import Books, Bulk, Rows, among, array, quoted

_feedback = table(Feedback)


class Telling(NamedTuple):
    """A word that is due. `word`: a line, see `syncd.core.feedback.Judgement`."""

    item: Item
    lead_id: int
    segment_id: int
    word: str


def _due_query(*, probing: bool) -> Any:
    chosen = due_rows(_feedback, probing=probing)
    own = (chosen.c[name] for name in (*ITEM_COLUMNS, "lead_id", "segment_id", "word"))
    return select(*own).order_by(chosen.c.due_at, chosen.c.id).limit(bindparam("most"))


_DUE, _DUE_TO_PROBE = (Rows(partial(_due_query, probing=probing)) for probing in (False, True))
_NOTE = update(_feedback).where(among(_feedback.c.id, "ids")).values(maybe_sent=true())
_WORDS = select(_feedback.c.id, _feedback.c.word).where(among(_feedback.c.id, "ids"))
_TOLD = Bulk(
    update(_feedback)
    .where(_feedback.c.id == bindparam("row"))
    .values(told=bindparam("said"), told_at=bindparam("at")),
    ("row", "said", "at"),
)


def feedback_due(
    connection: Connection,
    source: str,
    now: float,
    cap: float,
    limit: int,
    *,
    lane: LaneState | None = None,
    draw: float = 0.0,
) -> list[Telling]:
    """The words to tell next, oldest due first. `cap`: the longest back-off, seconds.

    A single one where `lane` probes, drawn by `draw` in [0, 1).
    """
    values = {"owner": source, "now": now, "cap": cap, "most": limit}
    if lane is None or not lane.probing:
        rows = _DUE(connection, values)
    else:
        rows = _DUE_TO_PROBE(connection, {**values, "most": 1, **probe_values(lane, draw)})
    return [Telling(item_of(row), *row[-3:]) for row in rows]


def note_sending(connection: Connection, ids: Collection[int]) -> None:
    """These are about to be told: committed before the first byte, or a lost answer would look like none."""
    connection.execute(_NOTE, {"ids": array(ids)})


def record_feedback(
    connection: Connection,
    source: str,
    verdict: Verdict,
    *,
    sent: Mapping[int, str],
    gone: Collection[int],
    now: float,
) -> Recorded:
    """Write what became of words that were told.

    `sent`: by row, the word that was. Who has another by now is told that next; who was forgotten meanwhile has no row.
    `gone`: rows of leads or segments that CTGO does not know (any more); they were judged delivered.
    """
    books = Books(connection, now)
    current = {row[0]: row[1] for row in connection.execute(_WORDS, {"ids": array(sent)})}
    heard = [
        change for change in verdict.changes if change.state == "delivered" and change.id not in set(gone)
    ]
    told = [{"row": it.id, "said": sent[it.id], "at": now} for it in heard if it.id in sent]
    _TOLD(connection, told)
    changes = [_overtaken(it) if _is_other(it, sent, current) else it for it in verdict.changes]
    result = Recorded(write_changes(books, Feedback, ("feedback", source), changes))
    if gone:
        _mark_gone(books, source, gone)
    save_lane(connection, verdict.lane)
    if verdict.revived:
        revive(books, Feedback, ("feedback", source), verdict.revived)
        _reopen_gone(books, source, verdict.revived)
    books.close()
    return result


def _is_other(change: Change, sent: Mapping[int, str], current: Mapping[int, str]) -> bool:
    return change.id in sent and current.get(change.id, sent[change.id]) != sent[change.id]


def _overtaken(change: Change) -> Change:
    """Another word came while this one was told: whatever became of it, that one is due."""
    return Change(change.id, "pending", 0, maybe_sent=change.maybe_sent)


def _mark_gone(books: Books, source: str, ids: Collection[int]) -> None:
    moved = books.connection.execute(
        update(_feedback)
        .where(among(_feedback.c.id, "ids"), _feedback.c.state == quoted("delivered"))
        .values(state="gone"),
        {"ids": array(ids)},
    ).rowcount
    books.move("feedback", source, moved, old="delivered", new="gone")


def _reopen_gone(books: Books, source: str, ids: Collection[int]) -> None:
    """The route was at fault: suspects at the end of the line."""
    moved = books.connection.execute(
        update(_feedback)
        .where(among(_feedback.c.id, "ids"), _feedback.c.state == quoted("gone"))
        .values(state="pending", settled_at=None, due_at=books.now, suspect=True),
        {"ids": array(ids)},
    ).rowcount
    books.move("feedback", source, moved, old="gone", new="pending")


def feedback_of(connection: Connection, source: str, lead_id: int, segment_id: int) -> Any:
    """What is to be told, or was, of a lead in a segment; None if nothing was said."""
    return connection.execute(
        select(_feedback).where(
            _feedback.c.source == source,
            _feedback.c.lead_id == lead_id,
            _feedback.c.segment_id == segment_id,
        )
    ).first()


def pending_feedback(connection: Connection) -> Sequence[Any]:
    """Every word that is still to be told, oldest due first."""
    return connection.execute(
        select(_feedback)
        .where(_feedback.c.state == quoted("pending"))
        .order_by(_feedback.c.source, _feedback.c.due_at, _feedback.c.id)
    ).all()
