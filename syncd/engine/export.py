"""Export: one source's lane that marks leads as exported at CTGO.

A flag keeps the pull from ingesting a new row of an id while that id is exported.
"""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.core.delivery import Delivered, Item
from syncd.core.failure import Failure
from syncd.engine.lane import IDLE, Next
from syncd.engine.observer import Outcomes
from syncd.engine.queue_lane import QueueLane
from syncd.engine.single_calls import Answer
from syncd.engine.source import SourceContext
from syncd.ledger import Ledger, Transaction
from syncd.ledger.deliveries.queue import EXPORT_QUEUE, Claim

IN_FLIGHT = 4
"""Requests at a time: enough that answers of a few seconds still use the whole allowance."""


class Export(QueueLane):
    """The lane `export:NAME`."""

    queue = EXPORT_QUEUE
    batch = 32
    at_once = IN_FLIGHT
    events = ("export_failed", "exports_rejected")

    def __init__(
        self,
        context: SourceContext,
        ledger: Ledger,
        clock: Clock,
        log: Logger,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`chance`: numbers in [0, 1) for the jitter."""
        super().__init__(context, ledger, clock, log, chance=chance)
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix=f"export-{context.name}")

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)  # idle, unless the lane was left in a step

    def _barred(self, connection: Transaction, later: float | None) -> Next | None:
        """Wait for a pull over un-exported leads, which wakes this lane when its pass is over."""
        del connection, later
        return IDLE if self._context.paging_new.up else None

    def _in_flight(self, claims: Sequence[Claim]) -> set[tuple[str, int]]:
        return {(self.name, claim.lead_id) for claim in claims}

    def _map(self, one: Callable[[Claim], Answer], claims: Sequence[Claim]) -> list[Answer]:
        return list(self._pool.map(one, claims))

    def _request(self, claim: Claim) -> None:
        self._context.upstream.export(claim.lead_id)

    def _is_done(self, item: Item, answer: Answer) -> bool:
        return is_done(item, answer)

    def _count(self, outcomes: Outcomes) -> None:
        self._context.observer.exported(self.name, outcomes)


def is_done(item: Item, answer: Answer) -> bool:
    """Tell if the mark is set: a conflict on a repeat says that the first try, whose answer was lost, arrived."""
    again = item.attempts > 0 or item.suspect
    return isinstance(answer, Delivered) or (
        isinstance(answer, Failure) and answer.code == "conflict" and again
    )
