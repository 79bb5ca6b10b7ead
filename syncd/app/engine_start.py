"""The engine put together: lanes over an open ledger, their threads, and what ends them."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from syncd.app.compose import Mapped, compile_connectors, make_desk, make_names, names_for
from syncd.app.unopened import opened
from syncd.clock import Clock, SystemClock
from syncd.connector import Logger
from syncd.core.lane_state import Policy
from syncd.engine.deliver import Deliver, LaneConfig
from syncd.engine.engine import Engine, log_shelved
from syncd.engine.enrich.enrich import Enrich
from syncd.engine.export import Export
from syncd.engine.lane import Lane, Wake
from syncd.engine.names import Names, Naming
from syncd.engine.observer import NOBODY, Observer
from syncd.engine.pull.lane import Pull
from syncd.engine.source import SourceContext
from syncd.ledger import Ledger, same_account
from syncd.ledger.admin.actions import release
from syncd.ledger.ctgo_queue import shelf
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.lanes import lift_halts
from syncd.ledger.leads.enrichment import waiting
from syncd.ledger.overview import pushed
from syncd.registry import Configured
from syncd.settings import Settings
from syncd.workers.pool import WorkerPool

SOURCE_THREADS = 8
"""Threads that the sources' lanes share."""


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
) -> Engine:
    """The engine's lanes over an open, locked ledger; nothing is sent and no remote is asked.

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
        mapped: from `compile_connectors`, if it is at hand.
        pushing: whether CTGO is asked to push, where that is configured: only what stays can be told.

    Raises:
        SettingsError: a connector's options or expressions are wrong.
    """
    mapped = compile_connectors(settings) if mapped is None else mapped
    chosen = [name for name in mapped if not only or name == only]
    opening = frozenset(chosen if approving else ())
    exporting = settings.exporting
    closes: dict[tuple[str, str], Callable[[], None]] = {}
    with ExitStack() as undo:
        names = make_names(settings, mapped, ledger, clock)
        contexts = []
        for name in settings.sources:
            contexts.append(
                make_desk(
                    name, settings, mapped, clock, names.get(name),
                    approving=opening, observer=observer, probe=probe,
                )
            )  # fmt: skip
            undo.callback(contexts[-1].upstream.close)
        delivers, opened_as = [], {}
        for m in (mapped[name] for name in chosen):
            connector = opened_as[m.name] = opened(m.configured, clock, log)
            undo.callback(connector.close)
            policy = policy_of(m.configured, probe)
            named = names_for(m, settings, names)
            outfit = LaneConfig(m.name, connector, m.fields, m.where, policy, exporting, named, observer)
            delivers.append(Deliver(outfit, ledger, clock, log, wake))
        undo.pop_all()
    exports = [Export(context, ledger, clock, log) for context in contexts if context.exports]
    pulls = [Pull(context, ledger, clock, log, wake) for context in contexts]
    hears: list[Lane] = []
    others: list[Lane] = [
        naming(context, names[context.name], log, wake, ledger=ledger, clock=clock)
        for context in contexts
        if context.name in names
    ]
    others += [
        Enrich(context, ledger, clock, log, wake) for context in contexts if _enriches(context, ledger)
    ]
    others += (
        _pushes(settings, list(zip(contexts, pulls, strict=True)), ledger, clock=clock, log=log, wake=wake)
        if pushing
        else []
    )
    if settings.hears:  # nobody else pays for what it imports
        from syncd.app.feedback_late import ears, hearing, telling  # noqa: PLC0415

        found = ears([mapped[name] for name in chosen], opened_as, probe=probe, repeats=probe is not None)
        hears = hearing(found, ledger, clock, log, wake)
        others += telling(contexts, pulls, ledger, clock, log)
    lanes: list[Lane] = [*pulls, *exports, *others]
    for context in contexts:
        closes |= _closes_of(context.upstream.close, [lane for lane in lanes if lane.name == context.name])
    for name, connector in opened_as.items():
        closes |= _closes_of(connector.close, [lane for lane in (*delivers, *hears) if lane.name == name])
    closes = {key: _once(close) for key, close in closes.items()}
    gates = {name: m.configured.gate or 0 for name, m in mapped.items()}
    return Engine(settings, ledger, clock, contexts, pulls, delivers, exports, others, hears, closes, gates)


