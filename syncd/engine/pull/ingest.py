"""A page into the ledger: the connectors that its leads are for, the rows that they become, and the end of a pass."""

from collections.abc import Sequence

from syncd.connector import Logger
from syncd.core.lead import Lead
from syncd.core.reconciliation import Books, after_check, after_restless, after_sweep
from syncd.engine.fanout import admit
from syncd.engine.pull.pass_plan import watermark_after
from syncd.engine.pull.pass_queue import CHECK, Batch, Pass
from syncd.engine.source import SourceContext
from syncd.ledger import Ledger, Transaction, sources
from syncd.ledger.leads import ingest
from syncd.ledger.leads.ingest import Admission, Ingested
from syncd.ledger.tombstones import without_forgotten


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


def finish_pass(connection: Transaction, context: SourceContext, current: Pass, now: float) -> None:
    """Write where a pass that is over leaves the source, in the transaction of its last page."""
    plan = current.plan
    believed = current.calm or not plan.whole
    if plan.moves_watermark and believed:
        to = watermark_after(current.newest, current.server_date, now, plan.since)
        sources.move_watermark(connection, context.name, to, now)
    elif plan.moves_watermark:
        sources.update_source(connection, context.name, pulled_at=now)
    if plan.lifecycle == "new" and plan.limit is None and plan.kind != CHECK and believed:
        sources.update_source(connection, context.name, reconciled_at=now)


def keep_books(connection: Transaction, source: str, current: Pass, now: float, log: Logger) -> Books:
    """Write down what a comparison, a sweep or a first pass found; log what is new of it."""
    before = sources.load_books(connection, source)
    plan, held = current.plan, sources.unexported(connection, source)
    if plan.kind == CHECK:
        books = after_check(before, current.total, held, now)
    elif not current.calm:
        books = after_restless(before, now)
    elif plan.lifecycle == "new":
        books = after_sweep(before, current.total, current.unmet, held, now)
    else:
        books = before._replace(restless=0)
    if books != before:
        sources.save_books(connection, source, books)
    _log_books(source, before, books, log)
    return books


def _log_books(source: str, before: Books, books: Books, log: Logger) -> None:
    if books.missing and (books.missing, books.swept) != (before.missing, before.swept):
        log.warning("leads_missing", source=source, n=books.missing, swept=books.swept)
    if books.restless > before.restless:
        log.warning("listing_restless", source=source, sweeps=books.restless)
    if books.unmet != before.unmet and books.unmet:
        log.info("leads_counted_and_not_listed", source=source, n=books.unmet)
