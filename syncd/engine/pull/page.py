"""A page into the ledger: whom its leads are for, and the rows that they become."""

from collections.abc import Sequence

from syncd.core.lead import Lead
from syncd.engine.fanout import admit
from syncd.engine.pull.passes import Batch
from syncd.engine.source import SourceContext
from syncd.ledger import Ledger, Transaction
from syncd.ledger.leads import ingest
from syncd.ledger.leads.ingest import Admission, Ingested
from syncd.ledger.privacy.tombstones import without_forgotten


def take_page(
    connection: Transaction,
    ledger: Ledger,
    context: SourceContext,
    batch: Batch,
    now: float,
    *,
    refill: bool,
    room: int | None,
) -> Ingested:
    """Ingest a page, part of the caller's transaction.

    Args:
        connection: the transaction.
        ledger: whose it is.
        context: the source's.
        batch: the page.
        now: wall time.
        refill: whether known leads get their payload back.
        room: how many new leads are wanted at the most; None: all.

    Raises:
        ExportUnderWay: roll back, and come again soon.
    """
    leads, malformed = without_forgotten(connection, batch.leads, batch.malformed)
    if room is not None:
        leads = _within(connection, context.name, leads, room)
    admissions = _admissions(connection, context, leads)
    return ingest.ingest(connection, ledger.in_flight, admissions, malformed, now, refill=refill)


def _within(
    connection: Transaction, source: str, leads: Sequence[tuple[Lead, str]], room: int
) -> Sequence[tuple[Lead, str]]:
    known = ingest.known_keys(connection, source, [lead.id for lead, _ in leads])
    return [(lead, text) for lead, text in leads if lead.key not in known][: max(0, room)]


def _admissions(
    connection: Transaction, context: SourceContext, leads: Sequence[tuple[Lead, str]]
) -> list[Admission]:
    marked = [lead for lead, _ in leads if lead.exported_at is not None]
    if context.takers.unconditional and not marked:  # nothing to decide
        state, deliveries = context.takers.usual_state, context.takers.usual
        return [Admission(lead, payload, state, deliveries) for lead, payload in leads]
    ours = ingest.exported_here(connection, context.name, marked)
    return [
        admit(
            lead,
            payload,
            context.takers,
            take_exported=context.start == "all",
            exported_here=lead.id in ours,
        )
        for lead, payload in leads
    ]
