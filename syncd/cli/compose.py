"""The composition root: from settings to lanes. The only place that knows every part by name."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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
from syncd.engine.exporting import Export
from syncd.engine.pacing import Pacer
from syncd.engine.pulling import Pull
from syncd.gate import Gates
from syncd.ledger import Ledger, gating
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
                Filter.compile(owner, configured.settings.where or configured.default_where),
            )
        except MappingError as error:
            mistakes.append(f"{settings.provenance.name}: {error}")
    if mistakes:
        raise SettingsError(*mistakes)
    return ready


def make_upstream(
    source: Source, clock: Clock, requests_per_minute: int | None = None
) -> tuple[Upstream, Pacer]:
    """A source's client and the pacer that hears what its answers say."""
    key = source.api_key
    limit = requests_per_minute or source.requests_per_minute
    pacer = Pacer(key.get_secret_value(), limit, clock, deadline=REQUEST_DEADLINE)
    client = Upstream(source.base_url, key, clock, observe=pacer.observe, total_timeout=REQUEST_DEADLINE)
    return client, pacer


def make_desk(
    name: str,
    settings: Settings,
    mapped: Mapping[str, Mapped],
    clock: Clock,
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
        takers=Takers(takers, source.export),
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
    names = [name for name in mapped if not only or name == only]
    approving = frozenset(names if approved_by else ())
    exporting = {name: source.export for name, source in settings.sources.items()}
    with ExitStack() as stack:
        desks = [make_desk(name, settings, mapped, clock, approving=approving) for name in settings.sources]
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
        for m in (mapped[name] for name in names):
            connector = opened(m.configured, clock, log)
            stack.callback(connector.close)
            outfit = Outfit(m.name, connector, m.fields, m.where, policy_of(m.configured), exporting)
            delivers.append(Deliver(outfit, ledger, clock, log, wake))
        exports = [Export(desk, ledger, clock, log) for desk in desks if desk.exports]
        for export in exports:
            stack.callback(export.close)
        pulls = [Pull(desk, ledger, clock, log, wake) for desk in desks]
        yield Engine(settings, ledger, clock, desks, pulls, delivers, exports)


def sizes_of(mapped: Mapping[str, Mapped]) -> dict[str, int]:
    """Every connector's gate, 0 for none."""
    return {name: m.configured.gate or 0 for name, m in mapped.items()}


def policy_of(configured: Configured) -> Policy:
    """A connector's patience, from its settings."""
    return Policy(attempts=configured.settings.attempts, max_age=configured.settings.max_age)
