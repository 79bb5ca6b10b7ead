"""Export: one source's marking lane. Exporting is delivering to CTGO, so it is judged by the same rules.

A pass claims exports in one transaction, with their slots and a note that they may be sent. A flag keeps the pull from
ingesting a new row of the same id meanwhile. It sends them a few at a time, and writes down what became of them in another
transaction. Killed between, the marks are sent again, which changes nothing.
"""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.core.delivery import Delivered, Item
from syncd.core.failure import Failure, Halt, Pause
from syncd.core.lane_state import LaneState, Terms, kept_by_hand, reopened
from syncd.core.verdict import may_go_on
from syncd.engine.budget import Reservation
from syncd.engine.deliver import tell_lane
from syncd.engine.lane import AGAIN, IDLE, Next
from syncd.engine.observer import outcomes_of
from syncd.engine.single_calls import Answer, gone_of, judge_each, unless_the_route_is_missing
from syncd.engine.source import SourceContext
from syncd.ledger import Ledger
from syncd.ledger.ctgo_queue.exports import exports_due, mark_sending, next_export_due, record_exports
from syncd.ledger.deliveries.due import others_due
from syncd.ledger.lanes import halt_lanes, load_lane
from syncd.ledger.schema import Export as ExportRow

IN_FLIGHT = 4
"""Requests at a time: enough that answers of a few seconds still use the whole allowance."""
BATCH = 32
"""Exports a pass claims at the most: what is sent twice after a crash, and what a stop waits for."""

ROUTE_MISSING = "export_route_missing"

Claim = tuple[Item, int]
"""An export's item with its lead id."""


class Export:
    """The lane `export:NAME`."""

    kind = "export"

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
        self._context, self._ledger, self._clock, self._log = context, ledger, clock, log
        self._chance = chance
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix=f"export-{context.name}")

    @property
    def name(self) -> str:
        """The source's name."""
        return self._context.name

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)  # idle, unless the lane was left in a step

    def step(self) -> Next:
        """One pass: as many exports as there are slots, a batch at the most."""
        now = self._clock.now()
        if self._context.paging_new.up:
            return IDLE  # the pull wakes this lane when its pass is over
        with self._ledger.read() as connection:
            lane = load_lane(connection, self.kind, self.name)
            later = next_export_due(connection, self.name)
            wait = lane.wait(now, self._context.policy.probe)
            if wait != 0 and not (may_go_on(lane) and others_due(connection, ExportRow, lane, now)):
                return Next(wait, lane.code)
        if later is None:
            return IDLE
        if now < later <= now + self._context.policy.retry_cap:
            return Next(max(0.001, later - now), "retrying")
        return self._pass(reopened(lane), now, later)

    def _pass(self, lane: LaneState, now: float, later: float) -> Next:
        cap, draw = self._context.policy.retry_cap, self._chance()
        with self._ledger.write() as connection:
            if self._context.paging_new.up:  # since this step began
                return IDLE
            claims = exports_due(connection, self.name, now, cap, BATCH, lane=lane, draw=draw)
            if not claims:
                return Next(later - now, "retrying") if later > now else IDLE
            opened = self._context.pacer.open(connection, len(claims), live=False, at_once=IN_FLIGHT)
            if not isinstance(opened, Reservation):
                return Next(opened)
            claims = claims[: opened.n]
            mark_sending(connection, [item.id for item, _ in claims])
            claimed = {(self.name, lead_id) for _, lead_id in claims}
            self._ledger.in_flight |= claimed
        try:
            answers = self._send(claims, opened)
            self._record(claims, answers, lane, opened)
        finally:
            with self._ledger.guarded():
                self._ledger.in_flight -= claimed
        return AGAIN

    def _send(self, claims: Sequence[Claim], hold: Reservation) -> list[Answer]:
        """An answer for each; None for those not sent because one before said stop."""
        stop = False

        def one(claim: Claim) -> Answer:
            nonlocal stop
            if stop or self._clock.stopping:
                return None
            try:
                hold.call(lambda: self._context.upstream.export(claim[1]))
            except Failure as why:
                stop = stop or isinstance(why, Pause | Halt)
                return why
            except Exception as bug:  # noqa: BLE001 - one lead's surprise must not end the engine
                self._log.warning("export_failed", source=self.name, lead=claim[1], exc_info=bug)
                return bug
            return Delivered()

        return list(self._pool.map(one, claims))

    def _record(
        self, claims: Sequence[Claim], answers: Sequence[Answer], lane: LaneState, hold: Reservation
    ) -> None:
        items = [item for item, _ in claims]
        with self._ledger.read() as connection:
            others = others_due(connection, ExportRow, lane, self._clock.now(), (item.id for item in items))
        terms = Terms(self._clock.now(), self._context.policy, self._chance, others)
        judged = [unless_the_route_is_missing(answer, ROUTE_MISSING) for answer in answers]
        verdict = judge_each(list(zip(items, judged, strict=True)), lane, terms, _is_done)
        verdict, gone = gone_of(verdict, ROUTE_MISSING)
        refused = key_refused(answers)
        now = self._clock.now()
        with self._ledger.write() as connection:
            before = load_lane(connection, self.kind, self.name)
            verdict = verdict._replace(lane=kept_by_hand(before, verdict.lane, now))
            recorded = record_exports(connection, self.name, verdict, gone=gone, now=now)
            self._context.pacer.close(connection, hold)
            if refused:  # it is about the key, which the pull lives by too
                halt_lanes(connection, ("pull", self.kind), self.name, refused, now)
            after = load_lane(connection, self.kind, self.name)
        if recorded.counts.get("rejected"):
            self._log.warning("exports_rejected", source=self.name, n=recorded.counts["rejected"])
        tell_lane(self._log, before, after)
        self._context.observer.exported(self.name, outcomes_of(verdict.changes, (item for item, _ in claims)))


def key_refused(answers: Sequence[Answer]) -> Halt | None:
    """The answer that is CTGO's word on the key, if any is: the one answer that stands for every lane of the source."""
    return next((it for it in answers if isinstance(it, Halt) and it.code == "key_refused"), None)


def _is_done(item: Item, answer: Answer) -> bool:
    """A conflict on a repeat says that the first try, whose answer was lost, was heard."""
    again = item.attempts > 0 or item.suspect
    return isinstance(answer, Delivered) or (
        isinstance(answer, Failure) and answer.code == "conflict" and again
    )
