"""Leads as a page has just brought them, for the lanes that deliver them next: reading a payload again costs as much as it did.

A hint and no more. The ledger says which deliveries are due; a lead that is not here is read from its payload, which never
changes while it is kept. Only leads that are committed come in, no more than a few pages of them for each connector, and they
go when they are taken, or when their lane has nothing to do or must not.
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
        """Nothing yet."""
        self._of: dict[str, dict[int, Lead]] = {}
        self._lock = threading.Lock()

    def keep(self, admitted: Sequence[tuple[int, Admission]]) -> None:
        """A page's new leads, by sequence number, once they are committed. Where there is no room for all, none is kept.

        What is there already stays rather than what is new: it is delivered first.
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
        """Whether there would be no room for another page, for one of these."""
        with self._lock:
            return any(len(self._of.get(connector, ())) > MOST - PAGE for connector in connectors)

    def take(self, connector: str, seqs: Sequence[int]) -> Mapping[int, Lead]:
        """Those of these leads that are here. They go, and with them the older ones, which had their turn."""
        with self._lock:
            mine = self._of.get(connector)
            if not mine or not seqs:
                return {}
            found = {seq: lead for seq in seqs if (lead := mine.get(seq)) is not None}
            last = max(seqs)
            self._of[connector] = {seq: lead for seq, lead in mine.items() if seq > last}
        return found

    def drop(self, connector: str) -> None:
        """A lane that does nothing now keeps nobody's data in memory."""
        if connector in self._of:
            with self._lock:
                self._of.pop(connector, None)
