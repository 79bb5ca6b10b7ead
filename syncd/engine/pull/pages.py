"""The listings of one source at CTGO: a request each, read into a batch."""

from collections import Counter, deque
from collections.abc import Sequence
from typing import Final

from syncd.connector import Logger
from syncd.core.failure import Halt, Pause, Reject
from syncd.core.lead import Lead, Malformed, parse_lead
from syncd.core.reconciliation import Books, after_check, after_restless, after_sweep
from syncd.ctgo import Page
from syncd.engine.budget import Reservation
from syncd.engine.fanout import admit
from syncd.engine.lane import LaneTools
from syncd.engine.pull.passes import CHECK, LIVE, PAGE, RECONCILE, Batch, Pass, Plan, Walk, watermark_after
from syncd.engine.source import SourceContext
from syncd.ledger import Ledger, Transaction, sources
from syncd.ledger.leads import ingest
from syncd.ledger.leads.ingest import Admission, Ingested
from syncd.ledger.tombstones import without_forgotten

EVERYTHING: Final = 0
"""The listing of all campaigns at once; any other number is a campaign's id."""
THE_CAMPAIGNS: Final = -1
"""Not leads but the list of campaigns, asked for before they are listed one by one."""
OF_ONE_CAMPAIGN = frozenset({"forbidden", "bad_request", "api_gone"})
"""Refusals that are about the campaign which was asked for, if another one is listed."""
ENOUGH_FAILURES = 3
"""Failures in a row after which a campaign is passed over, so that the others are listed."""
CLOCKS_APART = 2.0
"""Seconds by which this machine's clock and CTGO's may differ and count as equal."""


class Elsewhen(Exception):  # noqa: N818 - an answer: the pass begins anew with the floor that CTGO's clock says
    """The clocks of CTGO and of this machine are apart."""


class Listings:
    """Asks CTGO for a source's leads: all campaigns at once, or one campaign after the other."""

    def __init__(self, context: SourceContext, tools: LaneTools) -> None:
        """`context`: the source's."""
        self._context, self._name = context, context.name
        self._ledger, self._clock, self._log, *_ = tools
        self.torn = False
        """True if exports were made between two tries of a pass over un-exported leads."""
        self._failures: Counter[int] = Counter()
        """Failures in a row of a campaign's listing."""
        self._passed_over: dict[int, str] = {}
        """Campaigns that the last pass could not list, by the code that says why."""

    def begin(self, plan: Plan) -> Pass:
        """Begin a pass with the first listing that it needs.

        An export marks all rows of its id, at each key of the account. So where there may have been one, a first pass
        lists the exported leads too, and so does a sweep that exports did not wait for: the connectors are still owed
        those that only this ledger marked.
        """
        with self._ledger.write() as connection:
            row = sources.load_source(connection, self._name)
            if plan.lifecycle == "new" and plan.kind != CHECK:
                marked = plan.kind == LIVE and ingest.may_have_marked(connection, self._name)
                plan = plan._replace(lifecycle=None if marked or self.torn else "new")
        if self._context.stream_ids:
            return Pass(plan, deque(self._context.stream_ids), Walk(documented=True), promised=True)
        by_campaign = row.listing == "campaigns"
        if by_campaign and plan.kind == RECONCILE:  # the listing of all may be back
            return Pass(plan, deque([EVERYTHING]), Walk(documented=False), retrying=True)
        return Pass(plan, deque([THE_CAMPAIGNS if by_campaign else EVERYTHING]), Walk(documented=by_campaign))

    def request(self, current: Pass, slots: Reservation) -> Batch:
        """Ask for the next page of a pass, or for the list of campaigns."""
        listing = current.listings[0]
        current.requests += 1
        if listing == THE_CAMPAIGNS:
            return self._learn_campaigns(current, slots)
        try:
            page = slots.call(lambda: self._ask(listing, current.plan, current.walk.offset))
        except (Reject, Halt, Pause) as why:
            page = self._pass_over(current, listing, why)
        else:
            self._passed_over.pop(listing, None)
            self._failures.pop(listing, None)
            current.answered = True
        if current.plan.guessed:
            self._fix_floor(current.plan, page.server_date)
            current.plan = current.plan._replace(guessed=False)
        return self._count(current, page) if current.plan.kind == CHECK else self._read(current, page)

    def _pass_over(self, current: Pass, listing: int, why: Reject | Halt | Pause) -> Page:
        """List nothing of one campaign: it is not, or no longer, ours, or it failed several times. Its leads that we have stay.

        Raises the failure where it is about more than this campaign: also when each is refused.
        """
        alone = len(current.listings) == 1 and not current.answered
        if isinstance(why, Pause):
            self._note_failure(current, listing, why, alone=alone)
        elif isinstance(why, Halt) and (why.code not in OF_ONE_CAMPAIGN or listing == EVERYTHING or alone):
            raise why
        if alone and current.promised:
            raise Pause("campaigns_not_found", why.detail)
        if self._passed_over.get(listing) != why.code:
            self._log.warning("campaign_skipped", source=self._name, stream=listing, code=why.code)
        self._passed_over[listing] = why.code
        current.partial = True
        return Page(rows=(), total=0, has_more=False, server_date=None)

    def _note_failure(self, current: Pass, listing: int, why: Pause, *, alone: bool) -> None:
        """Count a failure of a campaign's listing. Raises it until it came so often that the other campaigns go on without."""
        self._failures[listing] += 1
        if alone:  # none answers: CTGO fails, not a campaign
            current.listings.extend(current.failed)
            current.failed.clear()
            self._failures.clear()
        if (
            alone
            or listing == EVERYTHING
            or why.code == "rate_limited"
            or self._failures[listing] < ENOUGH_FAILURES
        ):
            raise why
        current.failed[listing] = why.detail
        self.torn |= self._context.exports  # exports go on, and may mark rows of this campaign

    def _fix_floor(self, plan: Plan, server_date: float | None) -> None:
        """Fix where a source begins that takes what comes from now on: CTGO's clock says what is now."""
        floor = plan.since if server_date is None else server_date
        with self._ledger.write() as connection:
            sources.update_source(connection, self._name, floor=floor)
        if plan.since is not None and floor is not None and abs(floor - plan.since) > CLOCKS_APART:
            raise Elsewhen

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

    def _learn_campaigns(self, current: Pass, slots: Reservation) -> Batch:
        names = {stream.id: stream.name for stream in slots.call(self._context.upstream.streams)}
        with self._ledger.write() as connection:
            sources.save_labels(connection, self._name, "stream", names, self._clock.now())
            sources.update_source(connection, self._name, listing="campaigns")
            known = sources.campaigns(connection, self._name)
        current.listings, current.promised = deque(sorted({*names, *known})), bool(names)
        return Batch((), (), last=not current.listings)

    def _read(self, current: Pass, page: Page) -> Batch:
        leads: list[tuple[Lead, str]] = []
        malformed: list[Malformed] = []
        keys: list[int] = []
        for row in page.rows:
            parsed = parse_lead(self._name, row)
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
            self._log.info("listing_changed", source=self._name, to="all", why="It can be walked again.")
            with self._ledger.write() as connection:
                sources.update_source(connection, self._name, listing="all")


