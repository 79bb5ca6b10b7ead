"""Comparison of CTGO's list of un-exported leads with the ledger, for `audit --upstream`, within the limit."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from syncd.app.paced_client import free_slot, make_upstream, send_in_slot
from syncd.clock import SystemClock
from syncd.core.failure import Pause
from syncd.core.lead import Lead, LeadKey, Malformed, parse_lead
from syncd.ctgo import Page
from syncd.engine.pull.passes import PAGE, OtherShape, Walk
from syncd.ledger import Ledger, sources
from syncd.ledger.admin import auditor
from syncd.ledger.admin.auditor import EXAMPLES, Contradiction
from syncd.settings import Source

PATIENCE = 120.0
"""Seconds that a request waits for its slot."""

_EVERYTHING = 0
"""The listing of all campaigns at once; any other number is a campaign's."""


@dataclass(slots=True)
class Compared:
    """The result for one source. `states`: the number of listed leads by their state in the ledger."""

    states: Counter[str] = field(default_factory=Counter)
    missing: list[int] = field(default_factory=list)
    unmarked: list[int] = field(default_factory=list)
    unexported: list[int] = field(default_factory=list)
    """Leads that were delivered while the source did not export."""

    def contradictions(self, source: str) -> Iterator[Contradiction]:
        """List the contradictions between CTGO and the ledger."""
        if self.missing:
            detail = f"CTGO lists un-exported leads of {source} that the ledger does not hold."
            yield Contradiction("missing_here", len(self.missing), detail, tuple(self.missing[:EXAMPLES]))
        if self.unmarked:
            detail = f"CTGO lists leads of {source} as un-exported whose export it had accepted."
            yield Contradiction("mark_lost", len(self.unmarked), detail, tuple(self.unmarked[:EXAMPLES]))


def compare(name: str, source: Source, ledger: Ledger, clock: SystemClock) -> Compared:
    """Walk a source's list page by page, within the limit, and compare. Raises Failure if CTGO cannot be asked."""
    begun = clock.now()
    with ledger.write() as connection:
        row = sources.load_source(connection, name)
        by_campaign = row.listing == "campaigns"
        campaigns = sources.campaigns(connection, name) if by_campaign else [_EVERYTHING]
    client, budget = make_upstream(source, clock)

    def page(campaign: int, offset: int) -> Page:
        slot = free_slot(ledger, budget, clock, PATIENCE)
        if slot is None:
            raise Pause("rate_limited", "All requests of the minute are taken.")
        asked: dict[str, Any] = {"since": None, "lifecycle": "new", "limit": PAGE, "offset": offset}
        leads = client.leads if campaign == _EVERYTHING else partial(client.stream_leads, campaign)
        return send_in_slot(slot, partial(leads, **asked), budget, ledger)

    compared, seen = Compared(), set[LeadKey]()
    try:
        for campaign in source.stream_ids or campaigns:
            for leads in _walk(name, campaign, partial(page, campaign)):
                new = [lead for lead in leads if lead.key not in seen and _is_due(lead, row)]
                seen.update(lead.key for lead in new)
                with ledger.read() as connection:
                    known = auditor.known(connection, name, new)
                for lead in new:
                    it = known.get(lead.key)
                    compared.states[it.state if it else "missing"] += 1
                    if it is None:
                        compared.missing.append(lead.id)
                    elif it.state == "exported" and it.marked_at is not None and it.marked_at < begun:
                        compared.unmarked.append(lead.id)
                    elif it.state == "unexported":
                        compared.unexported.append(lead.id)
    finally:
        client.close()
    return compared


def _walk(name: str, campaign: int, page: Callable[[int], Page]) -> Iterator[list[Lead]]:
    """Yield the readable leads of each page. `page`: asks for the page at an offset."""
    walk, more = Walk(documented=campaign != _EVERYTHING), True
    while more:
        found = page(walk.offset)
        parsed = [parse_lead(name, row) for row in found.rows]
        keys = [p.key if isinstance(p, Malformed) else p[0].key for p in parsed]
        try:
            more = walk.take(keys, found.total, has_more=found.has_more) == "more"
        except OtherShape as why:
            raise Pause("unexpected_answer", str(why)) from None
        yield [p[0] for p in parsed if not isinstance(p, Malformed)]


def _is_due(lead: Lead, row: Any) -> bool:
    """Tell if a pull has passed this lead: it lies after the source's beginning and before its watermark."""
    found = lead.discovered_at.timestamp()
    return row.watermark is not None and found <= row.watermark and (row.floor is None or found >= row.floor)
