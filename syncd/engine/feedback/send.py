"""Feed back: one source's lane of words to CTGO. It is judged as exports are, and goes behind them and behind pulls.

A pass claims words together with their slots, noting that they may have been sent; tells them one after the other; and
writes down what became of each. Killed between, they are told again, which changes nothing. It begins only while no pull is
under way and no export can go, so that whatever budget there is, feedback takes none that they could use.
"""

import random
from collections.abc import Callable, Sequence

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.core.delivery import Delivered, Item, kept
from syncd.core.failure import Failure, Halt, Pause, Reject, Retry
from syncd.core.feedback import Judgement
from syncd.core.lane_state import LaneState, Terms, kept_by_hand, reopened
from syncd.core.verdict import may_go_on
from syncd.engine.budget import Reservation
from syncd.engine.deliver import tell_lane
from syncd.engine.export import key_refused
from syncd.engine.lane import AGAIN, IDLE, Next
from syncd.engine.observer import outcomes_of
from syncd.engine.single_calls import Answer, gone_of, judge_each, unless_the_route_is_missing
from syncd.engine.source import SOURCE_LANES, SourceContext
from syncd.ledger import Ledger, Transaction
from syncd.ledger.ctgo_queue.exports import next_export_due
from syncd.ledger.ctgo_queue.feedback import Telling, feedback_due, note_sending, record_feedback
from syncd.ledger.deliveries.due import next_due, others_due
from syncd.ledger.lanes import halt_lanes, load_lane
from syncd.ledger.schema import Feedback

ROUTE_MISSING = "feedback_route_missing"
BATCH = 8
"""Words that a pass claims at the most: what an export that becomes due meanwhile waits for."""
BEHIND = 5.0
"""Seconds until it is worth looking again whether pulls and exports have left anything."""


class SendFeedback:
    """The lane `feedback:NAME`."""

    kind = "feedback"

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
        """`pull_is_busy`: whether the source is being pulled. `chance`: numbers in [0, 1) for the jitter."""
        self._context, self._ledger, self._clock, self._log = context, ledger, clock, log
        self._pull_is_busy, self._chance = pull_is_busy, chance

    @property
    def name(self) -> str:
        """The source's name."""
        return self._context.name

    def step(self) -> Next:
        """One pass, if nothing that goes before it has work."""
        now, probe = self._clock.now(), self._context.policy.probe
        with self._ledger.read() as connection:
            later = next_due(connection, Feedback, self.name)
            if later is None:
                return IDLE
            lane = load_lane(connection, self.kind, self.name)
            source = load_lane(connection, "pull", self.name)
            yields = self._exports_can_go(connection, now)
            more = may_go_on(lane) and others_due(connection, Feedback, lane, now)
        if source.wait(now) != 0:
            return Next(source.wait(now), source.code)
        wait = lane.wait(now, probe)
        if wait != 0 and not more:
            return Next(wait, lane.code)
        if now < later <= now + self._context.policy.retry_cap:
            return Next(max(0.001, later - now), "retrying")
        if yields or self._pull_is_busy():
            return Next(BEHIND)
        return self._pass(reopened(lane), now, later)

    def _exports_can_go(self, connection: Transaction, now: float) -> bool:
        owed = next_export_due(connection, self.name) if self._context.exports else None
        lane = load_lane(connection, "export", self.name)
        return owed is not None and owed <= now and lane.wait(now) == 0

    def _pass(self, lane: LaneState, now: float, later: float) -> Next:
        cap, draw = self._context.policy.retry_cap, self._chance()
        with self._ledger.write() as connection:
            claims = feedback_due(connection, self.name, now, cap, BATCH, lane=lane, draw=draw)
            if not claims:
                return Next(later - now, "retrying") if later > now else IDLE
            opened = self._context.pacer.open(connection, len(claims), live=False)
            if not isinstance(opened, Reservation):
                return Next(opened)
            claims = claims[: opened.n]
            note_sending(connection, [it.item.id for it in claims])
        self._record(claims, self._send(claims, opened), lane, opened)
        return AGAIN

    def _send(self, claims: Sequence[Telling], hold: Reservation) -> list[Answer]:
        """An answer for each; None for those not sent because one before said stop."""
        answers: list[Answer] = []
        stop = False
        for it in claims:
            answer = None if stop or self._clock.stopping else self._one(it, hold)
            stop = stop or isinstance(answer, Pause | Halt)
            answers.append(answer)
        return answers

    def _one(self, it: Telling, hold: Reservation) -> Answer:
        word = Judgement.of(it.word)
        try:
            hold.call(
                lambda: self._context.upstream.feedback(
                    it.lead_id, it.segment_id, word.feedback, reason=word.reason, text=word.note
                )
            )
        except Failure as why:
            return why
        except Exception as bug:  # noqa: BLE001 - one lead's surprise must not end the engine
            self._log.warning("feedback_failed", source=self.name, lead=it.lead_id, exc_info=bug)
            return bug
        return Delivered()

    def _record(
        self, claims: Sequence[Telling], answers: Sequence[Answer], lane: LaneState, hold: Reservation
    ) -> None:
        asked = [(_after(it.item, answer), answer) for it, answer in zip(claims, answers, strict=True)]
        with self._ledger.read() as connection:
            its = (item.id for item, _ in asked)
            others = others_due(connection, Feedback, lane, self._clock.now(), its)
        terms = Terms(self._clock.now(), self._context.policy, self._chance, others)
        judged = [(item, unless_the_route_is_missing(answer, ROUTE_MISSING)) for item, answer in asked]
        verdict, gone = gone_of(judge_each(judged, lane, terms, _is_done), ROUTE_MISSING)
        unsent = [kept(item) for item, answer in asked if answer is None]
        verdict = verdict._replace(changes=(*verdict.changes, *unsent))
        refused = key_refused(answers)
        with self._ledger.write() as connection:
            before = load_lane(connection, self.kind, self.name)
            verdict = verdict._replace(lane=kept_by_hand(before, verdict.lane, terms.now))
            sent = {it.item.id: it.word for it in claims}
            recorded = record_feedback(connection, self.name, verdict, sent=sent, gone=gone, now=terms.now)
            self._context.pacer.close(connection, hold)
            if refused:  # it is about the key, which the pull and the export live by too
                halt_lanes(connection, (*SOURCE_LANES, self.kind), self.name, refused, terms.now)
            after = load_lane(connection, self.kind, self.name)
        if recorded.counts.get("rejected"):
            self._log.warning("feedback_rejected", source=self.name, n=recorded.counts["rejected"])
        tell_lane(self._log, before, after)
        self._context.observer.fed_back(self.name, outcomes_of(verdict.changes, (it.item for it in claims)))


def _after(item: Item, answer: Answer) -> Item:
    """The item with what is known of its sending: only an answer that was lost leaves a doubt."""
    lost = isinstance(answer, BaseException) and not _says_no(answer)
    return item._replace(maybe_sent=item.maybe_sent or lost)


def _says_no(answer: BaseException) -> bool:
    """Whether CTGO did not take it, or never heard it."""
    if isinstance(answer, Pause):
        return not answer.unexplained or answer.unsent
    return isinstance(answer, Halt | Reject | Retry)


def _is_done(_: Item, answer: Answer) -> bool:
    return isinstance(answer, Delivered)
