"""The interface through which lanes report requests and outcomes, as they happen."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from syncd.core.delivery import Change, Item

Outcomes = Mapping[tuple[str, str], int]
"""(delivered, retried, rejected, dropped, waiting; the failure's code, empty if there is none) -> how many."""


class Observer:
    """Called from the lanes' threads, after the fact was written down: must neither block nor raise. This one does nothing."""

    def requested(self, source: str, host: str, status: int) -> None:
        """A request to CTGO is over. `status` 0: there was no answer."""

    def pulled(self, source: str, kind: str, new: int) -> None:
        """A pass over a source's leads ended well. `kind`: live, reconcile, window."""

    def sent(self, connector: str, outcomes: Outcomes, latencies: Sequence[float]) -> None:
        """A call to a connector is over. `latencies`: seconds from discovery, of each delivered lead."""

    def exported(self, source: str, outcomes: Outcomes) -> None:
        """A pass over a source's exports is over."""

    def fed_back(self, source: str, outcomes: Outcomes) -> None:
        """A pass over a source's feedback is over."""


NOBODY = Observer()


def outcomes_of(changes: Iterable[Change], items: Iterable[Item]) -> Outcomes:
    """Count the changes of a verdict by outcome and code. `items`: as they were before."""
    attempts = {item.id: item.attempts for item in items}

    def outcome(change: Change) -> str:
        if change.state != "pending":
            return change.state
        return "retried" if change.attempts > attempts.get(change.id, 0) else "waiting"

    return Counter((outcome(change), change.code) for change in changes)
