"""Leads that a page has just brought, kept for the lanes that deliver them next, so that no payload is parsed twice.

This is a hint and no more. The ledger says which deliveries are due; a lead that is missing here is read from its payload,
which never changes. Only committed leads come in, a few pages at most for each connector. They go when a lane takes them,
or when it has nothing to do.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from syncd.core.lead import Lead
from syncd.ledger.leads.ingest import Admission

MOST: Final = 2_000
"""Leads kept for a connector: some 3 KB each."""
PAGE: Final = 500
"""Leads on a page, at the most."""
LARGEST_PAGE: Final = 1024 * 1024
"""Characters of payload: a page of larger leads is not kept."""


class Fresh:
    """See the module. Safe to use from several threads."""

    def __init__(self) -> None:
        """Begin empty."""
        self._of: dict[str, dict[int, Lead]] = {}
        self._lock = threading.Lock()

    def keep(self, admitted: Sequence[tuple[int, Admission]]) -> None:
        """Keep a page's new leads, by sequence number, once they are committed; none of them if there is no room for all.

        Older leads stay, for they are delivered first.
        """
        if sum(len(admission.payload) for _, admission in admitted) > LARGEST_PAGE:
            return
        wanted: defaultdict[str, dict[int, Lead]] = defaultdict(dict)
        for seq, admission in admitted:
            for new in admission.deliveries:
                wanted[new.connector][seq] = admission.lead
        with self._lock:
            for connector, leads in wanted.items():
                mine = self._of.setdefault(connector, {})
                if len(mine) + len(leads) <= MOST:
                    mine.update(leads)

    def is_full(self, connectors: Iterable[str]) -> bool:
        """True if one of these connectors has no room for another page."""
        with self._lock:
            return any(len(self._of.get(connector, ())) > MOST - PAGE for connector in connectors)

    def take(self, connector: str, seqs: Sequence[int]) -> Mapping[int, Lead]:
        """Take those of these leads that are here, and drop all older ones, which had their turn."""
        with self._lock:
            mine = self._of.get(connector)
            if not mine or not seqs:
                return {}
            found = {seq: lead for seq in seqs if (lead := mine.get(seq)) is not None}
            last = max(seqs)
            self._of[connector] = {seq: lead for seq, lead in mine.items() if seq > last}
        return found

    def drop(self, connector: str) -> None:
        """Drop a connector's leads: a lane that is idle keeps nobody's data in memory."""
        if connector in self._of:
            with self._lock:
                self._of.pop(connector, None)
