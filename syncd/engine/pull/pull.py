"""Pull: one source's listing lane. A step is one request at most: take a slot, ask for a page, take it in.

A page's leads and deliveries, and on the last page the watermark, are one transaction. Where a pass stands is kept in
memory only: after a crash it begins again, and what is known already costs nothing but the request.
"""

import random
from collections import deque
from collections.abc import Callable
from typing import Final

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.core.failure import Failure, Halt, Pause, Reject
from syncd.core.lane_state import LaneState, Terms, halted, kept_by_hand, paused, reopened
from syncd.core.lead import Lead, Malformed, parse_lead
from syncd.core.reconciliation import CHECK as CHECK_EVERY
from syncd.core.reconciliation import Books, after_check, after_restless, after_sweep, wants_sweep
from syncd.ctgo import Page
from syncd.engine.budget import Reservation
from syncd.engine.deliver import Wake, tell_lane
from syncd.engine.lane import AGAIN, IDLE, Next
from syncd.engine.names import NAMES_SOON
from syncd.engine.pull.page import take_page
from syncd.engine.pull.passes import CHECK, LIVE, RECONCILE, Batch, Pass, Passes
from syncd.engine.pull.walk import PAGE, OtherShape, Plan, Walk, floor_of, live_plan, watermark_after
from syncd.engine.source import SOURCE_LANES, SourceContext
from syncd.ledger import Ledger, Transaction, labels, reconciliation, sources, windows
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.lanes import halt_lanes, load_lane, save_lane
from syncd.ledger.leads.ingest import ExportUnderWay, Ingested

MOMENT, PATIENCE = 0.01, 10
"""Seconds that a page waits for connectors to catch up, and how often."""
EVERYTHING: Final = 0
"""The listing of all campaigns at once; any other number is a campaign's id."""
THE_CAMPAIGNS: Final = -1
"""Not leads but the list of campaigns, asked for before they are listed one by one."""
STUCK = 3
"""Failures in a row after which a pass counts what it has brought so far, as if it were over."""
SOON = 0.05
"""Seconds after which exports under way are looked at again."""
CLOCKS_APART = 2.0
"""Seconds by which this machine's clock and CTGO's may differ without being told apart."""


class _Elsewhen(Exception):  # noqa: N818 - an answer: the pass begins anew with the floor that CTGO's clock says
    """CTGO's clock says another now than this machine's."""


