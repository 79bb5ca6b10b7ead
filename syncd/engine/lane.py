"""A lane as its runner sees it, the observer that lanes report to, and what every lane does with its row in the ledger."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.core.delivery import Change, Item
from syncd.core.failure import Failure, Halt, Reject
from syncd.core.lane_state import (
    LaneState,
    Policy,
    Situation,
    halted,
    is_lasting_bug,
    kept_by_hand,
    paused,
    reopened,
)
from syncd.core.lead import utc_text
from syncd.core.verdict import Verdict, may_go_on, until_untried
from syncd.ledger import Ledger, Transaction
from syncd.ledger.deliveries.attempts import others_due, untried_due
from syncd.ledger.lanes import load_lane, save_lane
from syncd.ledger.schema import Attempted


class Next(NamedTuple):
    """When a lane must be stepped again.

    `wait`: seconds; 0 at once, None not before something wakes it. `trouble`: the code of what is wrong, empty when
    the wait is only pacing or there is nothing to do.
    """

    wait: float | None
    trouble: str = ""


AGAIN = Next(0.0)
IDLE = Next(None)

Wake = Callable[[str, str], None]
"""Tells the runner that a lane (kind, name) has work."""


class LaneTools(NamedTuple):
    """The tools that every lane works with. `chance`: numbers in [0, 1) for the jitter."""

    ledger: Ledger
    clock: Clock
    log: Logger
    wake: Wake
    chance: Callable[[], float] = random.random


class Lane(Protocol):
    """A lane as its runner sees it. `kind` is deliver, hear, pull, export, enrich, names or feedback; `name` the connector's or the source's."""

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102

    def step(self) -> Next:
        """Do what may be done now. Raises LedgerError when the ledger cannot be used, anything else for a bug."""
        ...


class LedgerLane:
    """The common part of lanes: a pause or a halt is in the ledger, and each change of it is one event in the log.

    A pause that a person made while a step was under way outlasts what the step decided.
    """

    kind: str
    halting: tuple[type[Failure], ...] = (Halt, Reject)
    """Failures that halt the lane; all others pause it."""

    def __init__(self, name: str, tools: LaneTools, policy: Policy) -> None:
        """`name`: of the connector or the source."""
        self.name, self._policy = name, policy
        self._ledger, self._clock, self._log, self._wake, self._chance = tools
        self._logged: set[str] = set()
        """The codes of this trouble's pauses that this process logged: an earlier process may have left the lane in trouble."""

    def _load(self, connection: Transaction) -> LaneState:
        return load_lane(connection, self.kind, self.name)

    def _standstill(self, lane: LaneState) -> Next | None:
        """Return when to step a lane again that stands still; None if it may go on."""
        wait = lane.wait(self._clock.now(), self._policy.probe)
        return Next(wait, lane.code) if wait != 0 else None

    def _barred(self, connection: Transaction, lane: LaneState, model: type[Attempted]) -> Next | None:
        """Return when to step a lane again that stands still; None if it may go on, if only with a row not tried yet."""
        standstill, now = self._standstill(lane), self._clock.now()
        if standstill is None or (may_go_on(lane) and others_due(connection, model, lane, now)):
            return None
        sooner = until_untried(lane, now)
        if sooner is None or (standstill.wait or 0.0) <= sooner:
            return standstill
        if not untried_due(connection, model, lane.name, now):
            return standstill
        return Next(sooner, lane.code) if sooner else None

    def _situation(self, *, others: bool = False) -> Situation:
        return Situation(self._clock.now(), self._policy, self._chance, others)

    def _save(self, connection: Transaction, decided: LaneState) -> LaneState:
        """Save the lane's next state; return what is saved, which a person's pause may differ from."""
        before = self._load(connection)
        after = kept_by_hand(before, decided, self._clock.now())
        save_lane(connection, after)
        self._log_change(before, after)
        return after

    def _allow(self, connection: Transaction, verdict: Verdict) -> tuple[LaneState, Verdict]:
        """Return the lane before a verdict, and the verdict with the pause that a person may have made."""
        before = self._load(connection)
        return before, verdict._replace(lane=kept_by_hand(before, verdict.lane, self._clock.now()))

    def _fail(self, connection: Transaction, lane: LaneState, why: Failure) -> Next:
        """Pause or halt the lane; return when to step it again."""
        halts = isinstance(why, self.halting) or is_lasting_bug(lane, why)
        after = halted(lane, why, self._clock.now()) if halts else paused(lane, why, self._situation())
        return self._standstill(self._save(connection, after)) or AGAIN

    def _recover(self, connection: Transaction, lane: LaneState) -> None:
        """Clear the trouble of a lane that works again."""
        well = reopened(lane)._replace(code="", detail="", failures=0, probing=False, alike_code="", alike=())
        if well != lane:
            self._save(connection, well)

    def _log_change(self, before: LaneState, after: LaneState) -> None:
        known = {"kind": after.kind, "name": after.name}
        wait = after.wait(self._clock.now(), self._policy.probe)
        retry = {} if wait is None else {"next_try": utc_text(int(self._clock.now() + wait))}
        if after.status == "halted" and (before.status, before.code) != ("halted", after.code):
            self._log.warning("lane_halted", **known, code=after.code, detail=after.detail, **retry)
        elif after.status == "paused" and before.status == "open" and after.code not in self._logged:
            self._logged.add(after.code)
            self._log.warning("lane_paused", **known, code=after.code, detail=after.detail, **retry)
        elif after.status == "open" and before.code and not after.code:
            self._logged.clear()
            self._log.info("lane_recovered", **known)


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
