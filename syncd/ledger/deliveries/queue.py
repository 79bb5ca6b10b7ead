"""The queues of rows that CTGO is to be told of, exports and feedback: due rows, their claims, the verdict on a pass."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, exists, select, update

from syncd.core.delivery import Change, Item
from syncd.core.lane_state import LaneState
from syncd.core.lead_state import HOLDS_EXPORT
from syncd.core.verdict import Verdict
from syncd.ledger.deliveries.attempts import (
    ITEM_COLUMNS,
    Recorded,
    due_rows,
    item_of,
    probe_values,
    revive,
    waiting,
    write_changes,
)
from syncd.ledger.lanes import save_lane
from syncd.ledger.leads.settlement import close_exported, reopen_gone
from syncd.ledger.schema import Attempted, Export, Feedback, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import Books, among, array, execute_many, quoted
from syncd.ledger.twins import held

_lead, _export, _feedback = table(LeadRow), table(Export), table(Feedback)


class Claim(NamedTuple):
    """A row that is due. `word`: a line of feedback, see `syncd.core.feedback.Judgement`; an export has none."""

    item: Item
    lead_id: int
    segment_id: int = 0
    word: str = ""


class Queue:
    """The queue of every source in one table."""

    def __init__(
        self,
        model: type[Attempted],
        kind: str,
        *conditions: Any,
        columns: Sequence[str],
        reopen_gone: Callable[[Books, str, Collection[int]], None],
        free: Callable[[Connection, str, Sequence[Claim]], Sequence[Claim]] | None = None,
        rejudge: Callable[[Books, Sequence[Change], Sequence[Claim], Collection[int]], Sequence[Change]]
        | None = None,
        settle: Callable[[Books, str, Collection[int]], None] | None = None,
    ) -> None:
        """`kind`: of its lane and tally; `conditions`: a row must meet them to be due; `columns`: of a `Claim`.

        `reopen_gone`: makes *gone* rows due again. `free`: the claims that no other source holds. `rejudge`: the changes to
        write where rows may have changed meanwhile. `settle`: settles what waited for delivered rows.
        """  # fmt: skip
        self.model, self.kind = model, kind
        self._reopen_gone, self._free, self._rejudge, self._settle = reopen_gone, free, rejudge, settle
        rows = table(model)
        self._due, self._due_to_probe = (
            _due_query(rows, conditions, columns, probing=probing) for probing in (False, True)
        )
        mine = (rows.c.source == bindparam("owner"), *waiting(rows), *conditions)
        self._next_due = select(rows.c.due_at).where(*mine).order_by(rows.c.due_at, rows.c.id).limit(1)
        ours = among(rows.c.id, "ids")
        self._mark = update(rows).where(ours, ~rows.c.maybe_sent).values(maybe_sent=True)
        self._gone = update(rows).where(ours, rows.c.state == quoted("delivered")).values(state="gone")

    def due(
        self,
        connection: Connection,
        source: str,
        now: float,
        cap: float,
        limit: int,
        *,
        lane: LaneState | None = None,
        draw: float = 0.0,
    ) -> list[Claim]:
        """Return the rows to send next, oldest due first. `cap`: the longest back-off, seconds.

        Where `lane` probes, one row is drawn by `draw`, a number in [0, 1).
        """
        values: dict[str, object] = {"owner": source, "now": now, "cap": cap}
        query, want, most = self._due, limit, limit
        if lane is not None and lane.probing:
            query, want, most = self._due_to_probe, 1, 1
            values |= probe_values(lane, draw)
        while True:
            rows = connection.execute(query, {**values, "most": most}).all()
            claims: Sequence[Claim] = [Claim(item_of(row), *row[len(ITEM_COLUMNS) :]) for row in rows]
            free = self._free(connection, source, claims) if self._free else claims
            if len(free) >= want or len(rows) < most:
                return list(free[:want])
            most *= 4  # those at the head wait for another source

    def next_due(self, connection: Connection, source: str) -> float | None:
        """Return when the next row of a source is due; None when there is none that may go."""
        found: float | None = connection.execute(self._next_due, {"owner": source}).scalar()
        return found

    def mark_sending(self, connection: Connection, ids: Collection[int]) -> None:
        """Note that these rows may have been sent; committed before the first byte, for an answer may be lost."""
        connection.execute(self._mark, {"ids": array(ids)})

    def record(
        self,
        connection: Connection,
        source: str,
        verdict: Verdict,
        *,
        claims: Sequence[Claim] = (),
        gone: Collection[int] = (),
        now: float,
    ) -> Recorded:
        """Write the verdict on a pass.

        `claims`: the rows that were sent. `gone`: ids of rows that CTGO does not know (any more), judged delivered.
        """
        books, owner = Books(connection, now), (self.kind, source)
        changes: Sequence[Change] = verdict.changes
        if self._rejudge:
            changes = self._rejudge(books, changes, claims, gone)
        result = Recorded(write_changes(books, self.model, owner, changes))
        if gone:
            moved = connection.execute(self._gone, {"ids": array(gone)}).rowcount
            books.move(*owner, moved, old="delivered", new="gone")
        save_lane(connection, verdict.lane)
        if verdict.revived:
            revive(books, self.model, owner, verdict.revived)
            self._reopen_gone(books, source, verdict.revived)
        delivered = [change.id for change in verdict.changes if change.state == "delivered"]
        if delivered and self._settle:
            self._settle(books, source, delivered)
        books.close()
        return result


def _due_query(rows: Any, conditions: Sequence[Any], columns: Sequence[str], *, probing: bool) -> Any:
    chosen = due_rows(rows, *conditions, probing=probing)
    own = (chosen.c[name] for name in (*ITEM_COLUMNS, *columns))
    return select(*own).order_by(chosen.c.due_at, chosen.c.id).limit(bindparam("most"))


# Exports: a row exists only when its id is ready. That no row of the id holds one is asked once more, for I-1 must not hang
# on one piece of code

_HELD = exists().where(
    _lead.c.source == _export.c.source,
    _lead.c.lead_id == _export.c.lead_id,
    _lead.c.state.in_([quoted(state) for state in HOLDS_EXPORT]),
)
_LEADS_OF = select(_export.c.lead_id).where(among(_export.c.id, "ids"))


def _held_by_no_twin(connection: Connection, source: str, claims: Sequence[Claim]) -> Sequence[Claim]:
    twins = held(connection, source, [claim.lead_id for claim in claims])
    return [claim for claim in claims if claim.lead_id not in twins]


def _reopen_exports(books: Books, source: str, ids: Collection[int]) -> None:
    reopen_gone(books, source, _leads_of(books, ids), suspect=True)


def _settle_exports(books: Books, source: str, ids: Collection[int]) -> None:
    close_exported(books, source, _leads_of(books, ids))


def _leads_of(books: Books, ids: Collection[int]) -> Sequence[int]:
    return books.connection.execute(_LEADS_OF, {"ids": array(ids)}).scalars().all()


EXPORT_QUEUE = Queue(
    Export, "export", ~_HELD, columns=("lead_id",), reopen_gone=_reopen_exports, free=_held_by_no_twin,
    settle=_settle_exports,
)  # fmt: skip


# Feedback: a row may get another word while its last one is sent, and who is forgotten has no row any more

_WORDS = select(_feedback.c.id, _feedback.c.word).where(among(_feedback.c.id, "ids"))
_ACCEPTED = (
    update(_feedback)
    .where(_feedback.c.id == bindparam("row"))
    .values(told=bindparam("sent"), told_at=bindparam("at"))
)


def _rejudge_feedback(
    books: Books, changes: Sequence[Change], claims: Sequence[Claim], gone: Collection[int]
) -> Sequence[Change]:
    """Note what CTGO accepted; a row that got another word meanwhile is due again, whatever became of its last one."""
    sent = {claim.item.id: claim.word for claim in claims}
    rows: Sequence[Any] = books.connection.execute(_WORDS, {"ids": array(sent)}).all()
    current = {**sent, **dict(rows)}
    taken = [it.id for it in changes if it.state == "delivered" and it.id in sent and it.id not in gone]
    execute_many(
        books.connection, _ACCEPTED, [{"row": id_, "sent": sent[id_], "at": books.now} for id_ in taken]
    )
    return [
        Change(it.id, "pending", 0, maybe_sent=it.maybe_sent) if _is_overtaken(it.id, sent, current) else it
        for it in changes
    ]


def _is_overtaken(id_: int, sent: dict[int, str], current: dict[int, str]) -> bool:
    return current.get(id_) != sent.get(id_)


def _reopen_feedback(books: Books, source: str, ids: Collection[int]) -> None:
    moved = books.connection.execute(
        update(_feedback)
        .where(among(_feedback.c.id, "ids"), _feedback.c.state == quoted("gone"))
        .values(state="pending", settled_at=None, due_at=books.now, suspect=True),
        {"ids": array(ids)},
    ).rowcount
    books.move("feedback", source, moved, old="gone", new="pending")


FEEDBACK_QUEUE = Queue(
    Feedback, "feedback", columns=("lead_id", "segment_id", "word"), reopen_gone=_reopen_feedback,
    rejudge=_rejudge_feedback,
)  # fmt: skip


def feedback_of(connection: Connection, source: str, lead_id: int, segment_id: int) -> Any:
    """Return the row of a lead in a segment; None if nobody judged that lead."""
    mine = {"source": source, "lead_id": lead_id, "segment_id": segment_id}
    return connection.execute(select(_feedback).filter_by(**mine)).first()


def pending_feedback(connection: Connection) -> Sequence[Any]:
    """Return every row that is still to be sent, oldest due first."""
    return connection.execute(
        select(_feedback)
        .where(_feedback.c.state == quoted("pending"))
        .order_by(_feedback.c.source, _feedback.c.due_at, _feedback.c.id)
    ).all()
