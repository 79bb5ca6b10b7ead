"""Queries and pages over the listed rows.

Each (campaign, lifecycle) has a sorted list, so that a page does not walk over all rows.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from operator import attrgetter

from syncd.simulator.leads.people import draw
from syncd.simulator.leads.row import Lifecycle, Row
from syncd.simulator.options import Options

_key = attrgetter("key")


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of a listing. None stands for a missing one. `since` is epoch seconds."""

    stream_id: int | None = None
    lifecycle: Lifecycle | None = None
    confidence: str | None = None
    account_id: int | None = None
    segment_id: int | None = None
    since: float | None = None
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of a page, and the total of the query."""

    rows: Sequence[Row]
    total: int
    has_more: bool


class Listing:
    """The listed rows.

    Args:
        options: Decide order and the edge of `since`.
        hidden: Campaigns whose rows appear only in their own listing.
    """

    def __init__(self, options: Options, hidden: Collection[int]) -> None:
        self._options = options
        self._hidden = set(hidden)
        self._shuffled = 0
        self._rows: defaultdict[tuple[int | None, Lifecycle | None], list[Row]] = defaultdict(list)

    def add(self, row: Row) -> None:
        """Add a row to its lists."""
        for listed in self._lists_of(row):
            insort(listed, row, key=_key)

    def remove(self, row: Row) -> None:
        """Remove a row from its lists."""
        for listed in self._lists_of(row):
            del listed[bisect_left(listed, row.key, key=_key)]

    def hide(self, hidden: Collection[int]) -> None:
        """Hide these campaigns and no others."""
        for stream in self._hidden ^ set(hidden):
            rows = tuple(self._rows[stream, None])
            for row in rows:
                self.remove(row)
            self._hidden ^= {stream}
            for row in rows:
                self.add(row)

    def _lists_of(self, row: Row) -> Iterator[list[Row]]:
        for stream in (row.stream_id,) if row.stream_id in self._hidden else (None, row.stream_id):
            yield self._rows[stream, None]
            yield self._rows[stream, row.lifecycle]

    def page(self, query: Query) -> Page:
        """Return one page in the order of the options."""
        rows = self._select(query)
        total, first, last = len(rows), query.offset, query.offset + query.limit
        shown: Sequence[Row]
        if self._options.order == "shuffled":
            # A stretch of a shuffled list is a sample, and a sample does not touch the other rows.
            self._shuffled += 1
            chance = draw(self._options.seed, "page", self._shuffled)
            shown = chance.sample(rows, max(0, min(last, total) - first))
        elif self._options.order == "descending":
            shown = rows[max(0, total - last) : max(0, total - first)][::-1]
        elif self._options.order == "id":
            shown = sorted(rows, key=attrgetter("id", "sequence"))[first:last]
        else:
            shown = rows[first:last]
        return Page(shown, total, has_more=last < total)

    def summary(self, query: Query) -> dict[str, int]:
        """Build the body of `summary=true`."""
        asked = query if self._options.summary_filtered else Query(stream_id=query.stream_id)
        counts = Counter(row.confidence for row in self._select(asked))
        return {"highFitCount": counts["high"], "mediumFitCount": counts["medium"]}

    def count(self, lifecycle: Lifecycle | None = None) -> int:
        """Count the rows of `GET /leads`."""
        return len(self._rows[None, lifecycle])

    def rows(self) -> tuple[Row, ...]:
        """Return the rows of `GET /leads` by discovery."""
        return tuple(self._rows[None, None])

    def _select(self, query: Query) -> list[Row]:
        rows = self._rows[query.stream_id, query.lifecycle]
        if query.since is not None:
            inclusive = self._options.since == "inclusive"
            edge = (query.since, -1) if inclusive else (query.since, inf)
            rows = rows[bisect_right(rows, edge, key=_key) :]
        wanted = (
            ("confidence", query.confidence),
            ("account_id", query.account_id),
            ("segment_id", query.segment_id),
        )
        for name, value in wanted:
            if value is not None:
                member = attrgetter(name)
                rows = [row for row in rows if member(row) == value]
        return rows
