"""One queue of rows that CTGO is to be told of, over its table: due rows, their claims, and the verdict on a pass.

Exports and feedback are such queues. A subclass names the table, and adds what only its rows need.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select, update

from syncd.core.delivery import Change, Item
from syncd.core.lane_state import LaneState
from syncd.core.verdict import Verdict
from syncd.ledger.deliveries.due import ITEM_COLUMNS, Recorded, due_rows, item_of, probe_values, waiting
from syncd.ledger.deliveries.verdict import revive, write_changes
from syncd.ledger.lanes import save_lane
from syncd.ledger.schema import Attempted, table
from syncd.ledger.sql import Books, among, array, quoted


class Claim(NamedTuple):
    """A row that is due. `word`: a line of feedback, see `syncd.core.feedback.Judgement`; an export has none."""

    item: Item
    lead_id: int
    segment_id: int = 0
    word: str = ""


class Queue:
    """The queue of every source in one table."""

    def __init__(self, model: type[Attempted], kind: str, *conditions: Any, columns: Sequence[str]) -> None:
        """`kind`: of its lane and tally; `conditions`: a row must meet them to be due; `columns`: of a `Claim`."""
        self.model, self.kind, self._conditions, self._columns = model, kind, conditions, columns
        rows = self._rows = table(model)
        self._due, self._due_to_probe = (self._due_query(probing=probing) for probing in (False, True))
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
            claims = [Claim(item_of(row), *row[len(ITEM_COLUMNS) :]) for row in rows]
            free = self._free(connection, source, claims)
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
        changes = self._changes(connection, verdict.changes, claims, gone=gone, now=now)
        result = Recorded(write_changes(books, self.model, owner, changes))
        if gone:
            moved = connection.execute(self._gone, {"ids": array(gone)}).rowcount
            books.move(*owner, moved, old="delivered", new="gone")
        save_lane(connection, verdict.lane)
        if verdict.revived:
            revive(books, self.model, owner, verdict.revived)
            self._reopen_gone(books, source, verdict.revived)
        delivered = [change.id for change in verdict.changes if change.state == "delivered"]
        if delivered:
            self._settle(books, source, delivered)
        books.close()
        return result

    def _due_query(self, *, probing: bool) -> Any:
        chosen = due_rows(self._rows, *self._conditions, probing=probing)
        own = (chosen.c[name] for name in (*ITEM_COLUMNS, *self._columns))
        return select(*own).order_by(chosen.c.due_at, chosen.c.id).limit(bindparam("most"))

    def _free(self, connection: Connection, source: str, claims: Sequence[Claim]) -> Sequence[Claim]:
        """Return the claims that no other source holds."""
        del connection, source
        return claims

    def _changes(
        self,
        connection: Connection,
        changes: Sequence[Change],
        claims: Sequence[Claim],
        *,
        gone: Collection[int],
        now: float,
    ) -> Sequence[Change]:
        """Return the changes to write, where the rows themselves may have changed meanwhile."""
        del connection, claims, gone, now
        return changes

    def _reopen_gone(self, books: Books, source: str, ids: Collection[int]) -> None:
        """Make *gone* rows of a route that was at fault due again."""
        raise NotImplementedError

    def _settle(self, books: Books, source: str, ids: Collection[int]) -> None:
        """Settle what waited for these rows, which are delivered or gone."""
