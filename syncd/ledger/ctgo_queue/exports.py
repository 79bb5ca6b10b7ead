"""The queue of exports. A row exists only when its id is ready."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, exists, select

from syncd.core.lead_state import HOLDS_EXPORT
from syncd.ledger.ctgo_queue.queue import Claim, Queue
from syncd.ledger.leads.settlement import close_exported, reopen_gone
from syncd.ledger.schema import Export, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import Books, among, array, quoted
from syncd.ledger.twins import held

_lead, _export = table(LeadRow), table(Export)
_HELD = exists().where(
    _lead.c.source == _export.c.source,
    _lead.c.lead_id == _export.c.lead_id,
    _lead.c.state.in_([quoted(state) for state in HOLDS_EXPORT]),
)
_LEADS_OF = select(_export.c.lead_id).where(among(_export.c.id, "ids"))


class ExportQueue(Queue):
    """Exports. That no row of the id holds one is asked once more, for I-1 must not hang on one piece of code."""

    def _free(self, connection: Connection, source: str, claims: Sequence[Claim]) -> Sequence[Claim]:
        twins = held(connection, source, [claim.lead_id for claim in claims])
        return [claim for claim in claims if claim.lead_id not in twins]

    def _reopen_gone(self, books: Books, source: str, ids: Collection[int]) -> None:
        reopen_gone(books, source, _leads_of(books, ids), suspect=True)

    def _settle(self, books: Books, source: str, ids: Collection[int]) -> None:
        close_exported(books, source, _leads_of(books, ids))


def _leads_of(books: Books, ids: Collection[int]) -> list[int]:
    return list(books.connection.execute(_LEADS_OF, {"ids": array(ids)}).scalars())


EXPORT_QUEUE = ExportQueue(Export, "export", ~_HELD, columns=("lead_id",))
