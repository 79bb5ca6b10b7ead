"""CollectFeedback: one connector's lane of what became of people. Ask for a page, judge it, write it down with its cursor.

It shares its connector's thread with the deliveries, so a step is one page and they take turns. What a page says is judged
by the configuration's table and matched with the ledger in the transaction that moves the cursor: killed before it, the page
is asked for again; what it tells twice is no news. Whom the ledger does not know is nobody.
"""

import random
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from syncd.clock import Clock
from syncd.connector import Logger, Status, Statuses, TellsStatus
from syncd.core.failure import Failure, Halt, Pause, Refused, Reject, Retry
from syncd.core.feedback import Judging
from syncd.core.lane_state import LaneState, Policy, reopened
from syncd.core.verdict import ContractError
from syncd.engine.lane import AGAIN, IDLE, LedgerLane, Next, Wake
from syncd.ledger import Ledger
from syncd.ledger.deliveries.statuses import (
    News,
    Report,
    load_cursor,
    make_indexes,
    news_in,
    save_cursor,
    take_in,
)


@dataclass(frozen=True, slots=True)
class FeedbackPoll:
    """A connector that tells, and what of it is listened to. `repeats`: whether it is asked again after `judging.poll`."""

    name: str
    connector: TellsStatus
    judging: Judging
    policy: Policy = field(default_factory=Policy)
    repeats: bool = True


class CollectFeedback(LedgerLane):
    """The lane `hear:NAME`."""

    kind = "hear"
    halting = (Halt, Reject, Retry)

    def __init__(
        self,
        poll: FeedbackPoll,
        ledger: Ledger,
        clock: Clock,
        log: Logger,
        wake: Wake,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`chance`: numbers in [0, 1) for the jitter."""
        super().__init__(poll.name, ledger, clock, log, policy=poll.policy, chance=chance)
        self._poll, self._wake = poll, wake
        self._due: float | None = clock.monotonic()
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
        cursor_id = self._poll.judging.mark
        with self._ledger.write() as connection:
            if not self._indexed:
                make_indexes(connection)
            cursor = load_cursor(connection, self.name, cursor_id)
        self._indexed = True
        page = ask(self._poll, cursor, self._log)
        if isinstance(page, Failure):
            with self._ledger.write() as connection:
                return self._fail(connection, lane, page)
        with self._ledger.write() as connection:
            news = news_in(connection, self.name, judgements_in(page.found, self._poll.judging))
            sources = take_in(connection, self.name, news, self._clock.now())
            save_cursor(connection, self.name, cursor_id, page.cursor, self._clock.now())
            self._recover(connection, lane)
        self._log_news(news)
        for source in sources:
            self._wake("feedback", source)
        return AGAIN if page.more else self._rest()

    def _rest(self) -> Next:
        if not self._poll.repeats:
            self._due = None
            return IDLE
        self._due = self._clock.monotonic() + self._poll.judging.poll
        return Next(self._poll.judging.poll)

    def _log_news(self, news: News) -> None:
        if news.words:
            self._log.info(
                "feedback_heard", connector=self.name, people=len(news.words), leads=len(news.rows)
            )
        without_segment = sum(row.state == "no_segment" for row in news.rows)
        if without_segment:
            self._log.warning("feedback_without_segment", connector=self.name, leads=without_segment)


def ask(poll: FeedbackPoll, cursor: str, log: Logger) -> Statuses | Failure:
    """A page, or why there is none: what else a plugin does is its bug."""
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
        return Pause("connector_bug", f"{why}.", unexplained=True)
    except Exception as bug:  # noqa: BLE001 - a plugin's bug must not end the engine
        # Its frames alone: what it says may quote somebody, and nobody here knows whom
        frames = "".join(traceback.format_tb(bug.__traceback__))
        log.warning("connector_failed", connector=poll.name, exception=f"{frames}{type(bug).__name__}")
        return Pause("connector_bug", f"{type(bug).__name__} in the connector.", unexplained=True)
    return page


def judgements_in(found: Sequence[Status], judging: Judging) -> list[Report]:
    """The words of a page, in the order of the changes; values that say nothing are left out."""
    words = [(status, judging.judge(status.value)) for status in sorted(found, key=lambda it: it.changed_at)]
    return [Report(status.person, status.remote_id, word.line) for status, word in words if word is not None]
