"""Feedback: a connector's lane that collects what became of people, and a source's lane that sends it to CTGO.

Collecting shares its connector's thread with the deliveries, so a step is one page and they take turns. A page is judged by
the configuration's table and matched with the ledger in the transaction that moves the cursor: killed before it, the page is
asked for again; what it reports twice changes nothing. People whom the ledger does not know are left out.

Sending goes behind exports and pulls. A pass begins only while no pull is under way and no export can go, so that feedback
takes no request that they could use.
"""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from syncd.connector import Logger, Status, Statuses, TellsStatus
from syncd.core.failure import Failure, Halt, Refused, Reject, Retry
from syncd.core.feedback import Judgement, Judging
from syncd.core.lane_state import LaneState, Policy, reopened
from syncd.core.verdict import ContractError
from syncd.engine import connector_bugs
from syncd.engine.export import QueueLane
from syncd.engine.lane import AGAIN, IDLE, LaneTools, LedgerLane, Next
from syncd.engine.source import SourceContext
from syncd.ledger import Transaction
from syncd.ledger.deliveries import statuses
from syncd.ledger.deliveries.queue import EXPORT_QUEUE, FEEDBACK_QUEUE, Claim
from syncd.ledger.deliveries.statuses import Report
from syncd.ledger.lanes import load_lane

BEHIND = 5.0
"""Seconds until it is worth looking again whether pulls and exports have left anything."""


@dataclass(frozen=True, slots=True)
class FeedbackPoll:
    """A connector that is asked for statuses. `repeats`: whether it is asked again after `judging.poll`."""

    name: str
    connector: TellsStatus
    judging: Judging
    policy: Policy = field(default_factory=Policy)
    repeats: bool = True


class CollectFeedback(LedgerLane):
    """The lane `hear:NAME`."""

    kind = "hear"
    halting = (Halt, Reject, Retry)

    def __init__(self, poll: FeedbackPoll, tools: LaneTools) -> None:
        super().__init__(poll.name, tools, poll.policy)
        self._poll = poll
        self._due: float | None = self._clock.monotonic()
        self._indexed = False

    def step(self) -> Next:
        """One page, when it is time for one."""
        with self._ledger.read() as connection:
            lane = self._load(connection)
        standstill = self._standstill(lane)
        if standstill:
            return standstill
        if self._due is None:
            return IDLE
        left = self._due - self._clock.monotonic()
        return Next(left) if left > 0 else self._collect(reopened(lane))

    def _collect(self, lane: LaneState) -> Next:
        judging, now = self._poll.judging, self._clock.now
        with self._ledger.write() as connection:
            if not self._indexed:
                statuses.make_indexes(connection)
            cursor = statuses.load_cursor(connection, self.name, judging.digest)
        self._indexed = True
        page = ask(self._poll, cursor, self._log)
        if isinstance(page, Failure):
            with self._ledger.write() as connection:
                return self._fail(connection, lane, page)
        with self._ledger.write() as connection:
            news = statuses.news_in(connection, self.name, judgements_in(page.found, judging))
            sources = statuses.take_in(connection, self.name, news, now())
            statuses.save_cursor(connection, self.name, judging.digest, page.cursor, now())
            self._recover(connection, lane)
        if news.words:
            people, leads = len(news.words), len(news.rows)
            self._log.info("feedback_heard", connector=self.name, people=people, leads=leads)
        if without_segment := sum(row.state == "no_segment" for row in news.rows):
            self._log.warning("feedback_without_segment", connector=self.name, leads=without_segment)
        for source in sources:
            self._wake("feedback", source)
        if page.more:
            return AGAIN
        self._due = self._clock.monotonic() + judging.poll if self._poll.repeats else None
        return Next(judging.poll) if self._poll.repeats else IDLE


def ask(poll: FeedbackPoll, cursor: str, log: Logger) -> Statuses | Failure:
    """Return a page, or the reason why there is none: what else a plugin does is its bug."""
    try:
        page: object = poll.connector.statuses_since(cursor)
        if not isinstance(page, Statuses) or not isinstance(page.cursor, str):
            raise ContractError(f"{type(page).__name__} is no page of statuses with a cursor")  # noqa: TRY301
        if page.more and page.cursor == cursor:
            raise ContractError("its page promises more, and its cursor stands still")  # noqa: TRY301
    except Refused as why:
        return Halt(why.code, why.detail)
    except Failure as why:
        return why
    except ContractError as why:
        pause = connector_bugs.breach_of(poll.connector.statuses_since, str(why))
        log.warning("connector_failed", connector=poll.name, error=pause.detail)
        return pause
    except Exception as bug:  # noqa: BLE001 - a plugin's bug must not end the engine
        pause = connector_bugs.raised(poll.connector, bug)
        # Its frames alone: its text may quote somebody, and nobody here knows whom
        frames = "".join(traceback.format_tb(bug.__traceback__))
        log.warning(
            "connector_failed",
            connector=poll.name,
            error=pause.detail,
            exception=f"{frames}{type(bug).__name__}",
        )
        return pause
    return page


def judgements_in(found: Sequence[Status], judging: Judging) -> list[Report]:
    """Return the judgements of a page, in the order of the changes; values that mean nothing are left out."""
    return [
        Report(status.person, status.remote_id, judgement.line)
        for status in sorted(found, key=lambda it: it.changed_at)
        if (judgement := judging.judge(status.value)) is not None
    ]


class SendFeedback(QueueLane):
    """The lane `feedback:NAME`."""

    batch = 8  # an export that becomes due meanwhile waits for them
    keeps_doubt = True
    events = ("feedback_failed", "feedback_rejected")

    def __init__(self, context: SourceContext, tools: LaneTools, pull_is_busy: Callable[[], bool]) -> None:
        """`pull_is_busy`: tells if the source is being pulled."""
        super().__init__(context, tools, FEEDBACK_QUEUE, context.observer.fed_back)
        self._pull_is_busy = pull_is_busy

    def _held_back(self, connection: Transaction, later: float | None) -> Next | None:
        if later is None:
            return IDLE
        source, now = load_lane(connection, "pull", self.name), self._clock.now()
        return Next(source.wait(now), source.code) if source.wait(now) != 0 else None

    def _yields(self, connection: Transaction) -> Next | None:
        return Next(BEHIND) if self._exports_can_go(connection) or self._pull_is_busy() else None

    def _exports_can_go(self, connection: Transaction) -> bool:
        now = self._clock.now()
        owed = EXPORT_QUEUE.next_due(connection, self.name) if self._context.exports else None
        lane = load_lane(connection, "export", self.name)
        return owed is not None and owed <= now and lane.wait(now) == 0

    def _request(self, claim: Claim) -> None:
        it = Judgement.of(claim.word)
        self._context.upstream.feedback(
            claim.lead_id, claim.segment_id, it.feedback, reason=it.reason, text=it.note
        )
