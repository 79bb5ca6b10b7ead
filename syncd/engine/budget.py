"""One source's requests: slots before they are sent, and the budget that the answers report after."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from syncd.clock import Clock
from syncd.core.limiter import QUANTUM, coalesce, foreign, freed
from syncd.ctgo import Signals
from syncd.engine.lane import Next
from syncd.ledger import Transaction, budgets
from syncd.ledger.budgets import Meter, Taken

T = TypeVar("T")


@dataclass(slots=True)
class Reservation:
    """Slots that a pass took. `call` notes when each request was over, answered or not."""

    taken: Taken
    clock: Clock
    since: float
    answered: list[float] = field(default_factory=list)

    @property
    def n(self) -> int:
        """The number of requests that may be sent."""
        return self.taken.n

    def call(self, request: Callable[[], T]) -> T:
        """Send one request. Its slot frees a window after this returns or raises."""
        try:
            return request()
        finally:
            self.answered.append(self.clock.monotonic())


class RequestBudget:
    """The limiter's shell. One for each API key and process; the ledger makes the processes count together."""

    def __init__(self, api_key: str, requests_per_minute: int, clock: Clock, *, deadline: float) -> None:
        """`deadline`: seconds within which a request ends, answered or not."""
        digest = hashlib.sha256(api_key.encode()).hexdigest()[:16]
        self.meter = Meter(digest, requests_per_minute, clock.boot())
        self._clock = clock
        self._deadline = deadline
        self._signals: list[Signals] = []

    def observe(self, signals: Signals) -> None:
        """Note what an answer reported; from any thread. It takes effect in the next `close`."""
        self._signals.append(signals)

    def start(self, connection: Transaction) -> None:
        """An engine starts: what the one before it held is over."""
        budgets.start_over(connection, self.meter, self._clock.monotonic())

    def open(self, connection: Transaction, want: int, *, live: bool, at_once: int = 1) -> Reservation | Next:
        """Take up to `want` slots in this transaction; or return when asking again can help.

        A free slot is only a matter of pace. While CTGO wants the whole key to rest, the wait is a trouble.
        `at_once`: how many requests will be under way together; the slots last for all of them one after the other.
        """
        now = self._clock.monotonic()
        deadline = self._deadline * -(-want // at_once)
        granted, taken = budgets.take(connection, self.meter, now, want=want, live=live, deadline=deadline)
        if taken:
            return Reservation(taken, self._clock, now)
        rests = budgets.load_budget(connection, self.meter, now).blocked_until > now
        return Next(granted.wait, "rate_limited" if rests else "")

    def close(self, connection: Transaction, slots: Reservation | None) -> None:
        """Write when the slots free, and what the server reported meanwhile."""
        if slots:
            frees = coalesce([freed(at) for at in slots.answered], QUANTUM)
            budgets.give_back(connection, self.meter, slots.taken, frees)
        signals, self._signals = self._signals, []
        if signals:
            self._believe(connection, signals, slots.since if slots else None)

    def schedule_pull(
        self, connection: Transaction, at: float | None, needs: int, every: float | None = None
    ) -> None:
        """Reserve for scheduled pulls: the next one's monotonic instant, the requests it needs, seconds between two."""
        budgets.schedule_pull(connection, self.meter, at, needs, every)

    def _believe(self, connection: Transaction, signals: list[Signals], since: float | None) -> None:
        limits = [s.limit for s in signals if s.limit]
        if limits:
            budgets.lower(connection, self.meter, limits[-1])
        for signal in signals:
            if signal.retry_after:
                budgets.block(connection, self.meter, signal.answered_at + signal.retry_after)
        remaining = [s.remaining for s in signals if s.remaining is not None]
        if remaining:
            now = self._clock.monotonic()
            budget = budgets.load_budget(connection, self.meter, now)
            others = foreign(budget, now, min(remaining), in_flight=0, sent_at=since)
            budgets.add(connection, self.meter, (others,) if others else ())