def _pushes(
    settings: Settings,
    each: Sequence[tuple[SourceContext, Pull]],
    ledger: Ledger,
    *,
    clock: Clock,
    log: Logger,
    wake: Wake,
) -> Sequence[Lane]:
    """The lanes of push: of sources that have it, and of those that had it and are not unsubscribed yet."""
    with ledger.read() as connection:
        known = set(pushed(connection))
    if not known and all(source.push is None for source in settings.sources.values()):
        return ()
    from syncd.app.push_late import push_lanes  # noqa: PLC0415 - most have none

    return push_lanes(settings, known, each, ledger, clock=clock, log=log, wake=wake)


def _once(close: Callable[[], None]) -> Callable[[], None]:
    """A close that is done by whoever asks first."""
    left = [close]

    def closed() -> None:
        if left:
            left.pop()()

    return closed


def _closes_of(close: Callable[[], None], lanes: Sequence[Lane]) -> dict[tuple[str, str], Callable[[], None]]:
    """What several lanes share, a source's client or a connector, is closed when the last of them is over."""
    left = {lane.kind for lane in lanes}
    lock = threading.Lock()

    def over(lane: Lane) -> None:
        if isinstance(lane, Export):
            lane.close()
        with lock:
            left.discard(lane.kind)
            last = not left
        if last:
            close()

    return {(lane.kind, lane.name): partial(over, lane) for lane in lanes}


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
    """The engine of a run that ends, closed after it; halts are lifted, for this is a start. Arguments as `make_engine`.

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


def _enriches(context: SourceContext, ledger: Ledger) -> bool:
    """Whether leads are enriched, or wait for it although the configuration no longer says so."""
    if context.takers.enriching is not None:
        return True
    with ledger.read() as connection:
        return bool(waiting(connection, context.name, 1, context.takers.names))


def naming(
    context: SourceContext, names: Names, log: Logger, wake: Wake, *, ledger: Ledger, clock: Clock
) -> Naming:
    """A source's lane of names, which wakes those who may wait for some."""

    def tell() -> None:
        for taker in context.takers.each:
            wake("deliver", taker.name)

    return Naming(
        names,
        upstream=context.upstream,
        pacer=context.pacer,
        ledger=ledger,
        log=log,
        clock=clock,
        wake=tell,
    )


def begin(engine: Engine, log: Logger, approved_by: str = "") -> None:
    """What a start does: halts are lifted, and what a dead engine held of the budgets is let go.

    `approved_by`: who opens the gates of its connectors; empty: nobody.
    """
    with engine.ledger.write() as connection:
        lifted = {name for kind, name in lift_halts(connection) if kind == "deliver"}
        moved = shelf.start(connection, engine.settings.exporting, engine.clock.now())
        same_account.place(connection, engine.settings.addresses)
        flood_gate.start(connection, engine.gates, engine.settings.routes, lifted, engine.clock.now())
        for deliver in engine.delivers if approved_by else ():
            release(connection, deliver.name, engine.clock.now(), who=approved_by)
        for context in engine.contexts:
            context.pacer.start(connection)
    log_shelved(log, moved)


def crews_of(engine: Engine) -> list[WorkerPool]:
    """A thread for each connector's lanes, for one instance is called by one thread; a small pool for the sources'."""
    sources: list[Lane] = [*engine.pulls, *engine.exports, *engine.others]
    pool = WorkerPool(sources, min(SOURCE_THREADS, len(sources)), engine.closes)
    each = [[lane, *(it for it in engine.hears if it.name == lane.name)] for lane in engine.delivers]
    return [*(WorkerPool(lanes, closes=engine.closes) for lanes in each), pool]


def policy_of(configured: Configured, probe: float | None = None) -> Policy:
    """A connector's patience, from its settings."""
    settings = configured.settings
    return Policy(attempts=settings.attempts, max_age=settings.max_age, probe=probe)
