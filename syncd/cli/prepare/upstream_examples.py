"""Leads that CTGO lists now, to show a mapping for before the first run. Nothing is kept of them."""

from functools import partial

from syncd.app.paced_client import PATIENCE, free_slot, make_upstream, send_in_slot
from syncd.cli.prepare.examples import FEW, Example
from syncd.clock import SystemClock
from syncd.core.failure import Pause
from syncd.core.lead import Malformed, parse_lead
from syncd.ledger import Ledger
from syncd.ledger.sources import load_names
from syncd.mapping import Labels
from syncd.settings import Settings


def upstream_examples(settings: Settings, source: str) -> list[Example]:
    """Ask CTGO for a source's first few leads: one request, within the limit, which the ledger counts if there is one.

    Names of campaigns are those that the ledger knows. Raises one of the four failures.
    """
    chosen, path, clock = settings.sources[source], settings.state.path, SystemClock()
    client, budget = make_upstream(chosen, clock)
    leads = partial(client.stream_leads, chosen.stream_ids[0]) if chosen.stream_ids else client.leads
    try:
        with Ledger.open(path) if path.exists() else Ledger.in_memory() as ledger:
            slot = free_slot(ledger, budget, clock, PATIENCE)
            if slot is None:
                raise Pause("rate_limited", "All requests that the key may make in a minute are taken.")
            page = send_in_slot(slot, partial(leads, since=None, limit=FEW), budget, ledger)
            with ledger.read() as connection:
                labels = Labels(*load_names(connection, source))
    finally:
        client.close()
    parsed = [parse_lead(source, row) for row in page.rows[:FEW]]
    return [Example(str(it[0].key), it[0], labels, None) for it in parsed if not isinstance(it, Malformed)]
