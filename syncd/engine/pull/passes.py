"""The passes over a source's leads: their plans, the walk through a listing, and the queue of passes that were asked for.

*A plan* says from which instant a pass begins, over which leads, and where the watermark goes after.

*A walk* goes through a listing by offset while the set changes: pure. No order is assumed, pages may shift, and a lead may be
listed twice. Pages overlap by a row: a page that lacks the last row of the page before it shows that rows left in between,
and that others slid past. A round is *calm* when every page held that row and `total` never fell: then it saw every row that
was there when it began. Otherwise the walk goes round again. A listing without any order is calm once its rounds together
have seen as many rows as a `total` that did not move. A page that contradicts itself ends the walk.
"""

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from syncd.clock import Clock
from syncd.core.failure import Pause
from syncd.core.lead import Lead, Malformed
from syncd.core.reconciliation import wants_sweep
from syncd.engine.source import SourceContext, Start
from syncd.ledger import Ledger, sources
from syncd.ledger.sources import load_source, update_source


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
    """Plans one source's passes from its row in the ledger."""

    def __init__(self, context: SourceContext, ledger: Ledger, clock: Clock) -> None:
        self._context, self._ledger, self._clock = context, ledger, clock

    def live(self, limit: int | None) -> Plan:
        """Plan the pass that follows the watermark, or with which the source begins."""
        context, now = self._context, self._clock.now()
        with self._ledger.write() as connection:
            row = load_source(connection, context.name)
            floor, guessed = row.floor, False
            if not row.started and floor is None:
                floor, guessed = floor_of(context.start, now), context.start == "now"
                if not guessed:
                    update_source(connection, context.name, floor=floor)
        mark, started = row.watermark, bool(row.started)
        plan = live_plan(mark, context.lookback, context.start, floor=floor, started=started, limit=limit)
        return plan._replace(guessed=guessed)

    def floor(self) -> float | None:
        """Return the instant before which the source takes nothing, once it is fixed; None: there is none."""
        with self._ledger.write() as connection:
            floor: float | None = load_source(connection, self._context.name).floor
        return floor

    def whole(self) -> Plan:
        """Plan a pass over all un-exported leads, from the source's floor on."""
        return Plan("reconcile", since=self.floor(), lifecycle="new", whole=True)

    def reconcile(self) -> Plan:
        """Plan a reconcile pass.

        It is a sweep if the source exports, for CTGO's list is then short, or if the counts differ. Else it is a window of
        the last weeks.
        """
        plan = self.whole()
        with self._ledger.read() as connection:
            books = sources.load_books(connection, self._context.name)
        if self._context.exports or wants_sweep(books):
            return plan
        since = self._clock.now() - self._context.reconcile_window
        return plan._replace(since=max(since, plan.since or 0.0), whole=False)


ROUNDS = 3
"""Rounds that a walk makes at the most while it is not calm, or sees fewer rows than `total`."""
MOST_ROUNDS = 12
"""Rounds at the most while each round still brings rows that none before it had."""
FRUITLESS = 3
"""Pages in a row without anything new, and still `hasMore`: a listing without end."""
PAGE = 500


class OtherShape(Exception):  # noqa: N818 - an answer: this listing cannot be walked, another can
    """The listing answers in a way that cannot be paged through: no `hasMore`, or `limit` or `offset` ignored."""


@dataclass(slots=True)
class Walk:
    """A walk through one listing. `take` each page; then `offset` is where to go on."""

    documented: bool
    """True if paging is documented for this listing: a broken rule is then a failure, else another shape."""
    offset: int = 0
    rounds: int = 1
    total: int | None = None
    """The last page's count of the listing's rows."""
    calm: bool = False
    """True if the last round saw the listing stand still; set at the end of the walk."""
    _seen: set[Hashable] = field(default_factory=set)
    _earlier: set[Hashable] = field(default_factory=set)
    """The rows of rounds before this one, as long as `total` does not move."""
    _steady: bool = True
    """True while this round's pages overlap, and `total` never fell."""
    _first: int | None = None
    """The count on this round's first page."""
    _fruitless: int = 0
    _last: tuple[Hashable, ...] = ()

    @property
    def moved(self) -> bool:
        """True if `total` differs between the first and the last page of the round."""
        return self._first != self.total

    @property
    def unmet(self) -> int:
        """Rows that the listing counted, and did not list although they were there when the round began."""
        return max(0, min(self._first or 0, self.total or 0) - len(self._seen | self._earlier))

    def take(
        self, keys: Sequence[Hashable], total: int | None, *, has_more: bool | None
    ) -> Literal["more", "done"]:
        """Note a page's keys, or their hashes, which take a tenth of the room; return whether to ask for another.

        Raises OtherShape, or Pause for a page that contradicts itself.
        """
        self._check(keys, has_more=has_more)
        if has_more is None:  # the end is then a page without anything new
            has_more = not self._seen.issuperset(keys)
        self._fruitless = self._fruitless + 1 if self._seen.issuperset(keys) else 0
        if has_more and self._fruitless >= FRUITLESS:
            raise Pause(
                "page_repeated", f"{FRUITLESS} pages in a row held nothing that was not on one before."
            )
        self._compare(keys, total)
        self._seen.update(keys)
        self._last = tuple(keys)
        if has_more:
            self.offset += max(1, len(keys) - 1)
            return "more"
        if self._is_over():
            return "done"
        self._earlier = set() if self.moved else self._earlier | self._seen
        self._seen, self._last = set(), ()
        self.rounds, self.offset, self._fruitless, self._steady = self.rounds + 1, 0, 0, True
        return "more"

    def _compare(self, keys: Sequence[Hashable], total: int | None) -> None:
        """Compare a page with the one before it."""
        if not self.offset:
            self._first = total
            if total != self.total:
                self._earlier = set()
        elif len(self._last) > 1 and self._last[-1] not in keys:
            self._steady = False
        if self.offset and total is not None and self.total is not None and total < self.total:
            self._steady = False
        self.total = total

    def _is_over(self) -> bool:
        """Decide, at the end of a round, whether the walk may be believed or goes on no longer."""
        even = not self.unmet
        alone = self.total is None or len(self._seen) >= min(self._first or 0, self.total)
        # Some rows came twice in a round: there is no order, and only all rounds together can have seen them all
        apart = self.rounds > 1 and even and not self.moved and not alone
        self.calm = apart or (self._steady and (alone or not self.moved))
        if self.calm and even:
            return True
        grows = not self._earlier.issuperset(self._seen)
        return self.rounds >= (MOST_ROUNDS if grows and not self._steady else ROUNDS)

    def _check(self, keys: Sequence[Hashable], *, has_more: bool | None) -> None:
        if has_more is None and not self.documented:
            raise OtherShape("The listing does not say whether there is more.")
        if len(keys) > PAGE:
            self._break(
                Pause("unexpected_answer", f"The listing answers {len(keys)} rows to a limit of {PAGE}.")
            )
        if has_more and not keys:
            raise Pause("page_short", "An empty page says that there is more.")
        if keys and self.offset and tuple(keys) == self._last:
            self._break(Pause("page_repeated", "The same page came twice for two offsets."))

    def _break(self, why: Pause) -> None:
        raise why if self.documented else OtherShape(why.detail)


