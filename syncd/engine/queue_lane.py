"""A source's lane over a queue for CTGO: exports, or feedback. Both are judged by the rules of delivering.

A pass claims rows in one transaction, with their slots and a note that they may be sent. It sends a request for each, and
writes the verdict in another transaction. Killed between the two, the pass sends them again, which changes nothing at CTGO.
"""

import random
from collections.abc import Callable, Sequence

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.core.delivery import Delivered, Item, kept
from syncd.core.failure import Failure, Halt, Pause, Reject, Retry
from syncd.core.lane_state import LaneState, reopened
from syncd.core.verdict import may_go_on
from syncd.engine.budget import Reservation
from syncd.engine.lane import AGAIN, IDLE, LedgerLane, Next
from syncd.engine.observer import Outcomes, outcomes_of
from syncd.engine.single_calls import Answer, gone_of, judge_each, unless_the_route_is_missing
from syncd.engine.source import SOURCE_LANES, SourceContext
from syncd.ledger import Ledger, Transaction
from syncd.ledger.deliveries.attempts import others_due
from syncd.ledger.deliveries.queue import Claim, Queue
from syncd.ledger.lanes import halt_lanes


class QueueLane(LedgerLane):
    """The lane of one source over one queue. A subclass names the queue, and what is particular to it."""

    queue: Queue
    batch: int
    """Claims of a pass at the most: what is sent twice after a crash, and what a stop waits for."""
    at_once = 1
    """Requests at a time."""
    keeps_doubt = False
    """True if a row keeps note of whether an answer was lost, and not only that one is awaited."""
    events: tuple[str, str]
    """Log events: one request raised a bug; some rows were rejected."""

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
        super().__init__(context.name, ledger, clock, log, policy=context.policy, chance=chance)
        self._context = context
        self.kind = self.queue.kind

    def step(self) -> Next:
        """One pass: as many rows as there are slots, a batch at the most."""
        now = self._clock.now()
        with self._ledger.read() as connection:
            later = self.queue.next_due(connection, self.name)
            barred = self._barred(connection, later)
            if barred is not None:
                return barred
            lane = self._load(connection)
            standstill = self._standstill(lane)
            if standstill and not (may_go_on(lane) and others_due(connection, self.queue.model, lane, now)):
                return standstill
            yields = self._yields(connection)
        if later is None:
            return IDLE
        if now < later <= now + self._policy.retry_cap:
            return Next(max(0.001, later - now), "retrying")
        return yields or self._pass(reopened(lane), now, later)

    def _barred(self, connection: Transaction, later: float | None) -> Next | None:
        """Return when to come again if no pass may begin, whatever the lane's own state; None: one may."""
        raise NotImplementedError

    def _yields(self, connection: Transaction) -> Next | None:
        """Return when to come again if other work of the source goes first; None: nothing does."""
        del connection
        return None

    def _pass(self, lane: LaneState, now: float, later: float) -> Next:
        cap, draw = self._policy.retry_cap, self._chance()
        with self._ledger.write() as connection:
            barred = self._barred(connection, later)  # something may have happened since this step began
            if barred is not None:
                return barred
            claims = self.queue.due(connection, self.name, now, cap, self.batch, lane=lane, draw=draw)
            if not claims:
                return Next(later - now, "retrying") if later > now else IDLE
            opened = self._context.pacer.open(connection, len(claims), live=False, at_once=self.at_once)
            if not isinstance(opened, Reservation):
                return Next(opened)
            claims = claims[: opened.n]
            self.queue.mark_sending(connection, [it.item.id for it in claims])
            in_flight = self._in_flight(claims)
            self._ledger.in_flight |= in_flight
        try:
            self._record(claims, self._send(claims, opened), lane, opened)
        finally:
            with self._ledger.guarded():
                self._ledger.in_flight -= in_flight
        return AGAIN

    def _in_flight(self, claims: Sequence[Claim]) -> set[tuple[str, int]]:
        """Return the leads of which no new row may be ingested while these claims are under way."""
        del claims
        return set()

    def _send(self, claims: Sequence[Claim], hold: Reservation) -> list[Answer]:
        """Return an answer for each claim; None for those not sent because one before stopped the pass."""
        stop = False

        def one(claim: Claim) -> Answer:
            nonlocal stop
            if stop or self._clock.stopping:
                return None
            try:
                hold.call(lambda: self._request(claim))
            except Failure as why:
                stop = stop or isinstance(why, Pause | Halt)
                return why
            except Exception as bug:  # noqa: BLE001 - one lead's surprise must not end the engine
                self._log.warning(self.events[0], source=self.name, lead=claim.lead_id, exc_info=bug)
                return bug
            return Delivered()

        return list(self._map(one, claims))

    def _map(self, one: Callable[[Claim], Answer], claims: Sequence[Claim]) -> Sequence[Answer]:
        """Return the answers, in the order of the claims."""
        return [one(claim) for claim in claims]

    def _request(self, claim: Claim) -> None:
        """Send one request to CTGO."""
        raise NotImplementedError

    def _record(
        self, claims: Sequence[Claim], answers: Sequence[Answer], lane: LaneState, hold: Reservation
    ) -> None:
        asked = [(it.item, answer) for it, answer in zip(claims, answers, strict=True)]
        if self.keeps_doubt:
            asked = [(with_doubt(item, answer), answer) for item, answer in asked]
        with self._ledger.read() as connection:
            ids = (item.id for item, _ in asked)
            others = others_due(connection, self.queue.model, lane, self._clock.now(), ids)
        terms, missing = self._terms(others=others), f"{self.kind}_route_missing"
        judged = [(item, unless_the_route_is_missing(answer, missing)) for item, answer in asked]
        verdict, gone = gone_of(judge_each(judged, lane, terms, self._is_done), missing)
        unsent = [kept(item) for item, answer in asked if answer is None and self.keeps_doubt]
        verdict = verdict._replace(changes=(*verdict.changes, *unsent))
        refused = key_refused(answers)
        with self._ledger.write() as connection:
            before, verdict = self._allow(connection, verdict)
            recorded = self.queue.record(
                connection, self.name, verdict, claims=claims, gone=gone, now=terms.now
            )
            self._context.pacer.close(connection, hold)
            if refused:  # the other lanes of the source live by the same key
                halt_lanes(connection, (*SOURCE_LANES, self.kind), self.name, refused, terms.now)
            after = self._load(connection)
        if recorded.counts.get("rejected"):
            self._log.warning(self.events[1], source=self.name, n=recorded.counts["rejected"])
        self._log_change(before, after)
        self._count(outcomes_of(verdict.changes, (it.item for it in claims)))

    def _is_done(self, item: Item, answer: Answer) -> bool:
        """Tell if an answer is as good as a yes."""
        del item
        return isinstance(answer, Delivered)

    def _count(self, outcomes: Outcomes) -> None:
        """Tell the observer."""
        raise NotImplementedError


def key_refused(answers: Sequence[Answer]) -> Halt | None:
    """Return the answer that refuses the key, if one does: the one answer that stands for every lane of the source."""
    return next((it for it in answers if isinstance(it, Halt) and it.code == "key_refused"), None)


def with_doubt(item: Item, answer: Answer) -> Item:
    """Return the item with what is known of its sending: only an answer that was lost leaves a doubt."""
    lost = isinstance(answer, BaseException) and not _was_refused(answer)
    return item._replace(maybe_sent=item.maybe_sent or lost)


def _was_refused(answer: BaseException) -> bool:
    """Tell if CTGO did not take the request, or never got it."""
    if isinstance(answer, Pause):
        return not answer.unexplained or answer.unsent
    return isinstance(answer, Halt | Reject | Retry)
