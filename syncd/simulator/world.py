"""The state behind the API, under one lock.

The world reads time only from the given clock, and moves on only when somebody asks it something. Then everything due
happens in order, at its own instant: leads, ends of runs, scheduled tiers.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import inf
from operator import attrgetter
from threading import RLock
from typing import Any

from syncd.simulator.campaigns.accounts import Accounts
from syncd.simulator.campaigns.models import Campaign, Pair
from syncd.simulator.campaigns.runs import Run, Runs
from syncd.simulator.campaigns.segments import Segments
from syncd.simulator.campaigns.streams import Streams, XHandles
from syncd.simulator.gateway import MINUTE, Gateway, Request
from syncd.simulator.leads.enrichment import Lookups
from syncd.simulator.leads.feedback import FeedbackStore
from syncd.simulator.leads.listing import Listing
from syncd.simulator.leads.row import Row
from syncd.simulator.leads.store import FUTURE, Leads
from syncd.simulator.options import Options
from syncd.simulator.preferences import Preferences
from syncd.simulator.webhooks import Subscriptions

SyncObserver = Callable[[Sequence[Row]], object]


class World:
    """One CTGO account.

    Attributes:
        options: The switches.
        start: Epoch seconds of the world's start.
        instant: Epoch seconds up to which everything due has happened. A view takes it for now.
        gateway: Keys, rate limits, planned failures, and the log of requests.
        fail, revoke, busiest_minute: As those of the gateway.
        handles, accounts, segments, streams, runs, lookups, preferences, leads, listing: The rest of the state; use it
            within `moment()`.
        on_export: Called with the lead id when the POST of an export arrives, before the key is checked, and without
            the lock. Its errors leave the WSGI app.
        sync_observers: Each is called with the new rows of a completed sync, at least one. Leads outside of runs are a
            sync of their own when they are listed; the first leads are not. The call holds the lock, so an observer
            must return at once.
        exported: The first export of each lead id, in order.
        export_counts: Number of accepted exports for each lead id.
        lock: Every method holds it; a caller holds it to read several things at one instant.
    """

    def __init__(self, options: Options, now: Callable[[], float] = time.time) -> None:
        self.options = options
        self.start = self.instant = now()
        self.lock = RLock()
        self.on_export: Callable[[int], object] | None = None
        self.sync_observers: list[SyncObserver] = []
        self.gateway = Gateway(options)
        self.fail, self.revoke = self.gateway.fail, self.gateway.revoke
        self.busiest_minute = self.gateway.busiest_minute
        self.handles = XHandles(options)
        self.accounts = Accounts(options, self.start)
        self.segments = Segments(options, self.start)
        self.streams = Streams(options, self.start, self.accounts, self.segments, self.handles)
        self.lookups = Lookups(options)
        self.preferences = Preferences(options)
        self.feedback = FeedbackStore()
        self.subscriptions = Subscriptions(options)
        self.sync_observers.append(self.subscriptions.announce)
        self._clock = now
        self._ahead = 0.0
        self.listing = Listing(options, self._hidden())
        self.leads = Leads(options, self.listing)
        self.exported = self.leads.exported
        self.export_counts = self.leads.export_counts
        self.runs = Runs(options, self.accounts, self.streams, self.segments, self._discover)
        self._fed = tuple(pair for campaign in self.campaigns for pair in campaign.pairs)
        self._of_runs: set[int] = set()
        self._arrived = 0
        self._begin()

    def now(self) -> float:
        """Return the clock's epoch seconds."""
        return self._clock() + self._ahead

    def advance(self, seconds: float = 0.0) -> None:
        """Let this much time pass at once."""
        with self.lock:
            self._ahead += seconds
            self._advance()

    @contextmanager
    def moment(self) -> Iterator[float]:
        """Hold the lock, move on, and yield the instant."""
        with self.lock:
            yield self._advance()

    def refresh_pairs(self) -> None:
        """Note a change of campaigns or accounts, so that leads follow it."""
        self._fed = tuple(self.streams.fed())
        self.listing.hide(self._hidden())

    def add_leads(
        self,
        count: int,
        *,
        discovered: float | None = None,
        listed_from: float | None = None,
        stream_id: int | None = None,
    ) -> list[int]:
        """Find new leads, and return the id of each row, in order. An unknown campaign gets no leads.

        Args:
            count: Number of people; the option `repeats` may add rows.
            discovered: Epoch seconds, by default now; an earlier instant makes the leads late.
            listed_from: Epoch seconds of their listing; by default at once, except late leads.
            stream_id: The campaign; by default any.
        """
        with self.lock:
            instant = self._advance()
            dated = instant if discovered is None else discovered
            pairs = self._fed if stream_id is None else self._pairs_of(stream_id)
            rows = [row for _ in range(count) for row in self.leads.find(pairs, dated, listed_from)]
            self._advance()
            return [row.id for row in rows]

    def amend_lead(self, lead_id: int, changes: dict[str, Any]) -> None:
        """Replace members of every row of an id; those of `profile` go into the profile."""
        with self.lock:
            self.leads.amend(lead_id, changes)

    def remove_lead(self, lead_id: int) -> None:
        """Remove every row of an id, so that its export or enrichment is a 404."""
        with self.lock:
            self.leads.remove(lead_id)

    def lose_mark(self, lead_id: int) -> None:
        """Take the mark of a lead back: it is listed as new again."""
        with self.lock:
            self.leads.lose_mark(lead_id)

    def listed(self) -> tuple[Row, ...]:
        """Return the rows of `GET /leads` by discovery."""
        with self.moment():
            return self.listing.rows()

    def rows(self) -> list[Row]:
        """Return every row, listed or not, in the order of their finding."""
        with self.moment():
            return sorted(self.leads.all(), key=attrgetter("sequence"))

    def export(self, lead_id: int) -> None:
        """Mark a lead exported. Raises RefusedError as `Leads.export` does."""
        with self.moment() as instant:
            self.leads.export(lead_id, instant)

    @property
    def requests(self) -> Sequence[Request]:
        """Logged requests under /api, oldest first."""
        return self.gateway.requests

    @property
    def campaigns(self) -> tuple[Campaign, ...]:
        """Every campaign, archived ones included."""
        return self.streams.campaigns

    @property
    def credits(self) -> int:
        """Enrichment credits of the team. Callers may set them."""
        return self.lookups.credits

    @credits.setter  # noqa: A003 - what the API calls it
    def credits(self, balance: int) -> None:
        self.lookups.credits = balance

    def stats(self) -> dict[str, Any]:
        """Return the counts of `GET /_sim/stats`."""
        with self.moment():
            return {
                **self.gateway.stats(),
                **self.leads.stats(),
                "credits": self.credits,
                "webhooks": self.subscriptions.stats(),
            }

    def _begin(self) -> None:
        options = self.options
        last = options.leads - 1
        found: list[Row] = []
        for number in range(options.leads):
            seconds_ago = ((last - number) // options.per_second + 1) * options.spacing
            found += self.leads.find(self._fed, self.start - seconds_ago)
        if options.future_lead:
            found += self.leads.find(self._fed, FUTURE, listed_from=self.start)
        self.runs.remember(self.start, found)
        self._advance()

    def _discover(self, pair: Pair, instants: Sequence[float]) -> list[Row]:
        rows = [row for instant in instants for row in self.leads.find((pair,), instant, instant)]
        self._of_runs |= {row.sequence for row in rows}
        return rows

    def _pairs_of(self, stream_id: int) -> Sequence[Pair]:
        return [pair for campaign in self.campaigns if campaign.id == stream_id for pair in campaign.pairs]

    def _hidden(self) -> set[int]:
        shown = self.options.archived_in_leads
        return {campaign.id for campaign in self.campaigns if campaign.archived and not shown}

    def _advance(self) -> float:
        """Let everything due happen, and return the instant."""
        self.instant = instant = self.now()
        while (end := self.runs.next_end() or inf) <= instant:
            self._list_due(end)
            for run in self.runs.ended(end):
                self._complete(run)
        self._list_due(instant)
        return instant

    def _list_due(self, instant: float) -> None:
        options = self.options
        if options.leads_per_minute:
            every = MINUTE / options.leads_per_minute * options.per_second
            while (due := self.start + (self._arrived // options.per_second + 1) * every) <= instant:
                self.leads.find(self._fed, due)
                self._arrived += 1
        listed = self.leads.list_due(instant)
        self.accounts.settle(instant)
        self._notify([row for row in listed if row.sequence not in self._of_runs])

    def _complete(self, run: Run) -> None:
        self._of_runs -= {row.sequence for row in run.rows}
        for campaign in self.campaigns:
            if campaign.id == run.pair.stream_id:
                run.enriched = self.lookups.enrich_rows(run.rows, campaign.setup)
        if run.mode == "sync-then-search" or self.options.retest_delivers:
            self._notify([row for row in run.rows if row.listed])

    def _notify(self, rows: Sequence[Row]) -> None:
        if rows:
            for observer in self.sync_observers:
                observer(rows)
