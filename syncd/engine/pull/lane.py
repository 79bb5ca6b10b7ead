"""Pull: one source's listing lane. A step is one request at most: take a slot, ask for a page, take it in.

A page's leads and deliveries, and on the last page the watermark, are one transaction. Where a pass stands is kept in
memory only: after a crash it begins again, and what is known already costs nothing but the request.
"""

from collections import Counter, deque

from syncd.core.failure import Failure, Halt, Pause
from syncd.core.lane_state import CAMPAIGN_FAILS, SOURCE_LANES, LaneState, reopened
from syncd.core.reconciliation import CHECK as CHECK_EVERY
from syncd.core.reconciliation import wants_sweep
from syncd.engine.budget import Reservation
from syncd.engine.lane import AGAIN, IDLE, LaneTools, LedgerLane, Next
from syncd.engine.names import NAMES_SOON
from syncd.engine.pull.marks import Marks
from syncd.engine.pull.pages import (
    EVERYTHING,
    THE_CAMPAIGNS,
    Elsewhen,
    Listings,
    finish_pass,
    keep_books,
    take_page,
)
from syncd.engine.pull.passes import (
    CHECK,
    LIVE,
    RECONCILE,
    Batch,
    OtherShape,
    Pass,
    Passes,
    Plan,
    Planner,
    Walk,
)
from syncd.engine.source import SourceContext
from syncd.ledger import Transaction, sources
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.lanes import halt_lanes
from syncd.ledger.leads.ingest import ExportUnderWay, Ingested

MOMENT, PATIENCE = 0.01, 10
"""Seconds that a page waits for connectors to catch up, and how often."""
FIRST_FOR = 6 * 3600.0
"""Seconds of a process for which exports wait for the source's first pass. One that never ends must not hold them for ever."""
STUCK = 3
"""Failures in a row after which a pass counts what it has brought so far, as if it were over."""
SOON = 0.05
"""Seconds after which exports under way are looked at again."""


