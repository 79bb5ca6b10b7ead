"""The state behind the API: leads, exports, credits, failures to come. One lock round all of it.

The world reads time only from the callable it is given, and moves on only when it is asked something: leads that were
due in the meantime are found then, at the instants at which they were due.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from threading import RLock
from typing import Any

from syncd.simulator.campaigns import build
from syncd.simulator.discovery import FUTURE, Discovery
from syncd.simulator.enrichment import Enriched, enrich
from syncd.simulator.faults import Fault, Faults
from syncd.simulator.feedback import FEEDBACK_LEAD_NOT_FOUND, SEGMENT_NOT_FOUND, FeedbackBook, Judgement
from syncd.simulator.gate import Gate
from syncd.simulator.listing import Page, Query, Shelves
from syncd.simulator.options import Options
from syncd.simulator.people import draw
from syncd.simulator.replies import (
    ALREADY_EXPORTED,
    CREDITS_EXHAUSTED,
    ENRICH_LEAD_NOT_FOUND,
    LEAD_NOT_FOUND,
    PROFILE_MISSING,
    Refusal,
)
from syncd.simulator.row import Row
from syncd.simulator.traffic import Request, Traffic
from syncd.simulator.window import MINUTE, Verdict


@dataclass(frozen=True, slots=True)
class Export:
    """The first export of a lead id: when it took effect (epoch seconds), and the how manieth it was (from 1)."""

    instant: float
    order: int


class World:
    """One CTGO account.

    Attributes:
        options: The switches.
        now: The clock, epoch seconds.
        start: When the world began.
        campaigns: Its campaigns.
        on_export: Called with the lead id the instant a POST of an export arrives, before it is authorised, limited
            or applied, whatever becomes of it; without the lock. What it raises leaves the WSGI app.
        exported: Lead id -> its first export, in order.
        export_counts: Lead id -> exports that took effect or were accepted as a repeat.
        credits: Balance; may be set.
        feedback: What was said of leads.
        lock: Held by every method; hold it to read several things at one instant.
    """

    def __init__(self, options: Options, now: Callable[[], float] = time.time) -> None:
        self.options = options
        self.now = now
        self.start = now()
        self.campaigns = build(options)
        self.on_export: Callable[[int], object] | None = None
        self.exported: dict[int, Export] = {}
        self.export_counts: Counter[int] = Counter()
        self.credits = options.credits
        self.feedback = FeedbackBook()
        self.lock = RLock()
        self._traffic = Traffic(options.request_log)
        self._gate = Gate(options)
        self._faults = Faults()
        hidden = {
            campaign.id for campaign in self.campaigns if campaign.archived and not options.archived_in_leads
        }
        self._shelves = Shelves(options, hidden)
        self._discovery = Discovery(options, self.campaigns)
        self._rows: defaultdict[int, list[Row]] = defaultdict(list)
        self._waiting: list[tuple[float, int, Row]] = []
        self._found = 0
        self._arrived = 0
        self._pages = 0
        self._paid: defaultdict[int, set[str]] = defaultdict(set)
        self._begin()

    def add_leads(
        self,
        count: int,
        *,
        discovered: float | None = None,
        listed_from: float | None = None,
        stream_id: int | None = None,
    ) -> list[int]:
        """Find that many leads.

        Args:
            count: How many people; with `repeats` there may be more rows.
            discovered: Epoch seconds, now by default; an earlier one makes them late.
            listed_from: Epoch seconds from which they are listed; by default at once, unless they are late by trait.
            stream_id: Keeps them to one campaign.

        Returns:
            Their ids, one for each row, in order.
        """
        with self.lock:
            instant = self._advance()
            dated = instant if discovered is None else discovered
            rows = [row for _ in range(count) for row in self._find(dated, listed_from, stream_id)]
            self._advance()
            return [row.id for row in rows]

    def amend_lead(self, lead_id: int, changes: dict[str, Any]) -> None:
        """Set members of every row of an id as they are listed; those of `profile` go into the profile."""
        with self.lock:
            for row in self._rows[lead_id]:
                row.change(changes)

    def remove_lead(self, lead_id: int) -> None:
        """Make every row of an id vanish: it is listed no more, and exporting or enriching it is 404."""
        with self.lock:
            for row in self._rows.pop(lead_id, []):
                if row.listed:
                    self._shelves.remove(row)

    def listed(self) -> tuple[Row, ...]:
        """Every row that `GET /leads` lists now, by discovery."""
        with self.lock:
            self._advance()
            return self._shelves.rows()

    def page(self, query: Query) -> Page:
        """One page of a listing."""
        with self.lock:
            self._advance()
            self._pages += 1
            return self._shelves.page(query, draw(self.options.seed, "page", self._pages))

    def summary(self, query: Query) -> dict[str, int]:
        """Counts of a listing."""
        with self.lock:
            self._advance()
            return self._shelves.summary(query)

    def export(self, lead_id: int) -> Refusal | None:
        """Mark a lead exported; None if that was accepted."""
        with self.lock:
            instant = self._advance()
            rows = self._known(lead_id)
            if not rows:
                return LEAD_NOT_FOUND
            new = [row for row in rows if row.exported is None]
            if not new and self.options.export_repeat == "conflict":
                return ALREADY_EXPORTED
            if not new and self.options.export_repeat == "ok":
                marked: Sequence[Row] = ()
            elif self.options.export_scope == "row":
                marked = (new or rows)[:1]
            else:
                marked = self._rows[lead_id]
            for row in marked:
                self._mark(row, instant)
            self.export_counts[lead_id] += 1
            self.exported.setdefault(lead_id, Export(instant, len(self.exported) + 1))
            return None

    def enrich(
        self, lead_id: int, outputs: Collection[str], mode: str
    ) -> tuple[Row, Enriched, int] | Refusal:
        """Look the person of a lead up and charge for it; a row, what was found, and the credits left."""
        with self.lock:
            self._advance()
            rows = self._known(lead_id)
            if not rows:
                return ENRICH_LEAD_NOT_FOUND
            person = rows[0].person
            if (
                draw(self.options.seed, "profile", person.x_user_id).random()
                < self.options.profile_missing_rate
            ):
                return PROFILE_MISSING
            answer = enrich(person, outputs, mode, self._paid[lead_id], self.options)
            if answer.most > self.credits:
                return CREDITS_EXHAUSTED
            self.credits -= answer.cost
            self._paid[lead_id] |= set(outputs)
            return rows[0], answer, self.credits

    def judge(self, lead_id: int, judgement: Judgement) -> Refusal | None:
        """Take feedback on a lead; None if that was accepted. A segment is known when it is one of the account's."""
        with self.lock:
            instant = self._advance()
            if not self._known(lead_id):
                return FEEDBACK_LEAD_NOT_FOUND
            segments = {pair.segment_id for campaign in self.campaigns for pair in campaign.pairs}
            if judgement.segment_id not in segments:
                return SEGMENT_NOT_FOUND
            self.feedback.take(lead_id, judgement, instant)
            return None

    @property
    def requests(self) -> Sequence[Request]:
        """The requests under /api that are remembered, oldest first."""
        with self.lock:
            return tuple(self._traffic.requests)

    def busiest_minute(self) -> int:
        """Largest number of requests of one key in any 60 seconds, refused ones included."""
        with self.lock:
            return self._traffic.busiest_minute()

    def arrived(self, request: Request) -> None:
        """Note a request."""
        with self.lock:
            self._traffic.arrived(request)

    def answered(self, request: Request, status: int) -> None:
        """Note its answer."""
        with self.lock:
            self._traffic.answered(request, status)

    def refusal(self, key: str) -> Refusal | None:
        """Why a key is not let in; None if it is."""
        with self.lock:
            return self._gate.refusal(key)

    def admit(self, key: str, arrival: float) -> Verdict:
        """Take a request off the key's allowance."""
        with self.lock:
            return self._gate.admit(key, arrival)

    def headers(self, verdict: Verdict, arrival: float) -> Mapping[str, str]:
        """The headers of an allowance."""
        return self._gate.headers(verdict, arrival)

    def revoke(self, key: str | None = None) -> None:
        """Make a key permanently dead; without one, every key that was let in so far."""
        with self.lock:
            self._gate.revoke(key)

    def fail(self, fault: Fault) -> None:
        """Make the next calls of a route fail."""
        with self.lock:
            self._faults.plan(fault)

    def take_fault(self, route: str) -> Fault | None:
        """The failure that a call of this route meets now."""
        with self.lock:
            return self._faults.take(route)

    def stats(self) -> dict[str, Any]:
        """What happened so far, as `GET /_sim/stats` shows it."""
        with self.lock:
            self._advance()
            return {
                **self._traffic.stats(),
                "exports": {
                    "accepted": self.export_counts.total(),
                    "leads": len(self.exported),
                    "byId": {str(lead_id): count for lead_id, count in self.export_counts.items()},
                },
                "leads": {
                    "listed": self._shelves.count(),
                    "new": self._shelves.count("new"),
                    "exported": self._shelves.count("exported"),
                },
                "credits": self.credits,
            }

    def _begin(self) -> None:
        options = self.options
        last = options.leads - 1
        for number in range(options.leads):
            seconds_ago = ((last - number) // options.per_second + 1) * options.spacing
            self._find(self.start - seconds_ago)
        if options.future_lead:
            self._find(FUTURE, listed_from=self.start)
        self._advance()

    def _find(
        self, discovered: float, listed_from: float | None = None, stream_id: int | None = None
    ) -> list[Row]:
        rows = self._discovery.find(self._found, discovered, listed_from=listed_from, stream_id=stream_id)
        self._found += 1
        for row in rows:
            self._rows[row.id].append(row)
            heappush(self._waiting, (row.listed_from, row.sequence, row))
        return rows

    def _advance(self) -> float:
        """Let come what is due; the instant."""
        instant = self.now()
        options = self.options
        if options.leads_per_minute:
            every = MINUTE / options.leads_per_minute * options.per_second
            while (due := self.start + (self._arrived // options.per_second + 1) * every) <= instant:
                self._find(due)
                self._arrived += 1
        while self._waiting and self._waiting[0][0] <= instant:
            row = heappop(self._waiting)[2]
            if row in self._rows[row.id]:
                row.listed = True
                self._shelves.add(row)
        return instant

    def _known(self, lead_id: int) -> list[Row]:
        return [row for row in self._rows.get(lead_id, ()) if row.listed]

    def _mark(self, row: Row, instant: float) -> None:
        if row.listed:
            self._shelves.remove(row)
        row.mark_exported(instant)
        if row.listed:
            self._shelves.add(row)
