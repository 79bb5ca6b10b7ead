"""The leads of all campaigns: found, listed when due, exported.

Nothing here is thread-safe: hold the world's lock.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import Any

from syncd.simulator.campaigns.models import Pair
from syncd.simulator.instants import floored
from syncd.simulator.leads.bad_data import FLAWS, hostile
from syncd.simulator.leads.listing import Listing
from syncd.simulator.leads.people import Person, draw, person
from syncd.simulator.leads.row import Row
from syncd.simulator.options import Options
from syncd.simulator.refusals import ALREADY_EXPORTED, LEAD_NOT_FOUND, RefusedError

FIRST_ID = 90_211
FIRST_OWN_ID = 50_000_000  # ids of second rows, if each row has an id of its own
FUTURE = datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
HIGH_SHARE = 0.7


@dataclass(frozen=True, slots=True)
class Export:
    """The first export of a lead id: its instant (epoch seconds), and its position among all exports, from 1."""

    instant: float
    order: int


class Leads:
    """The rows of all campaigns.

    Attributes:
        listing: The listed rows.
        exported: The first export of each lead id, in order.
        export_counts: Number of accepted exports for each lead id.
    """

    def __init__(self, options: Options, listing: Listing) -> None:
        self.listing = listing
        self.exported: dict[int, Export] = {}
        self.export_counts: Counter[int] = Counter()
        self._options = options
        self._rows: defaultdict[int, list[Row]] = defaultdict(list)
        self._waiting: list[tuple[float, int, Row]] = []
        self._found = options.skip

    def find(self, pairs: Sequence[Pair], discovered: float, listed_from: float | None = None) -> list[Row]:
        """Find the next lead of one of these pairs: its row, or its two rows if it is a repeat. Without pairs, find nothing.

        The seed and the number of the lead alone determine it. Instants are epoch seconds; the row is listed from `discovered`
        on by default, or later if it is late.
        """
        if not pairs:
            return []
        number, self._found = self._found, self._found + 1
        chance = draw(self._options.seed, "lead", number)
        pair = chance.choice(pairs)
        somebody = person(self._options.seed, number, pair.theme, self._options.contact_rate)
        rows = [self._row(2 * number, pair, somebody, discovered, listed_from)]
        others = [other for other in pairs if other is not pair]
        if self._has(number, "repeated", self._options.repeats) and others:
            rows.append(self._row(2 * number + 1, chance.choice(others), somebody, discovered, listed_from))
        for row in rows:
            self._rows[row.id].append(row)
            heappush(self._waiting, (row.listed_from, row.sequence, row))
        return rows

    def list_due(self, instant: float) -> list[Row]:
        """List the rows that are due, and return them."""
        due = []
        while self._waiting and self._waiting[0][0] <= instant:
            row = heappop(self._waiting)[2]
            if row in self._rows[row.id]:
                row.listed = True
                self.listing.add(row)
                due.append(row)
        return due

    def all(self) -> list[Row]:
        """Return every row, listed or not."""
        return [row for rows in self._rows.values() for row in rows]

    def known(self, lead_id: int) -> list[Row]:
        """Return the listed rows of an id."""
        return [row for row in self._rows.get(lead_id, ()) if row.listed]

    def of_handle(self, handle: str) -> Person | None:
        """Return the person of a handle if some lead has it."""
        people = (rows[0].person for rows in self._rows.values() if rows)
        return next((person for person in people if person.handle.lower() == handle.lower()), None)

    def amend(self, lead_id: int, changes: dict[str, Any]) -> None:
        """Replace members of every row of an id; those of `profile` go into the profile."""
        for row in self._rows[lead_id]:
            row.change(changes)

    def remove(self, lead_id: int) -> None:
        """Remove every row of an id."""
        for row in self._rows.pop(lead_id, []):
            if row.listed:
                self.listing.remove(row)

    def export(self, lead_id: int, instant: float) -> None:
        """Mark a lead exported.

        Raises:
            RefusedError: No listed lead has this id, or the lead is exported already and the options refuse a repeat.
        """
        rows = self.known(lead_id)
        if not rows:
            raise RefusedError(LEAD_NOT_FOUND)
        new = [row for row in rows if row.exported is None]
        if not new and self._options.export_repeat == "conflict":
            raise RefusedError(ALREADY_EXPORTED)
        if new or self._options.export_repeat == "again":
            for row in (new or rows)[:1] if self._options.export_scope == "row" else self._rows[lead_id]:
                self._mark(row, instant)
        self.export_counts[lead_id] += 1
        self.exported.setdefault(lead_id, Export(instant, len(self.exported) + 1))

    def stats(self) -> dict[str, Any]:
        """Count exports and listed leads, as `GET /_sim/stats` shows them."""
        counts, listing = self.export_counts, self.listing
        return {
            "exports": {
                "accepted": counts.total(),
                "leads": len(self.exported),
                "byId": {str(lead_id): count for lead_id, count in counts.items()},
            },
            "leads": {
                "listed": listing.count(),
                "new": listing.count("new"),
                "exported": listing.count("exported"),
            },
        }

    def lose_mark(self, lead_id: int) -> None:
        """Take the mark of every row of an id back, as a failover or a person does."""
        for row in self._rows.get(lead_id, ()):
            self._mark(row, None)
        self.exported.pop(lead_id, None)

    def _mark(self, row: Row, instant: float | None) -> None:
        if row.listed:
            self.listing.remove(row)
        row.mark_exported(instant)
        if row.listed:
            self.listing.add(row)

    def _row(
        self, sequence: int, pair: Pair, somebody: Person, discovered: float, listed_from: float | None
    ) -> Row:
        options = self._options
        number, repeat = divmod(sequence, 2)
        chance = draw(options.seed, "row", number, repeat)
        matched = not self._has(number, "unmatched", options.null_segment_rate)
        if listed_from is None:
            late = self._has(number, "late", options.late_rate)
            listed_from = discovered + (options.late_by if late else 0)
        own = repeat and options.repeat_ids == "own"
        row = Row(
            sequence=sequence,
            id=(FIRST_OWN_ID if own else FIRST_ID) + number,
            stream_id=pair.stream_id,
            account_id=pair.account_id,
            segment_id=pair.segment_id if matched else None,
            confidence=("high" if chance.random() < HIGH_SHARE else "medium") if matched else None,
            person=somebody,
            discovered=floored(discovered, options.times),
            listed_from=listed_from,
        )
        if self._has(number, "hostile", options.hostile_rate):
            row.change({"profile": hostile(draw(options.seed, "hostile texts", number))})
        if self._has(number, "malformed", options.malformed_rate):
            row.flaw = draw(options.seed, "flaw", number).choice(sorted(FLAWS))
        return row

    def _has(self, number: int, trait: str, share: float) -> bool:
        return share > 0 and draw(self._options.seed, trait, number).random() < share
