"""The plan of a pass over a source's leads: from which instant, over which of them, and where the watermark goes after."""

from typing import TYPE_CHECKING, Literal, NamedTuple

from syncd.clock import Clock
from syncd.core.reconciliation import wants_sweep
from syncd.ledger import Ledger, sources
from syncd.ledger.sources import load_source, update_source

if TYPE_CHECKING:  # which knows a `Start`
    from syncd.engine.source import SourceContext


class Plan(NamedTuple):
    """One pass over a source's leads. Instants are seconds since the epoch."""

    kind: Literal["live", "reconcile", "window", "check"]
    since: float | None = None
    until: float | None = None
    lifecycle: Literal["new"] | None = None
    limit: int | None = None
    """Stop ingesting after this many new leads; the watermark then stays."""
    window: int | None = None
    """Its number in the ledger, where it was asked for there."""
    extra: bool = False
    """A live pass before its time: it leaves the scheduled ones their slots."""
    whole: bool = False
    """True if only a calm round is believed: no other pass looks for a lead that this one misses."""
    guessed: bool = False
    """True if `since` is now by this machine's clock, which CTGO's clock corrects."""

    @property
    def moves_watermark(self) -> bool:
        """Only a whole live pass does."""
        return self.kind == "live" and self.limit is None


Start = Literal["new", "now", "all"]


def floor_of(start: Start | float, now: float) -> float | None:
    """The instant before which a source takes nothing, fixed when it is first pulled; None: there is none."""
    if start == "now":
        return now
    return float(start) if isinstance(start, float | int) else None


def live_plan(
    watermark: float | None,
    lookback: float,
    start: Start | float,
    *,
    floor: float | None,
    started: bool,
    limit: int | None = None,
) -> Plan:
    """The next live pass: from the watermark less `lookback`, or from where the source starts; never below `floor`."""
    if started and watermark is not None:
        since = watermark - lookback
        return Plan("live", since=since if floor is None else max(since, floor), limit=limit)
    whole = limit is None
    if floor is not None:
        return Plan("live", since=floor, limit=limit, whole=whole)
    return Plan("live", lifecycle="new" if start == "new" else None, limit=limit, whole=whole)


def watermark_after(
    newest: float | None, server_date: float | None, now: float, since: float | None
) -> float:
    """Return the watermark after a clean pass: never past the server's own time when the pass began.

    One lead dated 2099 must not blind every later pull. A pass that saw nothing moves it to where it began to look.
    """
    ceiling = now if server_date is None else server_date
    if newest is None:
        return ceiling if since is None else min(since, ceiling)
    return min(newest, ceiling)


class Planner:
    """The plans of one source's passes, from its row in the ledger."""

    def __init__(self, context: "SourceContext", ledger: Ledger, clock: Clock) -> None:
        """`context`: the source's."""
        self._context, self._ledger, self._clock = context, ledger, clock

    def live(self, limit: int | None) -> Plan:
        """Return the plan of the pass that follows the watermark, or with which the source begins."""
        context, now = self._context, self._clock.now()
        with self._ledger.write() as connection:
            row = load_source(connection, context.name)
            floor, guessed = row.floor, False
            if not row.started and floor is None:
                floor, guessed = floor_of(context.start, now), context.start == "now"
                if not guessed:
                    update_source(connection, context.name, floor=floor)
        plan = live_plan(
            row.watermark,
            context.lookback,
            context.start,
            floor=floor,
            started=bool(row.started),
            limit=limit,
        )
        return plan._replace(guessed=guessed)

    def floor(self) -> float | None:
        """Return the instant before which the source takes nothing, once it is fixed; None: there is none."""
        with self._ledger.write() as connection:
            floor: float | None = load_source(connection, self._context.name).floor
        return floor

    def whole(self) -> Plan:
        """Return the plan of a pass over all un-exported leads, from the source's floor on."""
        return Plan("reconcile", since=self.floor(), lifecycle="new", whole=True)

    def reconcile(self) -> Plan:
        """Return the plan of a reconcile pass.

        It is a sweep where CTGO is told of exports, for its list is then short, and where the counts differ. Else it is
        a window of the last weeks.
        """
        plan = self.whole()
        with self._ledger.read() as connection:
            books = sources.load_books(connection, self._context.name)
        if self._context.exports or wants_sweep(books):
            return plan
        since = self._clock.now() - self._context.reconcile_window
        return plan._replace(since=max(since, plan.since or 0.0), whole=False)