LIVE, RECONCILE, CHECK = "live", "reconcile", "check"


class Batch(NamedTuple):
    """A page's rows, read; kept until they are in the ledger."""

    leads: Sequence[tuple[Lead, str]]
    malformed: Sequence[Malformed]
    last: bool


@dataclass(slots=True)
class Pass:
    """A pass under way: which listings are left, and what it has seen."""

    plan: Plan
    listings: deque[int]
    walk: Walk
    server_date: float | None = None
    newest: float | None = None
    new: int = 0
    requests: int = 0
    tried: bool = False
    """True if it failed, begins anew, and exports go on waiting for it."""
    batch: Batch | None = None
    calm: bool = True
    """True while every finished listing ended with a calm round."""
    total: int | None = 0
    """Rows that the listings which are done count; None: one of them does not say."""
    unmet: int = 0
    """Of these, the rows that they did not list."""
    retrying: bool = False
    """True if this pass tries the listing of all campaigns again."""
    answered: bool = False
    """True once a listing answered."""
    promised: bool = False
    """True if one of the campaigns must be there: CTGO names it now, or the configuration does."""
    failed: dict[int, str] = field(default_factory=dict)
    """Campaigns that were passed over because their listings failed, with the last detail."""
    partial: bool = False
    """True if a campaign was passed over."""
    unlisted: set[int] | None = None
    """Of a sweep: leads whose export CTGO answered with 404, and that no page has listed so far; None: not looked up yet."""
    unmarked: set[int] = field(default_factory=set)
    """Of a sweep: exported leads that a page listed as new."""


@dataclass(slots=True)
class Passes:
    """The queue of passes: one under way, one put off, and those asked for. Asked for twice, each is made once.

    Live first: a live pass puts off another one between two of its pages.
    """

    begin: Callable[[Plan], Pass]
    asked: dict[object, Callable[[], Plan]] = field(default_factory=dict)
    current: Pass | None = None
    put_off: Pass | None = None

    def turn(self) -> Pass | None:
        """The pass to go on with."""
        if self.current is None or (self.current.plan.kind != LIVE and self.current.batch is None):
            if LIVE in self.asked:
                # Made before anything is put off: it may fail
                live = self.begin(self.asked[LIVE]())
                del self.asked[LIVE]
                self.put_off, self.current = self.current or self.put_off, live
            elif self.current is None:
                self._take_next()
        return self.current

    def _take_next(self) -> None:
        if self.put_off is not None:
            self.current, self.put_off = self.put_off, None
        elif self.asked:
            key = RECONCILE if RECONCILE in self.asked else list(self.asked)[0]  # noqa: RUF015 - others ask meanwhile
            self.current = self.begin(self.asked[key]())
            del self.asked[key]

    def knows(self, plan: Plan) -> bool:
        """Tell if a pass with this plan, or for this window of the ledger, is under way or put off."""
        under_way = [it.plan for it in (self.current, self.put_off) if it is not None]
        return plan in under_way or (
            plan.window is not None and plan.window in {other.window for other in under_way}
        )

    def restart(self, *, current: bool, holding: bool) -> None:
        """Begin anew what was put off and would be wrong to go on with, and with `current` what is under way.

        `holding`: exports go on waiting for it.
        """
        if current and self.current is not None:
            self.current = self._anew(self.current, holding=holding)
        if self.put_off is not None and self.put_off.plan.lifecycle == "new":
            self.put_off = self._anew(self.put_off, holding=holding)

    def _anew(self, old: Pass, *, holding: bool) -> Pass:
        """The same pass from its first page; what it found counts towards its limit."""
        new = self.begin(old.plan)
        new.new, new.tried = old.new, holding and (old.tried or old.requests > 0)
        return new

    @property
    def holds_exports(self) -> bool:
        """True if a pass over un-exported leads has asked for a page: an export would shift its next pages."""
        return any(
            p is not None and p.plan.lifecycle == "new" and (p.requests or p.tried)
            for p in (self.current, self.put_off)
        )

    @property
    def any(self) -> bool:
        """True if there is something to do."""
        return bool(self.current or self.put_off or self.asked)
