"""The engine: each source's context, the lanes over an open ledger, their threads, and the way each lane is closed."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from urllib.parse import urlsplit

from syncd.app.connectors import Mapped, compile_connectors, compile_enriching, open_connector
from syncd.app.paced_client import make_upstream
from syncd.clock import Clock, SystemClock
from syncd.connector import Connector, Logger, untold
from syncd.core.flood_gate import Gates
from syncd.core.lane_state import Policy
from syncd.engine.call_journal import CallJournal
from syncd.engine.deliver import Deliver, LaneConfig
from syncd.engine.engine import Engine, log_shelved
from syncd.engine.enrich import Enrich
from syncd.engine.export import Export
from syncd.engine.fanout import Recipient, Recipients
from syncd.engine.lane import NOBODY, Lane, LaneTools, Observer, Wake
from syncd.engine.names import Names, Naming, names_in
from syncd.engine.pull.lane import Pull
from syncd.engine.source import SourceContext
from syncd.ledger import Ledger, twins
from syncd.ledger.admin.actions import release
from syncd.ledger.call_log import CallsFile
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.lanes import lift_halts
from syncd.ledger.leads import settlement
from syncd.ledger.leads.enrichment import waiting
from syncd.ledger.overview import pushed
from syncd.ledger.sources import set_budgets
from syncd.settings import Settings
from syncd.workers import WorkerPool

SOURCE_THREADS = 8
"""Threads that the sources' lanes share."""

Closes = dict[tuple[str, str], Callable[[], None]]
"""By lane, as (kind, name): the function that closes it."""


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
    mapped: Mapping[str, Mapped] | None = None,
    pushing: bool = False,
    calls: CallsFile | None = None,
) -> Engine:
    """Make the engine's lanes over an open, locked ledger; nothing is sent and no remote is asked.

    Args:
        settings: the configuration.
        ledger: open, its lock held by this process.
        log: where lanes and connectors write.
        wake: wakes a lane that has work.
        clock: time.
        only: the one connector whose lane is opened; deliveries are made for all of them nevertheless.
        approving: whether a person opened the gates of the opened lanes for this run.
        observer: counts requests and outcomes.
        probe: seconds after which a halted lane tries one delivery by itself; None: never.
        mapped: from `compile_connectors`, if it is at hand.
        pushing: whether CTGO is asked to push, where that is configured: only a daemon can receive pushes.
        calls: where calls to remotes are kept, if the configuration wants that.

    Raises:
        SettingsError: a connector's options or expressions are wrong.
    """
    mapped = mapped or compile_connectors(settings)
    chosen = [m for m in mapped.values() if only in {"", m.name}]
    tools = LaneTools(ledger, clock, log, wake)
    names = make_names(settings, mapped, ledger, clock)
    contexts, delivers, connectors = [], [], dict[str, Connector]()
    approved = frozenset(m.name for m in chosen if approving)
    shared = partial(make_source, settings=settings, mapped=mapped, clock=clock, approving=approved)
    with ExitStack() as undo:
        for name in settings.sources:
            context = shared(name, names=names.get(name), observer=observer, probe=probe)
            undo.callback(context.upstream.close)
            contexts.append(context)
        for m in chosen:
            connectors[m.name], journal = _opened(m, settings, calls, tools)
            undo.callback(connectors[m.name].close)
            config = _config_of(m, connectors[m.name], settings, names, observer=observer, probe=probe)
            delivers.append(Deliver(replace(config, calls=journal), tools))
        undo.pop_all()
    pulls = [Pull(context, tools) for context in contexts]
    exports = [Export(context, tools) for context in contexts if context.exports]
    others = _other_lanes(settings, contexts, pulls, names, tools, pushing=pushing)
    polls = _polls(chosen, connectors, tools, probe) if settings.gives_feedback else []
    closes = _closes({it.name: it.upstream.close for it in contexts}, [*pulls, *exports, *others])
    closes |= _closes({name: it.close for name, it in connectors.items()}, [*delivers, *polls])
    lanes = (contexts, pulls, delivers, exports, others, polls)
    return Engine(settings, ledger, clock, *lanes, closes, _sizes(mapped))


def _sizes(mapped: Mapping[str, Mapped]) -> dict[str, int]:
    """Return the size of every connector's gate, 0 for none."""
    return {name: m.configured.gate or 0 for name, m in mapped.items()}


def _opened(
    m: Mapped, settings: Settings, calls: CallsFile | None, tools: LaneTools
) -> tuple[Connector, CallJournal | None]:
    """Open a connector; with the journal of its calls, if any are kept."""
    console, journal = settings.console, None
    if calls is not None and console is not None and console.calls != "none":
        calls.bound(console.calls_days, console.calls_size)
        journal = CallJournal(m.name, calls, tools.ledger, tools.clock, console.calls)
    called = untold if journal is None else journal.called
    return open_connector(m.configured, tools.clock, tools.log, called), journal


