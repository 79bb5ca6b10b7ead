"""Everything that the ledger knows about one lead, and lists of leads."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.ledger import Ledger, Transaction, overview
from syncd.ledger.admin import forgotten
from syncd.ledger.deliveries.queue import feedback_of
from syncd.ledger.leads import listing
from syncd.ledger.leads.listing import LeadFilter, ListedLead
from syncd.ledger.sources import load_names
from syncd.log import opened

FindUrl = Callable[[str, str], str | None]
"""Finds the address of a record for a browser, by the connector's name and the record's id."""

PAGE = 500
"""Leads that one statement reads."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A row that is tried until it settles: a delivery, an export, feedback."""

    state: str
    attempts: int
    maybe_sent: bool
    code: str
    detail: str
    due_at: float
    settled_at: float | None


@dataclass(frozen=True, slots=True)
class KnownDelivery(Attempt):
    """One delivery of a lead. `held`: its gate holds it. `url`: of its record for a browser, None if it is not known."""

    id: int
    connector: str
    required: bool
    remote_id: str | None
    created: bool
    held: bool
    url: str | None


@dataclass(frozen=True, slots=True)
class KnownFeedback(Attempt):
    """A CRM's judgement of a lead, and the one that CTGO got; empty if none."""

    connector: str
    word: str
    told: str
    heard_at: float
    told_at: float | None


@dataclass(frozen=True, slots=True)
class KnownLead:
    """One row of a lead. `payload`, `enrichment`: as JSON, None if they are not kept or there was none."""

    source: str
    id: int
    stream_id: int
    stream_name: str | None
    segment_id: int
    segment_name: str | None
    person: str
    state: str
    code: str
    detail: str
    discovered_at: float
    ingested_at: float
    settled_at: float | None
    payload: Any
    enrichment: Any
    deliveries: Sequence[KnownDelivery]
    export: Attempt | None
    feedback: KnownFeedback | None


def known(ledger: Ledger, url: FindUrl, *, lead_id: int = 0, handle: str = "") -> list[KnownLead]:
    """Find every row of an id, or of a handle: see `find_leads`."""
    with ledger.read() as connection:
        return known_in(connection, url, lead_id=lead_id, handle=handle)


def known_in(connection: Transaction, url: FindUrl, *, lead_id: int = 0, handle: str = "") -> list[KnownLead]:
    """Do as `known` does, in a transaction that is open."""
    found = overview.find_leads(connection, lead_id=lead_id, handle=handle)
    return [_known(connection, row, url) for row in found]


def _known(connection: Transaction, row: Any, url: FindUrl) -> KnownLead:
    streams, segments, _ = load_names(connection, row.source)
    export = overview.export_of(connection, row.source, row.lead_id) if row.lead_id else None
    same = (
        "source",
        "stream_id",
        "segment_id",
        "person",
        "state",
        "code",
        "detail",
        "discovered_at",
        "ingested_at",
    )
    return KnownLead(
        **{name: getattr(row, name) for name in (*same, "settled_at")},
        id=row.lead_id,
        stream_name=streams.get(row.stream_id),
        segment_name=segments.get(row.segment_id),
        payload=opened(row.payload),
        enrichment=opened(row.enrichment),
        deliveries=[
            KnownDelivery(
                **_attempt(it),
                **{
                    name: getattr(it, name)
                    for name in ("id", "connector", "required", "remote_id", "created")
                },
                held=it.held not in {"", "unasked"} and it.state == "pending",
                url=url(it.connector, it.remote_id or ""),
            )
            for it in overview.deliveries_of(connection, row.seq)
        ],
        export=Attempt(**_attempt(export)) if export else None,
        feedback=_feedback(connection, row),
    )


def _attempt(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Attempt.__dataclass_fields__}


def _feedback(connection: Transaction, row: Any) -> KnownFeedback | None:
    found = feedback_of(connection, row.source, row.lead_id, row.segment_id) if row.lead_id else None
    if found is None:
        return None
    return KnownFeedback(**{name: getattr(found, name) for name in KnownFeedback.__dataclass_fields__})


def is_forgotten(ledger: Ledger, *, lead_id: int = 0, handle: str = "") -> bool:
    """True if the person of this id or handle was forgotten."""
    with ledger.read() as connection:
        return forgotten.is_forgotten(connection, forgotten.PersonQuery(handle=handle, lead_id=lead_id))


def newest(ledger: Ledger, wanted: LeadFilter, limit: int) -> Iterator[ListedLead]:
    """Read the wanted leads, the last discovered first."""
    after = None
    with ledger.read() as connection:
        while limit > 0:
            page = listing.list_leads(connection, wanted, min(limit, PAGE), after)
            yield from page
            if len(page) < PAGE:
                return
            after, limit = page[-1], limit - len(page)
