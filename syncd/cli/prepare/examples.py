"""Leads to show a mapping or its variables for: of the ledger, or made up."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.cli.context import ledger_to_read
from syncd.cli.prepare.draft_mappings import ENRICHED, NAMES, sample
from syncd.core.lead import Lead, read_lead
from syncd.mapping import Labels
from syncd.settings import Settings

FEW = 3
"""Leads to show if none is named."""


@dataclass(frozen=True, slots=True)
class Example:
    """A lead to show a mapping or its variables for. `lead` is None if its payload is no longer kept."""

    key: str
    lead: Lead | None
    labels: Labels
    enrichment: dict[str, Any] | None
    made_up: bool = False


def made_up_example(source: str) -> Example:
    """Make up a lead of a source, with all data that CTGO and enriching may have."""
    lead = sample(source)
    return Example(str(lead.key), lead, NAMES, dict(ENRICHED), made_up=True)


def stored_examples(settings: Settings, sources: Sequence[str], lead_id: int | None) -> list[Example]:
    """Read the named lead from the ledger, else the newest few of these sources."""
    from syncd.ledger import overview  # noqa: PLC0415
    from syncd.ledger.sources import load_names  # noqa: PLC0415 - CI has no ledger, and need not wait for it

    with ledger_to_read(settings) as ledger, ledger.read() as connection:
        if lead_id is None:
            rows = list(overview.newest_leads(connection, sources, FEW))
        else:
            rows = list(overview.leads_of_id(connection, sources, lead_id))
        labels = {source: Labels(*load_names(connection, source)) for source in {row.source for row in rows}}
    return [_seen(row, labels[row.source]) for row in rows]


def newest_examples(settings: Settings, sources: Sequence[str], limit: int) -> Iterator[Example]:
    """Read the newest leads of these sources from the ledger, one by one."""
    from syncd.ledger import overview  # noqa: PLC0415 - as above
    from syncd.ledger.sources import load_names  # noqa: PLC0415

    with ledger_to_read(settings) as ledger, ledger.read() as connection:
        labels = {source: Labels(*load_names(connection, source)) for source in sources}
        for row in overview.newest_leads(connection, sources, limit):
            yield _seen(row, labels[row.source])


def _seen(row: Any, labels: Labels) -> Example:
    try:
        lead = read_lead(row.source, row.payload) if row.payload is not None else None
    except ValueError:
        lead = None
    enrichment = json.loads(row.enrichment) if row.enrichment else None
    return Example(str(lead.key) if lead else "", lead, labels, enrichment)


def key_of(lead: Lead) -> dict[str, Any]:
    """Return the key of a lead for a document."""
    key = lead.key
    return {"source": key.source, "id": key.id, "stream_id": key.stream_id, "segment_id": key.segment_id}


def called(one: dict[str, Any]) -> str:
    """Name the lead of a document."""
    lead = one["lead"]
    if lead is None:
        return "a lead"
    made_up = " (made up, with all data that CTGO and enriching may have)" if one["made_up"] else ""
    return f"lead {lead['id']}/{lead['stream_id']}/{lead['segment_id']} of {lead['source']}{made_up}"