def _config_of(
    m: Mapped,
    connector: Connector,
    settings: Settings,
    names: Mapping[str, Names],
    *,
    observer: Observer,
    probe: float | None,
) -> LaneConfig:
    policy = Policy(m.configured.settings.attempts, m.configured.settings.max_age, probe=probe)
    used = names_for(m, settings, names)
    return LaneConfig(m.name, connector, m.fields, m.where, policy, settings.exporting, used, observer)


def _polls(
    chosen: Sequence[Mapped], connectors: Mapping[str, Connector], tools: LaneTools, probe: float | None
) -> list[Lane]:
    from syncd.app.feedback_late import poll_lanes  # noqa: PLC0415 - nobody else pays for what it imports

    return poll_lanes(chosen, connectors, tools, probe=probe)


def _other_lanes(
    settings: Settings,
    contexts: Sequence[SourceContext],
    pulls: Sequence[Pull],
    names: Mapping[str, Names],
    tools: LaneTools,
    *,
    pushing: bool,
) -> list[Lane]:
    """Make the sources' lanes beside pulls and exports: names, enriching, push and feedback."""
    ledger = tools.ledger
    lanes: list[Lane] = [make_naming(it, names[it.name], tools) for it in contexts if it.name in names]
    lanes += [Enrich(context, tools) for context in contexts if _enriches(context, ledger)]
    if pushing:
        with ledger.read() as connection:
            known = set(pushed(connection))
        if known or any(source.push for source in settings.sources.values()):
            from syncd.app.push_late import push_lanes  # noqa: PLC0415 - most have none

            lanes += push_lanes(settings, known, contexts, pulls, tools)
    if settings.gives_feedback:
        from syncd.app.feedback_late import send_lanes  # noqa: PLC0415 - as in `make_engine`

        lanes += send_lanes(contexts, pulls, tools)
    return lanes


def _enriches(context: SourceContext, ledger: Ledger) -> bool:
    """Tell if leads are enriched, or wait for it although the configuration no longer says so."""
    if context.recipients.enriching is not None:
        return True
    with ledger.read() as connection:
        return bool(waiting(connection, context.name, 1, context.recipients.connectors))


def make_naming(context: SourceContext, names: Names, tools: LaneTools) -> Naming:
    """Make a source's lane of names; it wakes the lanes that may wait for one."""
    return Naming(names, context.upstream, context.budget, tools, context.recipients.connectors)


def _closes(shared: Mapping[str, Callable[[], None]], lanes: Sequence[Lane]) -> Closes:
    """Close what lanes of one name share, a source's client or a connector, when the last of them is over."""
    lock = threading.Lock()
    left = {name: {lane.kind for lane in lanes if lane.name == name} for name in shared}

    def over(lane: Lane) -> None:
        with lock:
            if lane.kind not in left[lane.name]:
                return
            left[lane.name].discard(lane.kind)
            last = not left[lane.name]
        if isinstance(lane, Export):
            lane.close()
        if last:
            shared[lane.name]()

    return {(lane.kind, lane.name): partial(over, lane) for lane in lanes if lane.name in shared}


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
    mapped: Mapping[str, Mapped] | None = None,
) -> Iterator[Engine]:
    """Start the engine of a run that ends, and close it after the block. Arguments as `make_engine`.

    `approved_by`: who opens the gates of the opened lanes for this run; empty: nobody.
    """
    clock = clock or SystemClock()
    engine = make_engine(
        settings, ledger, log, wake, clock=clock, only=only, approving=bool(approved_by), mapped=mapped
    )
    try:
        begin(engine, log, approved_by)
        yield engine
    finally:
        engine.close()


def begin(engine: Engine, log: Logger, approved_by: str = "") -> None:
    """Begin a run: lift halts, and free the requests that a dead engine had reserved.

    `approved_by`: who opens the gates of its connectors; empty: nobody.
    """
    engine.ledger.flow = engine.settings.console is not None
    with engine.ledger.write() as connection:
        lifted = {name for kind, name in lift_halts(connection) if kind == "deliver"}
        moved = settlement.apply_exporting(connection, engine.settings.exporting, engine.clock.now())
        twins.set_addresses(connection, engine.settings.addresses)
        set_budgets(connection, engine.budgets)
        flood_gate.start(connection, engine.gates, engine.settings.routes, lifted, engine.clock.now())
        for deliver in engine.delivers if approved_by else ():
            release(connection, deliver.name, engine.clock.now(), who=approved_by)
        for context in engine.contexts:
            context.budget.start(connection)
    log_shelved(log, moved)


def make_pools(engine: Engine) -> list[WorkerPool]:
    """Make a thread for each connector, which one thread calls, and a small pool for the sources."""
    sources: list[Lane] = [*engine.pulls, *engine.exports, *engine.others]
    pool = WorkerPool(sources, min(SOURCE_THREADS, len(sources)), engine.closes)
    each = [[lane, *(it for it in engine.polls if it.name == lane.name)] for lane in engine.delivers]
    return [*(WorkerPool(lanes, closes=engine.closes) for lanes in each), pool]


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
