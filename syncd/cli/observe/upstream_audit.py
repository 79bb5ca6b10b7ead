"""Comparison of CTGO's list of un-exported leads with the ledger, for `audit --upstream`, within the limit."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from syncd.app.paced_client import free_slot, make_upstream, send_in_slot
from syncd.clock import SystemClock
from syncd.core.failure import Pause
from syncd.core.lead import Lead, LeadKey, Malformed, parse_lead
from syncd.ctgo import Page, Upstream
from syncd.engine.budget import RequestBudget
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

    def contradictions(self, source: str) -> Iterator[Contradiction]:
        """List the contradictions between CTGO and the ledger."""
        if self.missing:
            detail = f"CTGO lists un-exported leads of {source} that the ledger does not hold."
            yield Contradiction("missing_here", len(self.missing), detail, tuple(self.missing[:EXAMPLES]))
        if self.unmarked:
            detail = f"CTGO lists leads of {source} as un-exported whose export it had accepted."
            yield Contradiction("mark_lost", len(self.unmarked), detail, tuple(self.unmarked[:EXAMPLES]))


class Comparison:
    """One source's list, walked page by page, within the limit."""

    def __init__(self, name: str, source: Source, ledger: Ledger, clock: SystemClock) -> None:
        self._name, self._source, self._ledger, self._clock = name, source, ledger, clock
        self._begun = clock.now()

    def run(self) -> Compared:
        """Compare. Raises Failure if CTGO cannot be asked."""
        with self._ledger.write() as connection:
            row = sources.load_source(connection, self._name)
            by_campaign = row.listing == "campaigns"
            campaigns = sources.campaigns(connection, self._name) if by_campaign else [_EVERYTHING]
        client, pacer = make_upstream(self._source, self._clock)
        compared, seen = Compared(), set[LeadKey]()
        try:
            for campaign in self._source.stream_ids or campaigns:
                for leads in self._walk(client, pacer, campaign):
                    new = [lead for lead in leads if lead.key not in seen and _is_due(lead, row)]
                    seen.update(lead.key for lead in new)
                    self._note(compared, new)
        finally:
            client.close()
        return compared

    def _walk(self, client: Upstream, pacer: RequestBudget, campaign: int) -> Iterator[list[Lead]]:
        walk, more = Walk(documented=campaign != _EVERYTHING), True
        while more:
            page = self._page(client, pacer, campaign, walk.offset)
            parsed = [parse_lead(self._name, row) for row in page.rows]
            keys = [p.key if isinstance(p, Malformed) else p[0].key for p in parsed]
            try:
                more = walk.take(keys, page.total, has_more=page.has_more) == "more"
            except OtherShape as why:
                raise Pause("unexpected_answer", str(why)) from None
            yield [p[0] for p in parsed if not isinstance(p, Malformed)]

    def _page(self, client: Upstream, pacer: RequestBudget, campaign: int, offset: int) -> Page:
        hold = free_slot(self._ledger, pacer, self._clock, PATIENCE)
        if hold is None:
            raise Pause("rate_limited", "All requests of the minute are taken.")
        asked: dict[str, Any] = {"since": None, "lifecycle": "new", "limit": PAGE, "offset": offset}
        return send_in_slot(
            hold,
            lambda: (
                client.leads(**asked) if campaign == _EVERYTHING else client.stream_leads(campaign, **asked)
            ),
            pacer,
            self._ledger,
        )

    def _note(self, compared: Compared, leads: Sequence[Lead]) -> None:
        with self._ledger.read() as connection:
            known = auditor.known(connection, self._name, leads)
        for lead in leads:
            it = known.get(lead.key)
            compared.states[it.state if it else "missing"] += 1
            if it is None:
                compared.missing.append(lead.id)
            elif it.state == "exported" and it.marked_at is not None and it.marked_at < self._begun:
                compared.unmarked.append(lead.id)


def _is_due(lead: Lead, row: Any) -> bool:
    """Tell if a pull has passed this lead: it lies after the source's beginning and before its watermark."""
    found = lead.discovered_at.timestamp()
    return row.watermark is not None and found <= row.watermark and (row.floor is None or found >= row.floor)
