"""The queue of feedback: the judgements that CTGO is still to be told, each a word of `syncd.core.feedback.Judgement`."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from syncd.core.delivery import Change
from syncd.ledger.ctgo_queue.queue import Claim, Queue
from syncd.ledger.schema import Feedback, table
from syncd.ledger.sql import Books, among, array, execute_many, quoted

_feedback = table(Feedback)
_WORDS = select(_feedback.c.id, _feedback.c.word).where(among(_feedback.c.id, "ids"))
_TOLD = (
    update(_feedback)
    .where(_feedback.c.id == bindparam("row"))
    .values(told=bindparam("said"), told_at=bindparam("at"))
)


class FeedbackQueue(Queue):
    """Feedback. A row may get another word while its last one is sent, and who is forgotten has no row any more."""

    def _changes(
        self,
        connection: Connection,
        changes: Sequence[Change],
        claims: Sequence[Claim],
        *,
        gone: Collection[int],
        now: float,
    ) -> Sequence[Change]:
        sent = {claim.item.id: claim.word for claim in claims}
        current = {row[0]: row[1] for row in connection.execute(_WORDS, {"ids": array(sent)})}
        taken = [it.id for it in changes if it.state == "delivered" and it.id in sent and it.id not in gone]
        execute_many(connection, _TOLD, [{"row": id_, "said": sent[id_], "at": now} for id_ in taken])
        return [_overtaken(it) if _is_other(it, sent, current) else it for it in changes]

    def _reopen_gone(self, books: Books, source: str, ids: Collection[int]) -> None:
        moved = books.connection.execute(
            update(_feedback)
            .where(among(_feedback.c.id, "ids"), _feedback.c.state == quoted("gone"))
            .values(state="pending", settled_at=None, due_at=books.now, suspect=True),
            {"ids": array(ids)},
        ).rowcount
        books.move("feedback", source, moved, old="gone", new="pending")


FEEDBACK_QUEUE = FeedbackQueue(Feedback, "feedback", columns=("lead_id", "segment_id", "word"))


def _is_other(change: Change, sent: Mapping[int, str], current: Mapping[int, str]) -> bool:
    return change.id in sent and current.get(change.id, sent[change.id]) != sent[change.id]


def _overtaken(change: Change) -> Change:
    """Make the row due again: another word came while the last one was sent, whatever became of that."""
    return Change(change.id, "pending", 0, maybe_sent=change.maybe_sent)


def feedback_of(connection: Connection, source: str, lead_id: int, segment_id: int) -> Any:
    """Return the row of a lead in a segment; None if nobody judged that lead."""
    return connection.execute(
        select(_feedback).where(
            _feedback.c.source == source,
            _feedback.c.lead_id == lead_id,
            _feedback.c.segment_id == segment_id,
        )
    ).first()


def pending_feedback(connection: Connection) -> Sequence[Any]:
    """Return every row that is still to be sent, oldest due first."""
    return connection.execute(
        select(_feedback)
        .where(_feedback.c.state == quoted("pending"))
        .order_by(_feedback.c.source, _feedback.c.due_at, _feedback.c.id)
    ).all()