class Pull:
    """The lane `pull:NAME`. Ask for passes, then step until idle."""

    kind = "pull"

    def __init__(
        self,
        context: SourceContext,
        ledger: Ledger,
        clock: Clock,
        log: Logger,
        wake: Wake,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`chance`: numbers in [0, 1) for the jitter."""
        self._context, self._ledger, self._clock, self._log = context, ledger, clock, log
        self._wake, self._chance = wake, chance
        self._passes = Passes(self._begin)
        self._scheduled: tuple[float, float | None] | None = None
        self._owed = False
        self._waited = 0
        self._passed_over: dict[int, str] = {}
        """Campaigns that the last pass could not list, by the code that says why."""
        self.pulled: float | None = None
        """When the last live pass ended well, monotonic."""
        self.cost = 1
        """Requests that the last live pass needed."""

    @property
    def name(self) -> str:
        """The source's name."""
        return self._context.name

    @property
    def busy(self) -> bool:
        """Whether a pass is under way or asked for; from any thread, of this moment."""
        return self._passes.any

    def ask_live(self, limit: int | None = None) -> None:
        """Ask for the pass that follows the watermark; asked for twice, it is done once.

        `limit`: stop after so many new leads.
        """
        self._owed = True
        self._passes.asked[LIVE] = lambda: self._live_plan(limit)

    def ask_extra(self) -> None:
        """Ask for a live pass before its time. It leaves the next scheduled one its slots, and serves for one that comes due."""
        self._passes.asked.setdefault(LIVE, lambda: self._live_plan(None)._replace(extra=True))

    def expect(self, at: float, every: float | None) -> None:
        """Say when the pull after the next is due (monotonic), and seconds between two: other work leaves it its slots."""
        self._scheduled = (at, every)

    def ask_reconcile(self) -> None:
        """Queue the pass that looks for un-exported leads which the live passes cannot have seen."""
        self._passes.asked.setdefault(RECONCILE, self._reconcile_plan)

    def ask_check(self) -> None:
        """Queue the comparison of CTGO's count with the ledger's; if they differ, a sweep follows."""
        self._passes.asked.setdefault(CHECK, lambda: self._whole_plan()._replace(kind="check"))

    def until_check(self) -> float:
        """Return the seconds until a comparison is due; 0 at once."""
        with self._ledger.read() as connection:
            at = reconciliation.load(connection, self.name).checked_at
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
            lane = load_lane(connection, self.kind, self.name)
        wait = lane.wait(self._clock.now(), self._context.policy.probe)
        if wait != 0:
            self._let_exports_go()
            return Next(wait, lane.code)
        if self._is_ahead():
            return Next(MOMENT)
        current = self._passes.turn()
        return IDLE if current is None else self._advance(current, lane)

    def _advance(self, current: Pass, lane: LaneState) -> Next:
        hold: Reservation | None = None
        if current.batch is None:
            opened = self._open(current.plan)
            if not isinstance(opened, Reservation):
                return Next(opened)
            hold = opened
        try:
            batch = current.batch or self._request(current, hold)
            current.batch = batch
            if self._context.takers.wait_for_names(batch.leads):
                self._close(hold)
                self._wake("names", self.name)
                return Next(NAMES_SOON)
            self._take_in(current, batch, lane, hold)
        except ExportUnderWay:
            self._close(hold)
            return Next(SOON)
        except _Elsewhen:
            self._close(hold)
            current.plan = current.plan._replace(guessed=False, since=self._floor())
        except OtherShape as shape:
            self._close(hold)
            return self._list_by_campaign(current, str(shape))
        except Failure as why:
            return self._fail(current, why, lane, hold)
        return AGAIN if self._passes.any else IDLE

    def _open(self, plan: Plan) -> Reservation | float:
        """Take a slot; seconds to wait if there is none, or if exports that a page would miss are under way."""
        with self._ledger.write() as connection:
            if self._exports_leave(plan):
                return SOON
            return self._context.pacer.open(connection, 1, live=self._is_owed(plan))

    def _is_ahead(self) -> bool:
        """Whether to let the connectors catch up a little: what they find at hand, they need not read again.

        Never for long: one that is slow is no reason not to pull.
        """
        ahead = self._waited < PATIENCE and self._ledger.fresh.is_full(self._context.takers.names)
        self._waited = self._waited + 1 if ahead else 0
        return ahead

    def _exports_leave(self, plan: Plan) -> bool:
        """Reservation exports for a pass over un-exported leads; tell whether some are still under way.

        Called in a write transaction, as exports are claimed: none begins after this.
        """
        if plan.lifecycle != "new":
            return False
        self._context.paging_new.up = True
        return any(source == self.name for source, _ in self._ledger.in_flight)

    def _let_exports_go(self) -> None:
        """End the hold while the lane stands still; the pass then begins with its first page again."""
        if self._context.paging_new.up:
            self._passes.restart(current=True)
            self._context.paging_new.up = False
            self._wake("export", self.name)

    # Beginning

    def _is_owed(self, plan: Plan) -> bool:
        """Whether a pass may take the slots that are kept for a scheduled pull: it is one, or one waits for its end."""
        return plan.kind == LIVE and (self._owed or not plan.extra)

    def _live_plan(self, limit: int | None) -> Plan:
        context, now = self._context, self._clock.now()
        with self._ledger.write() as connection:
            row = sources.load_source(connection, self.name)
            floor, guessed = row.floor, False
            if not row.started and floor is None:
                floor, guessed = floor_of(context.start, now), context.start == "now"
                if not guessed:
                    sources.update_source(connection, self.name, floor=floor)
        plan = live_plan(
            row.watermark,
            context.lookback,
            context.start,
            floor=floor,
            started=bool(row.started),
            limit=limit,
        )
        return plan._replace(guessed=guessed)

    def _floor(self) -> float | None:
        with self._ledger.write() as connection:
            floor: float | None = sources.load_source(connection, self.name).floor
        return floor

    def _whole_plan(self) -> Plan:
        """All un-exported leads, from the source's floor on."""
        return Plan("reconcile", since=self._floor(), lifecycle="new", whole=True)

    def _reconcile_plan(self) -> Plan:
        """A sweep where CTGO is told of exports, for what it lists is then little; else a window of the last weeks.

        Also there a sweep is made when the books differ.
        """
        plan = self._whole_plan()
        with self._ledger.read() as connection:
            books = reconciliation.load(connection, self.name)
        if self._context.exports or wants_sweep(books):
            return plan
        since = self._clock.now() - self._context.reconcile_window
        return plan._replace(since=max(since, plan.since or 0.0), whole=False)

    def _begin(self, plan: Plan) -> Pass:
        with self._ledger.write() as connection:
            row = sources.load_source(connection, self.name)
        if self._context.stream_ids:
            return Pass(plan, deque(self._context.stream_ids), Walk(documented=True))
        by_campaign = row.listing == "campaigns"
        if by_campaign and plan.kind == RECONCILE:  # the listing of all may be back
            return Pass(plan, deque([EVERYTHING]), Walk(documented=False), retrying=True)
        return Pass(plan, deque([THE_CAMPAIGNS if by_campaign else EVERYTHING]), Walk(documented=by_campaign))

    # Asking

    def _request(self, current: Pass, hold: Reservation | None) -> Batch:
        assert hold is not None  # noqa: S101 - a batch that is not there yet is asked for with one
        listing = current.listings[0]
        current.requests += 1
        if listing == THE_CAMPAIGNS:
            return self._learn_campaigns(current, hold)
        try:
            page = hold.call(lambda: self._ask(listing, current.plan, current.walk.offset))
        except (Reject, Halt) as why:
            page = self._pass_over(current, listing, why)
        else:
            self._passed_over.pop(listing, None)
            current.answered = True
        if current.plan.guessed:
            self._fix_floor(current.plan, page.server_date)
            current.plan = current.plan._replace(guessed=False)
        return self._count(current, page) if current.plan.kind == CHECK else self._read(current, page)

    def _pass_over(self, current: Pass, listing: int, why: Reject | Halt) -> Page:
        """List nothing of one campaign: it is not, or no longer, ours, and its leads that we have stay.

        Raises the failure where it is about more than this campaign: also when each is refused.
        """
        if isinstance(why, Halt):
            alone = len(current.listings) == 1 and not current.answered
            if why.code != "forbidden" or listing == EVERYTHING or alone:
                raise why
        if self._passed_over.get(listing) != why.code:
            self._log.warning("campaign_skipped", source=self.name, stream=listing, code=why.code)
        self._passed_over[listing] = why.code
        return Page(rows=(), total=0, has_more=False, server_date=None)

    def _fix_floor(self, plan: Plan, server_date: float | None) -> None:
        """Fix where a source begins that takes what comes from now on: CTGO's clock says what is now."""
        floor = plan.since if server_date is None else server_date
        with self._ledger.write() as connection:
            sources.update_source(connection, self.name, floor=floor)
        if plan.since is not None and floor is not None and abs(floor - plan.since) > CLOCKS_APART:
            raise _Elsewhen

    def _count(self, current: Pass, page: Page) -> Batch:
        """Add up what a comparison asked; its row is no news."""
        current.total = None if page.total is None or current.total is None else current.total + page.total
        current.listings.popleft()
        return Batch((), (), last=not current.listings)

    def _ask(self, listing: int, plan: Plan, offset: int) -> Page:
        upstream, since, lifecycle = self._context.upstream, plan.since, plan.lifecycle
        limit = 1 if plan.kind == CHECK else PAGE
        if listing == EVERYTHING:
            return upstream.leads(since=since, lifecycle=lifecycle, limit=limit, offset=offset)
        return upstream.stream_leads(listing, since=since, lifecycle=lifecycle, limit=limit, offset=offset)

    def _learn_campaigns(self, current: Pass, hold: Reservation) -> Batch:
        names = {stream.id: stream.name for stream in hold.call(self._context.upstream.streams)}
        with self._ledger.write() as connection:
            labels.save_labels(connection, self.name, "stream", names, self._clock.now())
            sources.update_source(connection, self.name, listing="campaigns")
            known = labels.campaigns(connection, self.name)
        current.listings = deque(sorted({*names, *known}))
        return Batch((), (), last=not current.listings)

    def _read(self, current: Pass, page: Page) -> Batch:
        leads: list[tuple[Lead, str]] = []
        malformed: list[Malformed] = []
        keys: list[int] = []
        for row in page.rows:
            parsed = parse_lead(self.name, row)
            if isinstance(parsed, Malformed):
                malformed.append(parsed)
                keys.append(hash((parsed.key, parsed.digest)))
            else:
                leads.append(parsed)
                keys.append(hash(parsed[0].key))
        if current.server_date is None:
            current.server_date = page.server_date
        if current.walk.take(keys, page.total, has_more=page.has_more) == "done":
            self._end_listing(current)
        if leads:
            newest = max(lead.discovered_at for lead, _ in leads).timestamp()
            current.newest = max(newest, current.newest or 0.0) or None
        until = current.plan.until
        if until is not None:
            leads = [(lead, text) for lead, text in leads if lead.discovered_at.timestamp() < until]
        return Batch(leads, malformed, last=not current.listings)

    def _end_listing(self, current: Pass) -> None:
        walk, current.walk = current.walk, Walk(documented=True)
        current.calm &= walk.calm
        if walk.total is None or walk.moved or current.total is None:
            current.total = None  # what came meanwhile may not have been seen
        else:
            current.total += walk.total
        current.unmet += walk.unmet
        if current.listings.popleft() == EVERYTHING and current.retrying:
            self._log.info("listing_changed", source=self.name, to="all", why="It can be walked again.")
            with self._ledger.write() as connection:
                sources.update_source(connection, self.name, listing="all")

    # Taking in

    def _take_in(self, current: Pass, batch: Batch, lane: LaneState, hold: Reservation | None) -> None:
        limit, plan = current.plan.limit, current.plan
        with self._ledger.write() as connection:
            room = None if limit is None else limit - current.new
            now, refill = self._clock.now(), plan.kind == "window"
            page = flood_gate.page(connection, self._context.gates, self.name, plan.kind)
            ingested = take_page(
                connection, self._ledger, self._context, batch, now, refill=refill, room=room
            )
            enough = limit is not None and current.new + ingested.new >= limit
            done = batch.last or enough
            if plan.kind != CHECK:
                flood_gate.take_in(connection, self._context.gates, page, now, over=done)
            if plan.window is not None:
                windows.found(connection, plan.window, ingested.new, self._clock.now() if done else None)
            if done:
                self._finish(connection, current)
                self._recover(
                    connection, lane
                )  # not before: a pass that fails on its third page every time is not well
            self._context.pacer.close(connection, hold)
        self._ledger.fresh.keep(ingested.admitted)
        current.new += ingested.new
        current.batch = None
        if done:
            self._passes.current = None
        self._context.paging_new.up = self._passes.holds_exports
        if done and plan.kind == LIVE:
            self.pulled, self.cost = self._clock.monotonic(), max(1, current.requests)
            self._owed = LIVE in self._passes.asked and plan.extra and self._owed
            self._wake("push", self.name)  # it waits for the first pull
        self._tell(current, ingested, done=done)

    def _finish(self, connection: Transaction, current: Pass) -> None:
        now, plan = self._clock.now(), current.plan
        believed = current.calm or not plan.whole
        if plan.moves_watermark and believed:
            to = watermark_after(current.newest, current.server_date, now, plan.since)
            sources.move_watermark(connection, self.name, to, now)
        elif plan.moves_watermark:
            sources.update_source(connection, self.name, pulled_at=now)
        if plan.kind == LIVE and self._scheduled is not None:
            at, every = self._scheduled
            self._context.pacer.schedule_pull(connection, at, current.requests, every)
        if plan.lifecycle == "new" and plan.limit is None and plan.kind != CHECK and believed:
            sources.update_source(connection, self.name, reconciled_at=now)
        if plan.whole:
            self._keep_books(connection, current, now)

    def _keep_books(self, connection: Transaction, current: Pass, now: float) -> None:
        """Write down what a comparison, a sweep or a first pass found, and say what is new of it."""
        before = reconciliation.load(connection, self.name)
        plan, held = current.plan, reconciliation.held(connection, self.name)
        if plan.kind == CHECK:
            books = after_check(before, current.total, held, now)
            if wants_sweep(books):
                self.ask_reconcile()
        elif not current.calm:
            books = after_restless(before, now)
        elif plan.lifecycle == "new":
            books = after_sweep(before, current.total, current.unmet, held, now)
            self._passes.asked.pop(CHECK, None)  # this was one
        else:
            books = before._replace(restless=0)
        if books != before:
            reconciliation.save(connection, self.name, books)
        self._tell_books(before, books)

    def _tell_books(self, before: Books, books: Books) -> None:
        if books.missing and (books.missing, books.swept) != (before.missing, before.swept):
            self._log.warning("leads_missing", source=self.name, n=books.missing, swept=books.swept)
        if books.restless > before.restless:
            self._log.warning("listing_restless", source=self.name, sweeps=books.restless)
        if books.unmet != before.unmet and books.unmet:
            self._log.info("leads_counted_and_not_listed", source=self.name, n=books.unmet)

    def _recover(self, connection: Transaction, lane: LaneState) -> None:
        if lane.status != "open" or lane.code:
            well = reopened(lane)._replace(code="", detail="", failures=0, probing=False)
            save_lane(
                connection, kept_by_hand(load_lane(connection, self.kind, self.name), well, self._clock.now())
            )
            tell_lane(self._log, lane, well)

    def _tell(self, current: Pass, ingested: Ingested, *, done: bool) -> None:
        # At its end a pass wakes every lane: it has freed what it held till then
        for connector in self._context.takers.names if done else ingested.connectors:
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
            self._log.info("leads_pulled", source=self.name, n=current.new, pass_=current.plan.kind)

    # Failing

    def _close(self, hold: Reservation | None) -> None:
        if hold is not None:
            with self._ledger.write() as connection:
                self._context.pacer.close(connection, hold)

    def _list_by_campaign(self, current: Pass, why: str) -> Next:
        """Once the list of campaigns is there, the ledger remembers this for the source."""
        if not current.retrying:
            self._log.warning("listing_changed", source=self.name, to="campaigns", why=why)
        current.retrying = False
        current.listings, current.walk = deque([THE_CAMPAIGNS]), Walk(documented=True)
        return AGAIN

    def _fail(self, current: Pass, why: Failure, lane: LaneState, hold: Reservation | None) -> Next:
        if current.listings[0] == EVERYTHING and _suggests_campaigns(why, lane, again=current.retrying):
            self._close(hold)
            return self._list_by_campaign(current, why.detail)
        anew = why.code in {"page_repeated", "page_short", "unexpected_answer"}
        self._passes.restart(current=anew or current.plan.lifecycle == "new")
        self._context.paging_new.up = False
        terms = Terms(self._clock.now(), self._context.policy, self._chance)
        stop = isinstance(why, Halt | Reject)
        with self._ledger.write() as connection:
            self._context.pacer.close(connection, hold)
            before = load_lane(connection, self.kind, self.name)
            if stop:
                halt_lanes(connection, SOURCE_LANES, self.name, why, terms.now)
                after = halted(before, why, terms.now)
            else:
                after = kept_by_hand(before, paused(reopened(before), why, terms), terms.now)
                save_lane(connection, after)
            if after.failures >= STUCK and current.plan.kind != CHECK:
                # A pass that never ends must not hold for ever what it brought
                page = flood_gate.page(connection, self._context.gates, self.name, current.plan.kind)
                flood_gate.take_in(connection, self._context.gates, page, terms.now, over=True)
        tell_lane(self._log, before, after)
        for connector in self._context.takers.names if after.failures >= STUCK else ():
            self._wake("deliver", connector)
        self._wake("export", self.name)  # it may have waited for this pass, or must learn of the halt
        return Next(after.wait(terms.now, terms.policy.probe), after.code)


def _suggests_campaigns(why: Failure, lane: LaneState, *, again: bool) -> bool:
    """Tell whether `/leads` is not what we hope: no such path, or twice in a row another shape.

    `again`: whether it is only tried again, and the campaigns are the way that works.
    """
    if isinstance(why, Halt):
        return why.code == "wrong_address"
    twice = again or lane.code == "unexpected_answer"
    return isinstance(why, Pause) and why.code == "unexpected_answer" and twice
