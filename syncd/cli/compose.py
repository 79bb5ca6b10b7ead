"""The composition root: from settings to lanes. The only place that knows every part by name."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from syncd.cli.owner import settings_in_force
from syncd.cli.unopened import opened
from syncd.clock import Clock, SystemClock
from syncd.connector import Logger
from syncd.delivery import Policy
from syncd.engine.admitting import Taker, Takers
from syncd.engine.delivering import Deliver, Outfit, Wake
from syncd.engine.desk import Desk
from syncd.engine.enriching import Enrich
from syncd.engine.exporting import Export
from syncd.engine.naming import Names, Naming, names_in
from syncd.engine.pacing import Pacer
from syncd.engine.pulling import Pull
from syncd.engine.step import Stepper
from syncd.engine.wanting import Enriching
from syncd.gate import Gates
from syncd.ledger import Ledger, gating
from syncd.ledger.enriching import waiting
from syncd.ledger.lanes import lift_halts
from syncd.ledger.operating import release
from syncd.mapping import FieldMap, Filter, MappingError
from syncd.registry import Configured, configure
from syncd.settings import Settings, SettingsError, Source
from syncd.upstream import Upstream

REQUEST_DEADLINE = 30.0
"""Seconds for a whole request to CTGO, answer included."""


@dataclass(frozen=True, slots=True)
class Mapped:
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


def make_upstream(
    source: Source, clock: Clock, requests_per_minute: int | None = None
) -> tuple[Upstream, Pacer]:
    """A source's client and the pacer that hears what its answers say."""
    key = source.api_key
    limit = requests_per_minute or source.requests_per_minute
    pacer = Pacer(key.get_secret_value(), limit, clock, deadline=REQUEST_DEADLINE)
    client = Upstream(source.base_url, key, clock, observe=pacer.observe, total_timeout=REQUEST_DEADLINE)
    return client, pacer


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
) -> Desk:
    """A source's desk. `approving`: connectors whose gate a person opened for this run."""
    source = settings.sources[name]
    client, pacer = make_upstream(source, clock)
    start = source.start
    takers = tuple(
        Taker(m.name, m.configured.required, m.where)
        for m in (mapped[connector] for connector in settings.connectors_of(name))
    )
    return Desk(
        name=name,
        upstream=client,
        pacer=pacer,
        takers=Takers(takers, source.export, names, compile_enriching(settings, name)),
        start=start.timestamp() if isinstance(start, datetime) else start,
        lookback=source.lookback,
        reconcile_window=source.reconcile_window,
        stream_ids=source.stream_ids,
        gates=_gates(takers, mapped, approving),
    )


def _gates(takers: Sequence[Taker], mapped: Mapping[str, Mapped], approving: frozenset[str]) -> Gates:
    sizes = {taker.name: mapped[taker.name].configured.gate or 0 for taker in takers}
    gated = {name: size for name, size in sizes.items() if size}
    return Gates(
        {name: size for name, size in gated.items() if name not in approving}, approving.intersection(gated)
    )


@dataclass(frozen=True, slots=True)
class Engine:
    """Everything that runs, opened."""

    settings: Settings
    ledger: Ledger
    clock: Clock
    desks: Sequence[Desk]
    pulls: Sequence[Pull]
    delivers: Sequence[Deliver]
    exports: Sequence[Export]
    others: Sequence[Stepper] = ()
    """What else a source has to do, behind its pulls."""


@contextmanager
def opened_engine(
    settings: Settings,
    ledger: Ledger,
    log: Logger,
    wake: Wake,
    *,
    clock: Clock | None = None,
    only: str = "",
    approved_by: str = "",
) -> Iterator[Engine]:
    """The engine's lanes over an open, locked ledger; halts are lifted, for this is a start.

    `only`: the one connector whose lane is opened; deliveries are made for all of them nevertheless. `approved_by`: who
    opens the gates of the opened lanes for this run; empty: nobody.
    """
    clock = clock or SystemClock()
    mapped = compile_connectors(settings)
    chosen = [name for name in mapped if not only or name == only]
    approving = frozenset(chosen if approved_by else ())
    exporting = {name: source.export for name, source in settings.sources.items()}
    with ExitStack() as stack:
        names = make_names(settings, mapped, ledger, clock)
        desks = [
            make_desk(name, settings, mapped, clock, names.get(name), approving=approving)
            for name in settings.sources
        ]
        for desk in desks:
            stack.callback(desk.upstream.close)
        with ledger.write() as connection:
            lifted = {name for kind, name in lift_halts(connection) if kind == "deliver"}
            gating.start(connection, sizes_of(mapped), lifted, clock.now())
            for name in approving:
                release(connection, name, clock.now(), who=approved_by)
            for desk in desks:
                desk.pacer.start(connection)
        delivers = []
        for m in (mapped[name] for name in chosen):
            connector = opened(m.configured, clock, log)
            stack.callback(connector.close)
            outfit = Outfit(
                m.name,
                connector,
                m.fields,
                m.where,
                policy_of(m.configured),
                exporting,
                names_for(m, settings, names),
            )
            delivers.append(Deliver(outfit, ledger, clock, log, wake))
        exports = [Export(desk, ledger, clock, log) for desk in desks if desk.exports]
        for export in exports:
            stack.callback(export.close)
        pulls = [Pull(desk, ledger, clock, log, wake) for desk in desks]
        engine = Engine(settings, ledger, clock, desks, pulls, delivers, exports)
        others: list[Stepper] = [
            _naming(engine, desk, names[desk.name], log, wake) for desk in desks if desk.name in names
        ]
        others += [Enrich(desk, ledger, clock, log, wake) for desk in desks if _enriches(desk, ledger)]
        yield replace(engine, others=others)


def _enriches(desk: Desk, ledger: Ledger) -> bool:
    """Whether leads are enriched, or wait for it although the configuration no longer says so."""
    if desk.takers.enriching is not None:
        return True
    with ledger.read() as connection:
        return bool(waiting(connection, desk.name, 1))


def _naming(engine: Engine, desk: Desk, names: Names, log: Logger, wake: Wake) -> Naming:
    def tell() -> None:
        for taker in desk.takers.each:
            wake("deliver", taker.name)

    return Naming(
        names,
        upstream=desk.upstream,
        pacer=desk.pacer,
        ledger=engine.ledger,
        log=log,
        clock=engine.clock,
        wake=tell,
    )


def sizes_of(mapped: Mapping[str, Mapped]) -> dict[str, int]:
    """Every connector's gate, 0 for none."""
    return {name: m.configured.gate or 0 for name, m in mapped.items()}


def policy_of(configured: Configured) -> Policy:
    """A connector's patience, from its settings."""
    return Policy(attempts=configured.settings.attempts, max_age=configured.settings.max_age)
