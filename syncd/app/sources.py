"""Each source's context: its client, its budget, its recipients, and the names that mappings use."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from syncd.app.mappings import Mapped, compile_enriching
from syncd.app.paced_client import make_upstream
from syncd.clock import Clock
from syncd.core.flood_gate import Gates
from syncd.core.lane_state import Policy
from syncd.engine.fanout import Recipient, Recipients
from syncd.engine.lane import NOBODY, Observer
from syncd.engine.names import Names, names_in
from syncd.engine.source import SourceContext
from syncd.ledger import Ledger
from syncd.settings import Settings


def make_names(
    settings: Settings, mapped: Mapping[str, Mapped], ledger: Ledger, clock: Clock
) -> dict[str, Names]:
    """Make the names that mappings use, by source; a source without any is left out."""
    found = {}
    for source in settings.sources:
        enriching = compile_enriching(settings, source)
        uses = enriching.uses if enriching else frozenset[str]()
        uses = uses.union(*(mapped[connector].uses for connector in settings.connectors_of(source)))
        if kinds := names_in(uses):
            found[source] = Names(source, kinds, ledger, clock)
    return found


def names_for(m: Mapped, settings: Settings, names: Mapping[str, Names]) -> dict[str, Names]:
    """Choose the names that a connector's lane needs, by source; none if its mapping uses none."""
    if not names_in(m.uses):
        return {}
    return {source: it for source, it in names.items() if m.name in settings.connectors_of(source)}


def make_source(
    name: str,
    settings: Settings,
    mapped: Mapping[str, Mapped],
    clock: Clock,
    names: Names | None = None,
    *,
    approving: frozenset[str] = frozenset(),
    observer: Observer = NOBODY,
    probe: float | None = None,
) -> SourceContext:
    """Make a source's context. `approving`: connectors whose gate a person opened for this run."""
    source = settings.sources[name]
    host = urlsplit(source.base_url).hostname or ""
    client, budget = make_upstream(
        source, clock, observe=lambda signals: observer.requested(name, host, signals.status)
    )
    start = source.start
    recipients = tuple(
        Recipient(m.name, m.configured.required, m.where)
        for m in (mapped[connector] for connector in settings.connectors_of(name))
    )
    return SourceContext(
        name=name,
        upstream=client,
        budget=budget,
        recipients=Recipients(recipients, source.export, names, compile_enriching(settings, name)),
        start=start.timestamp() if isinstance(start, datetime) else start,
        lookback=source.lookback,
        reconcile_window=source.reconcile_window,
        stream_ids=source.stream_ids,
        policy=Policy(probe=probe),
        observer=observer,
        gates=_gates(recipients, mapped, approving),
    )


def _gates(recipients: Sequence[Recipient], mapped: Mapping[str, Mapped], approving: frozenset[str]) -> Gates:
    sizes = {it.name: size for it in recipients if (size := mapped[it.name].configured.gate)}
    closing = {name: size for name, size in sizes.items() if name not in approving}
    return Gates(closing, approving.intersection(sizes))
