"""The next act for a lead that waits for enriching: pure, and decided anew at every look.

The configuration may have changed since the lead came in, another lead of the same person may have been answered, and an
ask may have left without an answer: nothing of the verdict is kept.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from syncd.core.enrichment import ASKS, merged, still_to_ask, with_asked
from syncd.core.failure import Reject
from syncd.core.lead import Lead, read_lead
from syncd.ctgo import Enrichment
from syncd.engine.fanout import Recipient, Recipients, decide, is_to_enrich
from syncd.engine.names import NameUnknown, require_names
from syncd.engine.source import SourceContext
from syncd.ledger import Transaction
from syncd.ledger.admin.replays import Making, again, given_up, make
from syncd.ledger.deliveries.flood_gate import UNASKED
from syncd.ledger.leads import enrichment
from syncd.ledger.leads.enrichment import Asked, Enriched, Waiting
from syncd.ledger.sql import Books
from syncd.mapping import variables

Document = Mapping[str, Any]
MINUTE = 60.0
AFTER_LOSS = 120.0
"""Seconds after an ask whose answer was lost until it is asked again, if CTGO answers about nobody else meanwhile."""


class Question(NamedTuple):
    """The question about a lead. `asked`: an ask about the person that was not answered."""

    waiting: Waiting
    lead: Lead
    document: Document
    outputs: tuple[str, ...]
    asked: Asked | None

    @property
    def turn(self) -> tuple[int, float]:
        """When it is asked, lowest first. What may have been charged already comes last, and whom CTGO refused before that."""
        return (self.asked.asks, self.asked.asked_at) if self.asked else (-1, 0.0)

    @property
    def again_at(self) -> float:
        """The instant from which it may be asked if nobody else is answered before.

        An answer that was lost is waited for: in the same outage the next one would be lost too. Refused, it is asked soon,
        then ever later.
        """
        if self.asked is None:
            return 0.0
        if self.asked.asks > 0:
            return self.asked.asked_at + AFTER_LOSS
        first = self.asked.refused_at
        return 0.0 if first is None else first + max(MINUTE, 2 * (self.asked.asked_at - first))

    def lost_before(self, instant: float) -> bool:
        """True if its answer was lost before then."""
        return self.asked is not None and self.asked.asks > 0 and self.asked.asked_at < instant

    @property
    def refused(self) -> bool:
        """True if CTGO refused to be asked about it."""
        return self.asked is not None and self.asked.asks == 0


class AfterEnrichment(NamedTuple):
    """A lead whose enriching is over. `skipped`: the code of why not everything was asked.

    `unasked`: outputs that are asked for later; connectors whose `where` hangs on them go on waiting. `failed`: they are never
    asked for again, and these connectors' deliveries are set aside.
    """

    waiting: Waiting
    lead: Lead
    document: Document
    skipped: str = ""
    unasked: tuple[str, ...] = ()
    failed: bool = False


def judge(
    source: str, it: Waiting, document: Document, asked: Asked | None, recipients: Recipients
) -> AfterEnrichment | Question | None:
    """Judge a lead; None: it waits, until `enrich.where` has the name that it needs, or for good if it cannot be read.

    `document`: all that is known of the person. `asked`: an ask about them without an answer.
    """
    lead, enriching = readable(source, it.payload), recipients.enriching
    recipients = waiting_recipients(it, recipients)
    if lead is None:  # a damaged payload must not keep the others waiting
        return None
    if enriching is None:
        return AfterEnrichment(it, lead, document, "enrich_off")
    values = variables(lead, recipients.labels, document, recipients.uses)
    outputs = still_to_ask(enriching.missing(values), document, enriching.email_mode)
    if outputs and asked and asked.asks >= ASKS:
        document = with_asked(document, asked.outputs, enriching.email_mode)
        return AfterEnrichment(it, lead, document, "enrich_answer_lost", outputs, failed=True)
    if not outputs or not is_to_enrich(lead, recipients, enriching, values):
        return AfterEnrichment(it, lead, document)
    try:
        if recipients.names:
            since = lead.discovered_at.timestamp()
            require_names(recipients.names, lead, enriching.where.uses, since)
        code = "" if enriching.where.accepts(values) else "unwanted"
    except NameUnknown:
        return None
    except Reject as why:
        code = why.code
    return AfterEnrichment(it, lead, document, code) if code else Question(it, lead, document, outputs, asked)


def waiting_recipients(it: Waiting, recipients: Recipients) -> Recipients:
    """The connectors that wait for the lead; what each of these requires was fixed when the others got it."""
    if (required := it.required) is None:
        return recipients
    each = [one._replace(required=required[one.name]) for one in recipients.each if one.name in required]
    return replace(recipients, each=each)


def without(it: Question, why: str, recipients: Recipients) -> AfterEnrichment | None:
    """The lead as it is, for connectors that want it so; None: all that wait for it go on waiting. `why`: a code."""
    over = AfterEnrichment(it.waiting, it.lead, it.document, why, it.outputs)
    if it.waiting.required is None:
        return over
    waiting = [new.connector for new in enriched(over, recipients).deliveries if new.code == UNASKED]
    return None if waiting == list(waiting_recipients(it.waiting, recipients).connectors) else over


def hanging(lead: Lead, document: Document, recipients: Recipients) -> Sequence[Recipient]:
    """The connectors whose `where` hangs on what CTGO was never asked for about a lead, and is to be asked for."""
    enriching = recipients.enriching
    if enriching is None:
        return ()
    values = variables(lead, recipients.labels, document, recipients.uses)
    outputs = still_to_ask(enriching.missing(values), document, enriching.email_mode)
    if not outputs or not is_to_enrich(lead, recipients, enriching, values):
        return ()
    waiting = {new.connector for new in decide(lead, recipients, values, outputs)[1] if new.code == UNASKED}
    return [recipient for recipient in recipients.each if recipient.name in waiting]


def readable(source: str, payload: str | None) -> Lead | None:
    """Read the lead of a stored payload; None if that is gone or damaged."""
    try:
        return read_lead(source, payload) if payload and payload.startswith("{") else None
    except ValueError:
        return None


def enriched(it: AfterEnrichment, recipients: Recipients) -> Enriched:
    """Return the rows to write: the deliveries of the lead with all that is known now."""
    recipients = waiting_recipients(it.waiting, recipients)
    values = variables(it.lead, recipients.labels, it.document, recipients.uses)
    failed = it.skipped if it.failed else ""
    state, deliveries = decide(it.lead, recipients, values, it.unasked, failed)
    document = {**it.document, "skipped": it.skipped} if it.skipped else it.document
    text = json.dumps(document) if document else None
    return Enriched(it.waiting.seq, it.waiting.lead_id, state, deliveries, text, it.waiting.required)


def found_in(answer: Enrichment) -> dict[str, Any]:
    """Return the findings of an answer in the form of a document."""
    found: dict[str, Any] = {}
    if answer.email:
        found["email"] = {"address": answer.email, "status": answer.email_status}
    if answer.linkedin_url:
        found["linkedin"] = {"url": answer.linkedin_url}
    return found


def put_back(connection: Transaction, context: SourceContext, seqs: Collection[int], now: float) -> None:
    """Each connector whose `where` hangs on the answer waits for it; what others were given meanwhile stays theirs."""
    found = enrichment.look_up(connection, seqs)
    known = enrichment.known(connection, context.name, {it.person for it in found})
    wanted: dict[Recipient, list[int]] = {}
    for it in found:
        lead = readable(context.name, it.payload)
        for recipient in hanging(lead, merged(known.get(it.person, ())), context.recipients) if lead else ():
            wanted.setdefault(recipient, []).append(it.seq)
    books = Books(connection, now)
    for recipient, its in wanted.items():
        making = Making(
            recipient.name,
            recipient.required,
            held=False,
            exports={context.name: context.exports},
            unasked=True,
        )
        make(books, making, its)
        again(books, making, given_up(connection, recipient.name, its))
    books.close()
