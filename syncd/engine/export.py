"""A source's lanes over its queues for CTGO, and the one that marks leads as exported. See `feedback` for the other.

A pass claims rows in one transaction, with their slots and a note that they may be sent. It sends a request for each, and
writes the verdict, by the rules of delivering, in another transaction. Killed between the two, the pass sends them again,
which changes nothing at CTGO.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from syncd.core.delivery import Change, Delivered, Item, Outcome, kept, spared
from syncd.core.failure import Failure, Halt, Pause, Reject, Retry
from syncd.core.lane_state import SOURCE_LANES, LaneState, Situation, reopened
from syncd.core.verdict import Verdict, judge_call
from syncd.engine.budget import Reservation
from syncd.engine.lane import AGAIN, IDLE, LaneTools, LedgerLane, Next, Outcomes, outcomes_of
from syncd.engine.source import SourceContext
from syncd.ledger import Transaction
from syncd.ledger.deliveries.attempts import others_due
from syncd.ledger.deliveries.queue import EXPORT_QUEUE, Claim, Queue
from syncd.ledger.lanes import halt_lanes

Answer = Outcome | BaseException | None
"""The outcome of one request; None: it was not sent, for one before stopped the pass."""


class QueueLane(LedgerLane, ABC):
    """The lane of one source over one queue. A subclass names the queue, and what is particular to it."""

    batch: int
    """Claims of a pass at the most: what is sent twice after a crash, and what a stop waits for."""
    at_once = 1
    """Requests at a time."""
    keeps_doubt = False
    """True if a row keeps note of whether an answer was lost, and not only that one is awaited."""
    events: tuple[str, str]
    """Log events: one request raised a bug; some rows were rejected."""

    def __init__(
        self, context: SourceContext, tools: LaneTools, queue: Queue, count: Callable[[str, Outcomes], None]
    ) -> None:
        """`count`: the observer's method for the outcomes of this queue."""
        super().__init__(context.name, tools, context.policy)
        self.kind = queue.kind
        self._context, self._queue, self._count = context, queue, count

    def step(self) -> Next:
        """One pass: as many rows as there are slots, a batch at the most."""
        now = self._clock.now()
        with self._ledger.read() as connection:
            later = self._queue.next_due(connection, self.name)
            lane = self._load(connection)
            barred = self._held_back(connection, later) or self._barred(connection, lane, self._queue.model)
            if barred is not None:
                return barred
            yields = self._yields(connection)
        if later is None:
            return IDLE
        if now < later <= now + self._policy.retry_cap:
            return Next(max(0.001, later - now), "retrying")
        return yields or self._pass(reopened(lane), now, later)

    @abstractmethod
    def _held_back(self, connection: Transaction, later: float | None) -> Next | None:
        """Return when to come again if no pass may begin, whatever the lane's own state; None: one may."""

    @abstractmethod
    def _request(self, claim: Claim) -> None:
        """Send one request to CTGO."""

    def _yields(self, _: Transaction) -> Next | None:
        """Return when to come again if other work of the source goes first; None: nothing does."""
        return None

    def _in_flight(self, _: Sequence[Claim]) -> set[tuple[str, int]]:
        """Return the leads of which no new row may be ingested while these claims are under way."""
        return set()

    def _map(self, one: Callable[[Claim], Answer], claims: Sequence[Claim]) -> Iterable[Answer]:
        """Return the answers, in the order of the claims."""
        return map(one, claims)

    def _is_done(self, _: Item, answer: Answer) -> bool:
        """Tell if an answer is as good as a yes."""
        return isinstance(answer, Delivered)

    def _pass(self, lane: LaneState, now: float, later: float) -> Next:
        cap, draw = self._policy.retry_cap, self._chance()
        with self._ledger.write() as connection:
            barred = self._held_back(connection, later)  # something may have happened since this step began
            if barred is not None:
                return barred
            claims = self._queue.due(connection, self.name, now, cap, self.batch, lane=lane, draw=draw)
            if not claims:
                return Next(later - now, "retrying") if later > now else IDLE
            opened = self._context.budget.open(connection, len(claims), live=False, at_once=self.at_once)
            if not isinstance(opened, Reservation):
                return opened
            claims = claims[: opened.n]
            self._queue.mark_sending(connection, [it.item.id for it in claims])
            in_flight = self._in_flight(claims)
            self._ledger.in_flight |= in_flight
        try:
            self._record(claims, self._send(claims, opened), lane, opened)
        finally:
            with self._ledger.guarded():
                self._ledger.in_flight -= in_flight
        return AGAIN

    def _send(self, claims: Sequence[Claim], slots: Reservation) -> list[Answer]:
        """Return an answer for each claim; None for those not sent because one before stopped the pass."""
        stop = False

        def one(claim: Claim) -> Answer:
            nonlocal stop
            if stop or self._clock.stopping:
                return None
            try:
                slots.call(lambda: self._request(claim))
            except Failure as why:
                stop = stop or isinstance(why, Pause | Halt)
                return why
            except Exception as bug:  # noqa: BLE001 - one lead's surprise must not end the engine
                self._log.warning(self.events[0], source=self.name, lead=claim.lead_id, exc_info=bug)
                return bug
            return Delivered()

        return list(self._map(one, claims))

    def _record(
        self, claims: Sequence[Claim], answers: Sequence[Answer], lane: LaneState, slots: Reservation
    ) -> None:
        asked = [(it.item, answer) for it, answer in zip(claims, answers, strict=True)]
        if self.keeps_doubt:
            asked = [(with_doubt(item, answer), answer) for item, answer in asked]
        with self._ledger.read() as connection:
            ids = (item.id for item, _ in asked)
            others = others_due(connection, self._queue.model, lane, self._clock.now(), ids)
        situation, missing = self._situation(others=others), f"{self.kind}_route_missing"
        judged = [(item, unless_the_route_is_missing(answer, missing)) for item, answer in asked]
        verdict, gone = gone_of(judge_each(judged, lane, situation, self._is_done), missing)
        unsent = [kept(item) for item, answer in asked if answer is None and self.keeps_doubt]
        verdict = verdict._replace(changes=(*verdict.changes, *unsent))
        refused = key_refused(answers)
        with self._ledger.write() as connection:
            before, verdict = self._allow(connection, verdict)
            recorded = self._queue.record(
                connection, self.name, verdict, claims=claims, gone=gone, now=situation.now
            )
            self._context.budget.close(connection, slots)
            if refused:  # the other lanes of the source live by the same key
                halt_lanes(connection, (*SOURCE_LANES, self.kind), self.name, refused, situation.now)
            after = self._load(connection)
        if recorded.counts.get("rejected"):
            self._log.warning(self.events[1], source=self.name, n=recorded.counts["rejected"])
        self._log_change(before, after)
        self._count(self.name, outcomes_of(verdict.changes, (it.item for it in claims)))


