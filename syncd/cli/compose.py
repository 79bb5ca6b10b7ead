"""The composition root: from settings to lanes. The only place that knows every part by name."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from syncd.cli.owner import settings_in_force
from syncd.cli.unopened import opened
from syncd.clock import Clock, SystemClock
from syncd.connector import Logger
from syncd.crews import Crew
from syncd.delivery import Policy
from syncd.engine.admitting import Taker, Takers
from syncd.engine.delivering import Deliver, Outfit, Wake
from syncd.engine.desk import Desk
from syncd.engine.exporting import Export
from syncd.engine.observing import NOBODY, Observer
from syncd.engine.pacing import Pacer
from syncd.engine.pulling import Pull
from syncd.engine.step import Stepper
from syncd.engine.whole import Engine
from syncd.gate import Gates
from syncd.ledger import Ledger, gating
from syncd.ledger.lanes import lift_halts
from syncd.ledger.operating import release
from syncd.mapping import FieldMap, Filter, MappingError
from syncd.registry import Configured, configure
from syncd.settings import Settings, SettingsError, Source
from syncd.upstream import Signals, Upstream

SOURCE_THREADS = 8
"""Threads that the sources' lanes share."""

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
    source: Source,
    clock: Clock,
    requests_per_minute: int | None = None,
    observe: Callable[[Signals], None] | None = None,
) -> tuple[Upstream, Pacer]:
    """A source's client and the pacer that hears what its answers say; `observe` hears it too."""
    key = source.api_key
    limit = requests_per_minute or source.requests_per_minute
    pacer = Pacer(key.get_secret_value(), limit, clock, deadline=REQUEST_DEADLINE)

    def heard(signals: Signals) -> None:
        pacer.observe(signals)
        if observe is not None:
            observe(signals)

    client = Upstream(source.base_url, key, clock, observe=heard, total_timeout=REQUEST_DEADLINE)
    return client, pacer


def make_desk(
    name: str,
    settings: Settings,
    mapped: Mapping[str, Mapped],
    clock: Clock,
    *,
    approving: frozenset[str] = frozenset(),
    observer: Observer = NOBODY,
    probe: float | None = None,
) -> Desk:
    """A source's desk. `approving`: connectors whose gate a person opened for this run."""
    source = settings.sources[name]
    host = urlsplit(source.base_url).hostname or ""
    client, pacer = make_upstream(
        source, clock, observe=lambda signals: observer.requested(name, host, signals.status)
    )
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
        policy=Policy(probe=probe),
        observer=observer,
        gates=_gates(takers, mapped, approving),
    )


def _gates(takers: Sequence[Taker], mapped: Mapping[str, Mapped], approving: frozenset[str]) -> Gates:
    sizes = {taker.name: mapped[taker.name].configured.gate or 0 for taker in takers}
    gated = {name: size for name, size in sizes.items() if size}
    return Gates(
        {name: size for name, size in gated.items() if name not in approving}, approving.intersection(gated)
    )


def make_engine(
    settings: Settings,
    ledger: Ledger,
    log: Logger,
    wake: Wake,
    *,
    clock: Clock,
    only: str = "",
    approving: bool = False,
    observer: Observer = NOBODY,
    probe: float | None = None,
) -> Engine:
    """The engine's lanes over an open, locked ledger; nothing is sent and no far end is asked.

    Args:
        settings: what is configured.
        ledger: open, its lock held by this process.
        log: where lanes and connectors write.
        wake: tells whoever steps the lanes that one has work.
        clock: time.
        only: the one connector whose lane is opened; deliveries are made for all of them nevertheless.
        approving: whether a person opened the gates of the opened lanes for this run.
        observer: hears of requests and outcomes.
        probe: seconds after which a halted lane tries one delivery by itself; None: never.

    Raises:
        SettingsError: a connector's options or expressions are wrong.
    """
    mapped = compile_connectors(settings)
    names = [name for name in mapped if not only or name == only]
    opening = frozenset(names if approving else ())
    exporting = {name: source.export for name, source in settings.sources.items()}
    closes: dict[tuple[str, str], Callable[[], None]] = {}
    with ExitStack() as undo:
        desks = []
        for name in settings.sources:
            desks.append(
                make_desk(name, settings, mapped, clock, approving=opening, observer=observer, probe=probe)
            )
            undo.callback(desks[-1].upstream.close)
        delivers = []
        for m in (mapped[name] for name in names):
            connector = opened(m.configured, clock, log)
            undo.callback(connector.close)
            closes["deliver", m.name] = connector.close
            policy = policy_of(m.configured, probe)
            outfit = Outfit(m.name, connector, m.fields, m.where, policy, exporting, observer)
            delivers.append(Deliver(outfit, ledger, clock, log, wake))
        undo.pop_all()
    exports = [Export(desk, ledger, clock, log) for desk in desks if desk.exports]
    pulls = [Pull(desk, ledger, clock, log, wake) for desk in desks]
    by_name = {export.name: export for export in exports}
    for desk in desks:
        closes |= _closes_of(desk, by_name.get(desk.name))
    closes = {key: _once(close) for key, close in closes.items()}
    gates = {name: m.configured.gate or 0 for name, m in mapped.items()}
    return Engine(settings, ledger, clock, desks, pulls, delivers, exports, closes, gates)


def _once(close: Callable[[], None]) -> Callable[[], None]:
    """A close that is done by whoever asks first."""
    left = [close]

    def closed() -> None:
        if left:
            left.pop()()

    return closed


def _closes_of(desk: Desk, export: Export | None) -> dict[tuple[str, str], Callable[[], None]]:
    """A source's client is closed when the last of its lanes is over."""
    left = {"pull", "export"} if export else {"pull"}
    lock = threading.Lock()

    def over(kind: str) -> None:
        if kind == "export" and export:
            export.close()
        with lock:
            left.discard(kind)
            last = not left
        if last:
            desk.upstream.close()

    return {(kind, desk.name): partial(over, kind) for kind in left}


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
    """The engine of a run that ends, closed after it; halts are lifted, for this is a start. Arguments as `make_engine`.

    `approved_by`: who opens the gates of the opened lanes for this run; empty: nobody.
    """
    clock = clock or SystemClock()
    engine = make_engine(settings, ledger, log, wake, clock=clock, only=only, approving=bool(approved_by))
    try:
        begin(engine, approved_by)
        yield engine
    finally:
        engine.close()


def begin(engine: Engine, approved_by: str = "") -> None:
    """What a start does: halts are lifted, and what a dead engine held of the budgets is let go.

    `approved_by`: who opens the gates of its connectors; empty: nobody.
    """
    with engine.ledger.write() as connection:
        lifted = {name for kind, name in lift_halts(connection) if kind == "deliver"}
        gating.start(connection, engine.gates, lifted, engine.clock.now())
        for deliver in engine.delivers if approved_by else ():
            release(connection, deliver.name, engine.clock.now(), who=approved_by)
        for desk in engine.desks:
            desk.pacer.start(connection)


def crews_of(engine: Engine) -> list[Crew]:
    """A thread for each connector's lane, a small pool for the sources'."""
    sources: list[Stepper] = [*engine.pulls, *engine.exports]
    pool = Crew(sources, min(SOURCE_THREADS, len(sources)), engine.closes)
    return [*(Crew([lane], closes=engine.closes) for lane in engine.delivers), pool]


def policy_of(configured: Configured, probe: float | None = None) -> Policy:
    """A connector's patience, from its settings."""
    settings = configured.settings
    return Policy(attempts=settings.attempts, max_age=settings.max_age, probe=probe)
