"""What is to be done about a lead that waits for enriching: pure, and told anew at every look.

The configuration may have changed since the lead came in, another lead of the same person may have been answered, and an
ask may have left without an answer: nothing of the verdict is kept.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from syncd.engine.admitting import Takers, decide, is_to_enrich
from syncd.engine.wanting import Enriching
from syncd.enrichment import ASKS, still_to_ask, with_asked
from syncd.failure import Reject
from syncd.lead import Lead, read_lead
from syncd.ledger.enriching import Asked, Enriched, Waiting
from syncd.mapping import variables
from syncd.upstream import Enrichment

Document = Mapping[str, Any]


class Question(NamedTuple):
    """What is to be asked about a lead. `asks`: how often that was asked and not answered."""

    waiting: Waiting
    lead: Lead
    document: Document
    outputs: tuple[str, ...]
    asks: int


class Over(NamedTuple):
    """A lead whose enriching is over. `skipped`: the code of why not everything was asked."""

    waiting: Waiting
    lead: Lead
    document: Document
    skipped: str = ""


def judge(
    source: str, it: Waiting, document: Document, asked: Asked | None, takers: Takers
) -> Over | Question | None:
    """The verdict on a lead; None: it waits, until `enrich.where` has the name that it needs, or for good if it cannot be read.

    `document`: all that is known of the person. `asked`: an ask about them without an answer.
    """
    lead, enriching = _read(source, it.payload), takers.enriching
    if lead is None:  # a damaged payload must not keep the others waiting
        return None
    if enriching is None:
        return Over(it, lead, document, "enrich_off")
    values = variables(lead, takers.labels, document, takers.uses)
    outputs = still_to_ask(enriching.missing(values), document, enriching.email_mode)
    if outputs and asked and asked.asks >= ASKS:
        return Over(it, lead, with_asked(document, asked.outputs, enriching.email_mode), "enrich_answer_lost")
    if not outputs or not is_to_enrich(lead, takers, enriching, values):
        return Over(it, lead, document)
    hindrance = _hindrance(lead, takers, enriching, values)
    if hindrance is None:
        return Question(it, lead, document, outputs, asked.asks if asked else 0)
    return Over(it, lead, document, hindrance) if hindrance != WAITS else None


def _read(source: str, payload: str | None) -> Lead | None:
    try:
        return read_lead(source, payload) if payload and payload.startswith("{") else None
    except ValueError:
        return None


WAITS = "name_unknown"


def _hindrance(lead: Lead, takers: Takers, enriching: Enriching, values: Mapping[str, object]) -> str | None:
    """The code of why `enrich.where` does not say yes."""
    names = takers.called
    kind = names.unknown(lead, enriching.where.uses) if names else None
    if names and kind:
        waits = names.wait(kind, lead.discovered_at.timestamp()) is not None
        return WAITS if waits else "filter_failed"
    try:
        return None if enriching.where.accepts(values) else "unwanted"
    except Reject as why:
        return why.code


def enriched(it: Over, takers: Takers) -> Enriched:
    """What to write: the deliveries of the lead with all that is known now."""
    values = variables(it.lead, takers.labels, it.document, takers.uses)
    state, deliveries = decide(it.lead, takers, values)
    document = {**it.document, "skipped": it.skipped} if it.skipped else it.document
    text = json.dumps(document) if document else None
    return Enriched(it.waiting.seq, it.waiting.lead_id, state, deliveries, text)


def found_in(answer: Enrichment) -> dict[str, Any]:
    """What an answer found, as a document keeps it, wherever the answer put it."""
    found: dict[str, Any] = {}
    if answer.email:
        found["email"] = {"address": answer.email, "status": answer.email_status}
    if answer.linkedin_url:
        found["linkedin"] = {"url": answer.linkedin_url}
    return found
