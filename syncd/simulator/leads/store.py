"""The leads of all campaigns: found, listed when due, exported.

Nothing here is thread-safe: hold the world's lock.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from syncd.simulator.campaigns.models import Pair
from syncd.simulator.leads.discovery import Discovery
from syncd.simulator.leads.listing import Listing
from syncd.simulator.leads.people import Person
from syncd.simulator.leads.row import Row
from syncd.simulator.options import Options
from syncd.simulator.refusals import ALREADY_EXPORTED, LEAD_NOT_FOUND, Refusal


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
        self._discovery = Discovery(options)
        self._rows: defaultdict[int, list[Row]] = defaultdict(list)
        self._waiting: list[tuple[float, int, Row]] = []
        self._found = 0

    def find(self, pairs: Sequence[Pair], discovered: float, listed_from: float | None = None) -> list[Row]:
        """Find the next lead of one of these pairs. Without pairs, find nothing."""
        if not pairs:
            return []
        rows = self._discovery.find(self._found, pairs, discovered, listed_from)
        self._found += 1
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
        for rows in self._rows.values():
            if rows and rows[0].person.handle.lower() == handle.lower():
                return rows[0].person
        return None

    def amend(self, lead_id: int, changes: dict[str, Any]) -> None:
        """Replace members of every row of an id; those of `profile` go into the profile."""
        for row in self._rows[lead_id]:
            row.change(changes)

    def remove(self, lead_id: int) -> None:
        """Remove every row of an id."""
        for row in self._rows.pop(lead_id, []):
            if row.listed:
                self.listing.remove(row)

    def export(self, lead_id: int, instant: float) -> Refusal | None:
        """Mark a lead exported; return None, or the refusal."""
        rows = self.known(lead_id)
        if not rows:
            return LEAD_NOT_FOUND
        new = [row for row in rows if row.exported is None]
        if not new and self._options.export_repeat == "conflict":
            return ALREADY_EXPORTED
        if not new and self._options.export_repeat == "ok":
            marked: Sequence[Row] = ()
        elif self._options.export_scope == "row":
            marked = (new or rows)[:1]
        else:
            marked = self._rows[lead_id]
        for row in marked:
            self._mark(row, instant)
        self.export_counts[lead_id] += 1
        self.exported.setdefault(lead_id, Export(instant, len(self.exported) + 1))
        return None

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

    def _mark(self, row: Row, instant: float) -> None:
        if row.listed:
            self.listing.remove(row)
        row.mark_exported(instant)
        if row.listed:
            self.listing.add(row)
