"""The composition root: from settings to lanes. The only place that knows every part by name."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from syncd.app.paced_client import make_upstream
from syncd.app.privileges import settings_in_force
from syncd.clock import Clock
from syncd.core.flood_gate import Gates
from syncd.core.lane_state import Policy
from syncd.engine.enrich.eligibility import Enriching
from syncd.engine.fanout import Recipient, Recipients
from syncd.engine.names import Names, names_in
from syncd.engine.observer import NOBODY, Observer
from syncd.engine.source import SourceContext
from syncd.ledger import Ledger
from syncd.mapping import FieldMap, Filter, MappingError
from syncd.registry import Configured, configure
from syncd.settings import Settings, SettingsError


class Mapped(NamedTuple):
    """A configured connector with its expressions compiled."""

    configured: Configured
    fields: FieldMap
    where: Filter

    @property
    def name(self) -> str:
        """The connector's name."""
        return self.configured.name


def read_settings(config: Path | None, flags: Mapping[str, object] | None = None) -> Settings:
    """The settings in force; root is the ledger's owner from now on. Raises SettingsError."""
    return settings_in_force(config, flags)


def compile_connectors(settings: Settings) -> dict[str, Mapped]:
    """Every connector's options, fields and `where`, checked. Raises SettingsError with all that is wrong."""
    ready, mistakes = {}, []
    for name, configured in configure(settings).items():
        try:
            owner = f"connectors.{name}"
            ready[name] = Mapped(
                configured,
                FieldMap.compile(owner, configured.fields),
                Filter.compile(owner, configured.settings.where).also(
                    Filter.compile(f"{owner} ({configured.type})", configured.also_where)
                ),
            )
        except MappingError as error:
            mistakes.append(f"{settings.provenance.name}: {error}")
    for name in settings.sources:
        try:
            compile_enriching(settings, name)
        except MappingError as error:
            mistakes.append(f"{settings.provenance.name}: {error}")
    if mistakes:
        raise SettingsError(*mistakes)
    return ready


def compile_enriching(settings: Settings, name: str) -> Enriching | None:
    """A source's `enrich` table with its `where` compiled; None: it never enriches. Raises MappingError."""
    chosen = settings.sources[name].enrich
    if chosen is None:
        return None
    return Enriching(
        outputs=chosen.outputs,
        email_mode=chosen.email_mode,
        where=Filter.compile(f"sources.{name}.enrich", chosen.where),
        per_day=chosen.per_day,
        keep_credits=chosen.keep_credits,
        when_exhausted=chosen.when_exhausted,
    )


def make_names(
    settings: Settings, mapped: Mapping[str, Mapped], ledger: Ledger, clock: Clock
) -> dict[str, Names]:
    """By source, the names that mappings use; a source whose connectors use none is not in it."""
    found = {}
    for source in settings.sources:
        enriching = compile_enriching(settings, source)
        uses = (enriching.uses if enriching else frozenset[str]()).union(
            *(mapped[c].fields.uses | mapped[c].where.uses for c in settings.connectors_of(source))
        )
        if kinds := names_in(uses):
            found[source] = Names(source, kinds, ledger, clock)
    return found


def names_for(m: Mapped, settings: Settings, names: Mapping[str, Names]) -> dict[str, Names]:
    """The names that a connector's lane needs, by source; none if neither its fields nor its `where` use any."""
    if not names_in(m.fields.uses | m.where.uses):
        return {}
    return {source: it for source, it in names.items() if m.name in settings.connectors_of(source)}


def make_desk(
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
    """A source's context. `approving`: connectors whose gate a person opened for this run."""
    source = settings.sources[name]
    host = urlsplit(source.base_url).hostname or ""
    client, pacer = make_upstream(
        source, clock, observe=lambda signals: observer.requested(name, host, signals.status)
    )
    start = source.start
    takers = tuple(
        Recipient(m.name, m.configured.required, m.where)
        for m in (mapped[connector] for connector in settings.connectors_of(name))
    )
    return SourceContext(
        name=name,
        upstream=client,
        pacer=pacer,
        takers=Recipients(takers, source.export, names, compile_enriching(settings, name)),
        start=start.timestamp() if isinstance(start, datetime) else start,
        lookback=source.lookback,
        reconcile_window=source.reconcile_window,
        stream_ids=source.stream_ids,
        policy=Policy(probe=probe),
        observer=observer,
        gates=_gates(takers, mapped, approving),
    )


def _gates(takers: Sequence[Recipient], mapped: Mapping[str, Mapped], approving: frozenset[str]) -> Gates:
    sizes = {taker.name: mapped[taker.name].configured.gate or 0 for taker in takers}
    gated = {name: size for name, size in sizes.items() if size}
    return Gates(
        {name: size for name, size in gated.items() if name not in approving}, approving.intersection(gated)
    )
