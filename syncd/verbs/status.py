"""The state of the ledger, the sources and the connectors, also beside a running engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from syncd.core.enrichment import day_of
from syncd.core.lane_state import CAMPAIGN_FAILS, LaneState
from syncd.core.reconciliation import Books
from syncd.ledger import Ledger, LedgerError, Transaction, files, history, overview, sources
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.history import Done
from syncd.ledger.lanes import load_lanes
from syncd.ledger.leads import enrichment
from syncd.ledger.overview import Counts, Pushed
from syncd.settings import Enrich, Settings, Source
from syncd.verbs.engine_holder import engine_of, late_sources, missing_service, out_of_reach, stale
from syncd.verbs.targets import advice


@dataclass(frozen=True, slots=True)
class Spending:
    """Leads that wait for enriching, and the requests that may leave for them today.

    `rule`: the source's settings, None if it no longer enriches. `credits`: the last balance from CTGO, None if unknown.
    """

    waiting: int
    asks: int = 0
    asked_today: int = 0
    credits: int | None = None
    rule: Enrich | None = None


@dataclass(frozen=True, slots=True)
class PushStatus:
    """A source's push: see `Pushed`. `configured`: the configuration asks for it."""

    configured: bool
    it: Pushed


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A source: its rows by state, and how its leads compare with CTGO's count."""

    configured: bool
    watermark: float | None
    pulled_at: float | None
    leads: Mapping[str, int]
    exports: Mapping[str, int]
    feedback: Mapping[str, int]
    enriching: Spending | None
    books: Books | None
    push: PushStatus | None


@dataclass(frozen=True, slots=True)
class ConnectorStatus:
    """A connector: its deliveries by state, those at its gate, and when it was last asked for feedback."""

    configured: bool
    deliveries: Mapping[str, int]
    held: int
    heard_at: float | None


@dataclass(frozen=True, slots=True)
class StoppedLane:
    """A lane that stands still or goes on without a part, with advice."""

    lane: LaneState
    fix: str


@dataclass(frozen=True, slots=True)
class Status:
    """A state; instants in seconds since the epoch.

    `upkeep`: the last run of each job of maintenance. `not_running`: the service is installed and does not run. `late`:
    sources whose pull is overdue. `trouble`: why nothing is sent. `stale`: files that changed after the engine read them;
    `out_of_reach`: those that it reads at a start only.
    """

    ledger: str
    daily_backup: bool
    upkeep: Mapping[str, Done]
    sources: Mapping[str, SourceStatus]
    connectors: Mapping[str, ConnectorStatus]
    lanes: Sequence[StoppedLane]
    oldest_unsettled: float | None
    set_aside: int
    engine: int | None = None
    not_running: str = ""
    late: Sequence[str] = ()
    trouble: str = ""
    stale: Sequence[str] = ()
    out_of_reach: Sequence[str] = ()


def status(settings: Settings, ledger: Ledger, now: float) -> Status:
    """Find the state of the ledger, and of the engine that runs on it."""
    found = standing(settings, ledger, now)
    engine = engine_of(settings.state.path)
    stopped = {it.lane.name for it in found.lanes if it.lane.kind == "pull"}
    pulled = {name: it.pulled_at for name, it in found.sources.items() if name not in stopped}
    return replace(
        found,
        engine=engine,
        not_running=missing_service(settings) if not engine else "",
        late=late_sources(settings, pulled, now),
        trouble=_trouble(settings),
        stale=stale(settings) if engine else [],
        out_of_reach=out_of_reach(settings, engine).split() if engine else [],
    )


def _trouble(settings: Settings) -> str:
    """Return the reason why the engine sends nothing: the ledger has no room; empty if it has."""
    try:
        files.check_room(settings.state.path)
    except LedgerError as error:
        return f"{error.detail} ({error.code})"
    return ""


def standing(settings: Settings, ledger: Ledger, now: float) -> Status:
    """Find the state of the ledger alone. The cost grows with the pending rows only."""
    with ledger.read() as connection:
        counts = overview.counts(connection)
        rows = {row.name: row for row in overview.sources(connection)}
        oldest = overview.oldest_unsettled(connection)
        lanes = load_lanes(connection)
        gates = flood_gate.gates(connection)
        waiting = enrichment.unasked_counts(connection)
        spent = {}
        for name, it in settings.sources.items():
            waits = waiting.get(name, 0) + counts["lead"].get(name, {}).get("enriching", 0)
            spent[name] = spending(connection, name, it, waits, now)
        books = sources.load_all_books(connection)
        upkeep = history.done(connection)
        pushes = overview.pushed(connection)
        polled = overview.last_feedback_polls(connection)
    names = (*settings.sources, *rows, *counts["lead"], *counts["export"], *counts["feedback"])
    stopped = [lane for lane in lanes if lane.wait(now) != 0 or lane.code == CAMPAIGN_FAILS]
    return Status(
        ledger=str(settings.state.path),
        daily_backup=settings.state.backup == "daily",
        upkeep=upkeep,
        sources={
            name: SourceStatus(
                configured=name in settings.sources,
                watermark=rows[name].watermark if name in rows else None,
                pulled_at=rows[name].pulled_at if name in rows else None,
                leads=counts["lead"].get(name, {}),
                exports=counts["export"].get(name, {}),
                feedback=counts["feedback"].get(name, {}),
                enriching=spent.get(name),
                books=books.get(name),
                push=_push(settings, name, pushes.get(name)),
            )
            for name in dict.fromkeys(names)
        },
        connectors={
            name: ConnectorStatus(
                configured=name in settings.connectors,
                deliveries=counts["delivery"].get(name, {}),
                held=gates[name].held if name in gates else 0,
                heard_at=polled.get(name),
            )
            for name in dict.fromkeys((*settings.connectors, *counts["delivery"]))
        },
        lanes=[
            StoppedLane(lane, advice(settings, lane.code, lane.name, halted=lane.status == "halted"))
            for lane in stopped
        ],
        oldest_unsettled=oldest,
        set_aside=rejected_in(counts),
    )


def spending(connection: Transaction, name: str, source: Source, waiting: int, now: float) -> Spending | None:
    """Describe a source's enriching; None if it neither enriches nor has leads that wait for it."""
    rule = source.enrich
    if rule is None:
        return Spending(waiting) if waiting else None
    asked = enrichment.asked_on(connection, name, day_of(now))
    asks = min(waiting, max(0, rule.per_day - asked))
    return Spending(waiting, asks, asked, enrichment.load_balance(connection, name).balance, rule)


def _push(settings: Settings, name: str, it: Pushed | None) -> PushStatus | None:
    """Describe a source's push; None if it has none."""
    wanted = name in settings.sources and settings.sources[name].push is not None
    if it is None and not wanted:
        return None
    return PushStatus(wanted, it or Pushed(subscribed_at=None, off=False, heard_at=None))


def rejected_in(counts: Counts) -> int:
    """Count rejected deliveries, exports and feedback, and quarantined leads."""
    states = {"delivery": "rejected", "export": "rejected", "feedback": "rejected", "lead": "quarantined"}
    return sum(found.get(state, 0) for kind, state in states.items() for found in counts[kind].values())
