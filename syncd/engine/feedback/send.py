"""SendFeedback: one source's lane of judgements to CTGO.

It goes behind exports and pulls. A pass begins only while no pull is under way and no export can go, so that feedback takes
no request that they could use.
"""

import random
from collections.abc import Callable

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.core.feedback import Judgement
from syncd.engine.lane import IDLE, Next
from syncd.engine.observer import Outcomes
from syncd.engine.queue_lane import QueueLane
from syncd.engine.source import SourceContext
from syncd.ledger import Ledger, Transaction
from syncd.ledger.deliveries.queue import EXPORT_QUEUE, FEEDBACK_QUEUE, Claim
from syncd.ledger.lanes import load_lane

BEHIND = 5.0
"""Seconds until it is worth looking again whether pulls and exports have left anything."""


class SendFeedback(QueueLane):
    """The lane `feedback:NAME`."""

    queue = FEEDBACK_QUEUE
    batch = 8  # an export that becomes due meanwhile waits for them
    keeps_doubt = True
    events = ("feedback_failed", "feedback_rejected")

    def __init__(
        self,
        context: SourceContext,
        ledger: Ledger,
        clock: Clock,
        log: Logger,
        pull_is_busy: Callable[[], bool],
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`pull_is_busy`: tells if the source is being pulled. `chance`: numbers in [0, 1) for the jitter."""
        super().__init__(context, ledger, clock, log, chance=chance)
        self._pull_is_busy = pull_is_busy

    def _barred(self, connection: Transaction, later: float | None) -> Next | None:
        if later is None:
            return IDLE
        source, now = load_lane(connection, "pull", self.name), self._clock.now()
        return Next(source.wait(now), source.code) if source.wait(now) != 0 else None

    def _yields(self, connection: Transaction) -> Next | None:
        return Next(BEHIND) if self._exports_can_go(connection) or self._pull_is_busy() else None

    def _exports_can_go(self, connection: Transaction) -> bool:
        owed, now = (
            EXPORT_QUEUE.next_due(connection, self.name) if self._context.exports else None,
            self._clock.now(),
        )
        lane = load_lane(connection, "export", self.name)
        return owed is not None and owed <= now and lane.wait(now) == 0

    def _request(self, claim: Claim) -> None:
        judgement = Judgement.of(claim.word)
        self._context.upstream.feedback(
            claim.lead_id,
            claim.segment_id,
            judgement.feedback,
            reason=judgement.reason,
            text=judgement.note,
        )

    def _count(self, outcomes: Outcomes) -> None:
        self._context.observer.fed_back(self.name, outcomes)