def key_refused(answers: Sequence[Answer]) -> Halt | None:
    """Return the answer that refuses the key, if one does: the one answer that stands for every lane of the source."""
    return next((it for it in answers if isinstance(it, Halt) and it.code == "key_refused"), None)


def with_doubt(item: Item, answer: Answer) -> Item:
    """Return the item with what is known of its sending: only an answer that was lost leaves a doubt."""
    if isinstance(answer, Pause):
        lost = answer.unexplained and not answer.unsent
    else:  # any other failure says that CTGO did not take the request, or never got it
        lost = isinstance(answer, BaseException) and not isinstance(answer, Halt | Reject | Retry)
    return item._replace(maybe_sent=item.maybe_sent or lost)


def unless_the_route_is_missing(answer: Answer, code: str) -> Answer:
    """Give *not found* a code of its own: ten in a row, and none found, are the route's fault."""
    if isinstance(answer, Reject) and answer.code == "not_found":
        return Reject(code, "CTGO knows none of the leads that it is asked for.")
    return answer


def gone_of(verdict: Verdict, code: str) -> tuple[Verdict, list[int]]:
    """Judge what CTGO no longer knows as delivered, for nothing is left to send; also return the ids of that."""
    gone = {change.id for change in verdict.changes if (change.state, change.code) == ("rejected", code)}
    changes = tuple(
        Change(change.id, "delivered", change.attempts) if change.id in gone else change
        for change in verdict.changes
    )
    return verdict._replace(changes=changes), sorted(gone)


def judge_each(
    asked: Sequence[tuple[Item, Answer]],
    lane: LaneState,
    situation: Situation,
    is_done: Callable[[Item, Answer], bool],
) -> Verdict:
    """Judge each answer as a call of its own, for it is one request. `is_done`: whether an answer is as good as a yes."""
    begun, situation = lane, situation._replace(well=any(is_done(*it) for it in asked))
    changes: dict[int, Change] = {}
    revived: set[int] = set()
    for n, (item, answer) in enumerate(asked, 1):
        if answer is None:
            continue
        outcome = [Delivered()] if is_done(item, answer) else answer
        one = judge_call([item], outcome, lane, situation._replace(others=situation.others or n < len(asked)))
        lane = one.lane
        if lane.status == "open":  # one pass is one question
            lane = lane._replace(doubts=lane.doubts[: len(begun.doubts) + 1])
        changes |= {change.id: change for change in one.changes}
        revived |= set(one.revived)
    # What this very pass rejected, and then found to be the lane's fault, was never written
    result = [spared(c, situation.now) if c.id in revived else c for c in changes.values()]
    return Verdict(tuple(result), lane, tuple(revived - changes.keys()))


class Export(QueueLane):
    """The lane `export:NAME`. The leads in flight keep the pull from ingesting a new row of an id meanwhile."""

    batch = 32
    at_once = 4  # enough that answers of a few seconds still use the whole allowance
    events = ("export_failed", "exports_rejected")

    def __init__(self, context: SourceContext, tools: LaneTools) -> None:
        super().__init__(context, tools, EXPORT_QUEUE, context.observer.exported)
        self._pool = ThreadPoolExecutor(self.at_once, thread_name_prefix=f"export-{context.name}")

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)  # idle, unless the lane was left in a step

    def _held_back(self, connection: Transaction, later: float | None) -> Next | None:
        """Wait for a pull over un-exported leads, which wakes this lane when its pass is over."""
        del connection, later
        return IDLE if self._context.paging_new.up else None

    def _in_flight(self, claims: Sequence[Claim]) -> set[tuple[str, int]]:
        return {(self.name, claim.lead_id) for claim in claims}

    def _map(self, one: Callable[[Claim], Answer], claims: Sequence[Claim]) -> Iterable[Answer]:
        return self._pool.map(one, claims)

    def _request(self, claim: Claim) -> None:
        try:
            self._context.upstream.export(claim.lead_id)
        except Pause as why:
            if why.code == "credits_exhausted":
                # An export costs no credits, so this may be about the one lead: ask about another before the lane waits
                why.after, why.unexplained = None, True
            raise

    def _is_done(self, item: Item, answer: Answer) -> bool:
        return is_done(item, answer)


def is_done(item: Item, answer: Answer) -> bool:
    """Tell if the mark is set.

    CTGO may say so itself. A conflict on a repeat says that the first try, whose answer was lost, arrived.
    """
    again = item.attempts > 0 or item.suspect
    code = answer.code if isinstance(answer, Failure) else ""
    return isinstance(answer, Delivered) or code == "already_exported" or (code == "conflict" and again)