class Pull(LedgerLane):
    """The lane `pull:NAME`. Ask for passes, then step until idle."""

    kind = "pull"

    def __init__(self, context: SourceContext, tools: LaneTools) -> None:
        super().__init__(context.name, tools, context.policy)
        self._context = context
        self._plans = Planner(context, self._ledger, self._clock)
        self._listings = Listings(context, tools)
        self._passes = Passes(self._listings.begin)
        self._marks = Marks(context.name, tools.log)
        self._scheduled: tuple[float, float | None] | None = None
        self._owed = False
        self._waited = 0
        self._given_up: Counter[str] = Counter()
        """Failures in a row by kind of pass: a live pass that ends well says nothing of a sweep."""
        with self._ledger.read() as connection:
            started = sources.is_started(connection, context.name)
            # The campaign that an earlier process passed over may have rows that exports marked meanwhile
            self._listings.torn = context.exports and self._load(connection).code == CAMPAIGN_FAILS
        self._unstarted = self._idle_since_start = not started
        """True until the first whole pass is over, and until any pass of this process is."""
        self._first_until = self._clock.monotonic() + FIRST_FOR
        context.paging_new.up = not started
        self.pulled: float | None = None
        """When the last live pass ended well, monotonic."""
        self.cost = 1
        """Requests that the last live pass needed."""

    @property
    def busy(self) -> bool:
        """True while a pass is under way or asked for; from any thread."""
        return self._passes.any

    def ask_live(self, limit: int | None = None) -> None:
        """Ask for the pass that follows the watermark; asked for twice, it is done once.

        `limit`: stop after so many new leads.
        """
        self._owed = True
        self._passes.asked[LIVE] = lambda: self._plans.live(limit)

    def ask_extra(self) -> None:
        """Ask for a live pass before its time. It leaves the next scheduled one its slots, and serves for one that comes due."""
        self._passes.asked.setdefault(LIVE, lambda: self._plans.live(None)._replace(extra=True))

    def expect(self, at: float, every: float | None) -> None:
        """Note when the pull after the next is due (monotonic), and seconds between two: other work leaves it its slots."""
        self._scheduled = (at, every)

    def ask_reconcile(self) -> None:
        """Queue the pass that looks for un-exported leads which the live passes cannot have seen."""
        self._passes.asked.setdefault(RECONCILE, self._plans.reconcile)

    def ask_check(self) -> None:
        """Queue the comparison of CTGO's count with the ledger's; if they differ, a sweep follows."""
        self._passes.asked.setdefault(CHECK, lambda: self._plans.whole()._replace(kind="check"))

    def until_check(self) -> float:
        """Return the seconds until a comparison is due; 0 at once."""
        with self._ledger.read() as connection:
            at = sources.load_books(connection, self.name).checked_at
        if at is None:
            return 0.0
        since = self._clock.now() - at
        # A time to come is a clock that was ahead
        return max(0.0, CHECK_EVERY - since) if since >= 0 else 0.0

    def ask_window(
        self, since: float, until: float | None, limit: int | None = None, *, window: int | None = None
    ) -> None:
        """Queue an explicit window; it never moves the watermark.

        `window`: of one that was asked for through the ledger, its number there.
        """
        plan = Plan("window", since=since, until=until, limit=limit, window=window)
        if not self._passes.knows(plan):
            self._passes.asked.setdefault(plan if window is None else window, lambda: plan)

    def step(self) -> Next:
        """One request at most, and its page."""
        with self._ledger.read() as connection:
            lane = self._load(connection)
        standstill = self._standstill(lane)
        if standstill:
            self._let_exports_go()
            return standstill
        if self._is_ahead():
            return Next(MOMENT)
        current = self._passes.turn()
        return IDLE if current is None else self._advance(current, lane)

    def _advance(self, current: Pass, lane: LaneState) -> Next:
        slots = self._open(current.plan) if current.batch is None else None
        if isinstance(slots, Next):
            return slots
        try:
            if slots is not None:
                current.batch = self._listings.request(current, slots)
            batch = current.batch
            assert batch is not None  # noqa: S101 - one that is not there yet is asked for with a hold
            if self._context.recipients.wait_for_names(batch.leads):
                self._close(slots)
                self._wake("names", self.name)
                return Next(NAMES_SOON)
            self._take_in(current, batch, lane, slots)
        except ExportUnderWay:
            self._close(slots)
            return Next(SOON)
        except Elsewhen:
            self._close(slots)
            current.plan = current.plan._replace(guessed=False, since=self._plans.floor())
        except OtherShape as shape:
            self._close(slots)
            return self._list_by_campaign(current, str(shape))
        except Failure as why:
            return self._give_up(current, why, lane, slots)
        return AGAIN if self._passes.any else IDLE

    def _open(self, plan: Plan) -> Reservation | Next:
        """Take a slot; return when to ask again if there is none, or if exports that a page would miss are under way."""
        with self._ledger.write() as connection:
            if self._exports_leave(plan):
                return Next(SOON)
            return self._context.budget.open(connection, 1, live=self._is_owed(plan))

    def _is_ahead(self) -> bool:
        """Tell if the connectors should catch up first: a lead that they find at hand need not be read again.

        Never for long: one that is slow is no reason not to pull.
        """
        ahead = self._waited < PATIENCE and self._ledger.fresh.is_full(self._context.recipients.connectors)
        self._waited = self._waited + 1 if ahead else 0
        return ahead

    def _exports_leave(self, plan: Plan) -> bool:
        """Hold exports back for a pass over un-exported leads; return True if some are still under way.

        Called in a write transaction, as exports are claimed: none begins after this.
        """
        if plan.lifecycle != "new":
            return False
        self._context.paging_new.up = True
        return any(source == self.name for source, _ in self._ledger.in_flight)

    @property
    def _is_first(self) -> bool:
        """True until the source's first whole pass is over: a later page may list another row of an id that is to be exported."""
        if self._clock.monotonic() >= self._first_until:
            return False
        current = self._passes.current
        return self._idle_since_start if current is None else self._unstarted and current.plan.whole

    def _holds_on(self) -> bool:
        """Decide whether exports go on waiting for a pass that stands still: it is the first, or comes back soon.

        If not, they may mark rows that it has not listed. Then it must list the exported leads too.
        """
        current = self._passes.current
        soon = current is not None and 0 < self._given_up[current.plan.kind] < STUCK
        self._listings.torn |= self._context.exports and not (soon or self._is_first)
        return soon or self._is_first

    def _let_exports_go(self) -> None:
        """End the hold while the lane stands still; the pass then begins with its first page again."""
        if self._context.paging_new.up and not self._holds_on():
            self._passes.restart(current=True, holding=False)
            self._context.paging_new.up = False
            self._wake("export", self.name)

    def _is_owed(self, plan: Plan) -> bool:
        """Tell if a pass may take the slots of scheduled pulls: it is one, or one waits for its end."""
        return plan.kind == LIVE and (self._owed or not plan.extra)

    # Taking in

    def _take_in(self, current: Pass, batch: Batch, lane: LaneState, slots: Reservation | None) -> None:
        limit, plan = current.plan.limit, current.plan
        with self._ledger.write() as connection:
            room = None if limit is None else limit - current.new
            now, refill = self._clock.now(), plan.kind == "window"
            page = flood_gate.page(connection, self._context.gates, self.name, plan.kind)
            ingested = take_page(
                connection, self._ledger, self._context, batch, now, refill=refill, room=room
            )
            if plan.kind == RECONCILE and plan.whole and plan.lifecycle == "new":
                self._marks.see(connection, current, batch)
            enough = limit is not None and current.new + ingested.new >= limit
            done = batch.last or enough
            if plan.kind != CHECK:
                flood_gate.take_in(connection, self._context.gates, page, now, over=done)
            if plan.window is not None:
                sources.note_window(
                    connection, plan.window, ingested.new, self._clock.now() if done else None
                )
            if done:
                self._finish(connection, current, now)
                # Not before: a pass that fails on its third page every time is not well
                self._conclude(connection, lane, current)
            self._context.budget.close(connection, slots)
        self._ledger.fresh.keep(ingested.admitted)
        current.new += ingested.new
        current.batch = None
        if done:
            self._passes.current = None
            self._given_up.pop(plan.kind, None)
            if plan.whole and plan.lifecycle is None and current.calm and not current.failed:
                self._listings.torn = False
        self._idle_since_start &= not done
        self._unstarted &= not (done and plan.kind == LIVE and plan.whole)
        self._context.paging_new.up = self._passes.holds_exports or self._is_first
        if done and plan.kind == LIVE:
            self.pulled, self.cost = self._clock.monotonic(), max(1, current.requests)
            self._owed = LIVE in self._passes.asked and plan.extra and self._owed
            self._wake("push", self.name)  # it waits for the first pull
        self._report(current, ingested, done=done)

    def _conclude(self, connection: Transaction, lane: LaneState, current: Pass) -> None:
        """Clear the lane's trouble at the end of a pass, but for that of campaigns that were passed over."""
        if not current.failed or current.plan.kind == CHECK:
            return self._recover(connection, lane)
        n, detail = next(iter(current.failed.items()))
        since = lane.since if lane.code == CAMPAIGN_FAILS else self._clock.now()
        after = reopened(lane)._replace(
            code=CAMPAIGN_FAILS, detail=f"campaign {n}: {detail}", since=since, failures=0
        )
        self._save(connection, after)
        return None

    def _finish(self, connection: Transaction, current: Pass, now: float) -> None:
        plan = current.plan
        finish_pass(connection, self._context, current, now)
        if plan.kind == LIVE and self._scheduled is not None:
            at, every = self._scheduled
            self._context.budget.schedule_pull(connection, at, current.requests, every)
        if not plan.whole:
            return
        books = keep_books(connection, self.name, current, now, self._log)
        if plan.kind == CHECK:
            if wants_sweep(books):
                self.ask_reconcile()
        elif current.calm and plan.lifecycle == "new":
            self._passes.asked.pop(CHECK, None)  # this sweep was one
            if plan.kind == RECONCILE:
                self._marks.conclude(connection, current, now)

    def _report(self, current: Pass, ingested: Ingested, *, done: bool) -> None:
        # At its end a pass wakes every lane: it has freed what it held till then
        for connector in self._context.recipients.connectors if done else ingested.connectors:
            self._wake("deliver", connector)
        if done or ingested.new:
            self._wake("enrich", self.name)
            self._wake("export", self.name)
        for state in ("unwanted", "elsewhere"):
            if n := ingested.states.get(state):
                self._log.info("leads_not_delivered", source=self.name, n=n, state=state)
        if ingested.quarantined:
            self._log.warning("leads_quarantined", source=self.name, n=ingested.quarantined)
        if done:
            self._context.observer.pulled(self.name, current.plan.kind, current.new)
        if done and current.new:
            self._log.info("leads_pulled", source=self.name, n=current.new, **{"pass": current.plan.kind})

    # Failing

    def _close(self, slots: Reservation | None) -> None:
        if slots is not None:
            with self._ledger.write() as connection:
                self._context.budget.close(connection, slots)

    def _list_by_campaign(self, current: Pass, why: str) -> Next:
        """List one campaign after the other; the ledger keeps this once it has the list of campaigns."""
        if not current.retrying:
            self._log.warning("listing_changed", source=self.name, to="campaigns", why=why)
        current.retrying = False
        current.listings, current.walk = deque([THE_CAMPAIGNS]), Walk(documented=True)
        return AGAIN

    def _give_up(self, current: Pass, why: Failure, lane: LaneState, slots: Reservation | None) -> Next:
        if current.listings[0] == EVERYTHING and _suggests_campaigns(why, lane, again=current.retrying):
            self._close(slots)
            return self._list_by_campaign(current, why.detail)
        anew = why.code in {"page_repeated", "page_short", "unexpected_answer"}
        self._given_up[current.plan.kind] += 1
        self._context.paging_new.up = self._context.paging_new.up and self._holds_on()
        self._passes.restart(
            current=anew or current.plan.lifecycle == "new", holding=self._context.paging_new.up
        )
        with self._ledger.write() as connection:
            self._context.budget.close(connection, slots)
            after = self._fail(connection, reopened(self._load(connection)), why)
            if isinstance(why, self.halting):
                halt_lanes(connection, SOURCE_LANES, self.name, why, self._clock.now())
            stuck = max(self._given_up[current.plan.kind], self._load(connection).failures) >= STUCK
            if stuck and current.plan.kind != CHECK:
                # A pass that never ends must not hold for ever what it brought
                page = flood_gate.page(connection, self._context.gates, self.name, current.plan.kind)
                flood_gate.take_in(connection, self._context.gates, page, self._clock.now(), over=True)
        for connector in self._context.recipients.connectors if stuck else ():
            self._wake("deliver", connector)
        self._wake("export", self.name)  # it may have waited for this pass, or must learn of the halt
        return after


def _suggests_campaigns(why: Failure, lane: LaneState, *, again: bool) -> bool:
    """Tell if `/leads` is no listing: there is no such path, or its answer has another shape twice in a row.

    `again`: it is only tried again, and the campaigns are the way that works.
    """
    if isinstance(why, Halt):
        return why.code == "wrong_address"
    twice = again or lane.code == "unexpected_answer"
    return isinstance(why, Pause) and why.code == "unexpected_answer" and twice