def take_page(
    connection: Transaction,
    ledger: Ledger,
    context: SourceContext,
    batch: Batch,
    now: float,
    *,
    refill: bool,
    room: int | None,
) -> Ingested:
    """Ingest a page as part of a transaction. Raises ExportUnderWay: roll back, and come again soon.

    `refill`: whether known leads get their payload back; `room`: how many new leads are wanted at the most, None for all.
    """
    leads, malformed = without_forgotten(connection, batch.leads, batch.malformed)
    if room is not None:
        known = ingest.known_keys(connection, context.name, [lead.id for lead, _ in leads])
        leads = [(lead, text) for lead, text in leads if lead.key not in known][: max(0, room)]
    admissions = _admissions(connection, context, leads)
    return ingest.ingest(connection, ledger.in_flight, admissions, malformed, now, refill=refill)


def _admissions(
    connection: Transaction, context: SourceContext, leads: Sequence[tuple[Lead, str]]
) -> list[Admission]:
    marked = [lead for lead, _ in leads if lead.exported_at is not None]
    if context.recipients.unconditional and not marked:  # nothing to decide
        state, deliveries = context.recipients.usual_state, context.recipients.usual
        return [Admission(lead, payload, state, deliveries) for lead, payload in leads]
    ours = ingest.exported_here(connection, context.name, marked)
    return [
        admit(
            lead,
            payload,
            context.recipients,
            take_exported=context.start == "all",
            exported_here=lead.id in ours,
        )
        for lead, payload in leads
    ]


def finish_pass(connection: Transaction, context: SourceContext, current: Pass, now: float) -> None:
    """Write the source's watermark and times after a pass, in the transaction of its last page."""
    plan = current.plan
    believed = current.calm or not plan.whole
    if plan.moves_watermark and believed:
        to = watermark_after(current.newest, current.server_date, now, plan.since)
        sources.move_watermark(connection, context.name, to, now)
    elif plan.kind == LIVE:  # it saw no calm list, or only so many leads as it was told
        sources.update_source(connection, context.name, pulled_at=now)
    if plan.lifecycle == "new" and plan.limit is None and plan.kind != CHECK and believed:
        sources.update_source(connection, context.name, reconciled_at=now)


def keep_books(connection: Transaction, source: str, current: Pass, now: float, log: Logger) -> Books:
    """Write the findings of a comparison, a sweep or a first pass; log what is new of them."""
    before = sources.load_books(connection, source)
    plan, held = current.plan, sources.unexported(connection, source)
    if plan.kind == CHECK:
        books = after_check(before, current.total, held, now)
    elif not current.calm:
        books = after_restless(before, now)
    elif plan.lifecycle == "new":
        books = after_sweep(before, current.total, current.unmet, held, now)
    else:
        books = before._replace(restless=0)
    if books != before:
        sources.save_books(connection, source, books)
    if books.missing and (books.missing, books.swept) != (before.missing, before.swept):
        log.warning("leads_missing", source=source, n=books.missing, swept=books.swept)
    if books.restless > before.restless:
        log.warning("listing_restless", source=source, sweeps=books.restless)
    if books.unmet != before.unmet and books.unmet:
        log.info("leads_counted_and_not_listed", source=source, n=books.unmet)
    return books
