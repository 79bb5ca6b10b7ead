"""CTGO's marks, as calm sweeps over a source's un-exported leads show them. One sweep decides nothing: two must agree.

A lead that was exported, and that CTGO lists as new again, has lost its mark. That is told, and no export is made: a person
may have taken the mark back. A lead whose export CTGO answered with 404, and that it lists no more, is *gone*. Findings are
kept in memory only, so a start begins them anew.
"""

from collections.abc import Collection

from syncd.connector import Logger
from syncd.engine.pull.passes import Batch, Pass
from syncd.ledger import Transaction
from syncd.ledger.leads import marks

LOST_FOR = 86400.0
"""Seconds between two sweeps that miss a mark before that is told: replicas and caches of CTGO lag."""
UNLISTED_FOR = 3600.0
"""Seconds between two sweeps that do not list a lead before it is gone."""
EXAMPLES = 5
"""Lead ids that an event names."""


class Sightings:
    """The ids that each sweep in a row has found, and since when."""

    def __init__(self, apart: float) -> None:
        """`apart`: seconds after its first sighting from which an id is believed."""
        self._apart = apart
        self._since: dict[int, float] = {}

    def note(self, found: Collection[int], now: float) -> list[int]:
        """Note what a sweep found; return what is believed by now. An id that a sweep does not find begins anew."""
        self._since = {id_: min(now, self._since.get(id_, now)) for id_ in found}
        return sorted(id_ for id_, at in self._since.items() if now - at >= self._apart)


class Marks:
    """The findings about one source's marks. It is called within the transactions of the pull lane."""

    def __init__(self, name: str, log: Logger) -> None:
        self._name, self._log = name, log
        self._lost, self._unlisted = Sightings(LOST_FOR), Sightings(UNLISTED_FOR)
        self._told = set[int]()

    def see(self, connection: Transaction, current: Pass, batch: Batch) -> None:
        """Note a page of a sweep."""
        if current.unlisted is None:
            current.unlisted = marks.unanswered(connection, self._name, current.plan.since or 0.0)
        current.unlisted.difference_update(
            [lead.id for lead, _ in batch.leads], (bad.key.id for bad in batch.malformed)
        )
        new = [lead.id for lead, _ in batch.leads if lead.exported_at is None]
        current.unmarked |= marks.exported(connection, self._name, new)

    def conclude(self, connection: Transaction, current: Pass, now: float) -> None:
        """Draw the conclusions of a calm sweep."""
        unlisted = () if current.partial else current.unlisted or ()
        if gone := self._unlisted.note(unlisted, now):
            n = marks.settle_unlisted(connection, self._name, gone, now)
            self._log.info("exports_gone", source=self._name, n=n)
        lost = set(self._lost.note(current.unmarked, now))
        if news := sorted(lost - self._told):
            self._log.warning("mark_lost", source=self._name, n=len(news), leads=news[:EXAMPLES])
        self._told = lost
