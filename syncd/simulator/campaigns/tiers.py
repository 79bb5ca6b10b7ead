"""What a tier of a tracked account allows, and what was used of it: decided here, without a clock.

The vendor publishes no table of tiers. That a starter account has one sync a day and twelve re-tests a month is from a
sample of `GET /me`; every other number is made up.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

DAY = 86_400.0
PERIOD = 30 * DAY
BEGUN = 10 * DAY  # how much of the billing period was over when the world began

TIERS = ("starter", "growth", "pro")
Budget = Literal["sync", "retest"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What one account of a tier may do.

    Attributes:
        daily_syncs: Runs a day (UTC).
        monthly_retests: Re-tests a billing period.
        streams: Active campaigns that may name the account.
    """

    daily_syncs: int
    monthly_retests: int
    streams: int


TERMS = {"starter": Terms(1, 12, 3), "growth": Terms(3, 40, 10), "pro": Terms(6, 120, 25)}


class Budgets:
    """What each account used of its syncs today and its re-tests this period.

    Args:
        start: When the world began, epoch seconds; the billing period began earlier.
    """

    def __init__(self, start: float) -> None:
        self._first = start - BEGUN
        self._used: Counter[tuple[int, Budget, int]] = Counter()

    def period_start(self, instant: float) -> float:
        """When the billing period of an instant began."""
        return self._first + self._period(instant) * PERIOD

    def period_end(self, instant: float) -> float:
        """When the billing period of an instant ends."""
        return self.period_start(instant) + PERIOD

    def cap(self, tier: str, budget: Budget) -> int:
        """How much there is of it."""
        terms = TERMS[tier]
        return terms.daily_syncs if budget == "sync" else terms.monthly_retests

    def used(self, account_id: int, tier: str, budget: Budget, instant: float) -> int:
        """How much is used; never more than there is, so that a downgrade leaves nothing below zero."""
        return min(self._used[self._slot(account_id, budget, instant)], self.cap(tier, budget))

    def take(self, account_id: int, tier: str, budget: Budget, instant: float) -> bool:
        """Use one of it, if one is left."""
        if self.used(account_id, tier, budget, instant) >= self.cap(tier, budget):
            return False
        self._used[self._slot(account_id, budget, instant)] += 1
        return True

    def drain(self, account_id: int, tier: str, budget: Budget, instant: float) -> None:
        """Leave nothing of it until it is given anew."""
        self._used[self._slot(account_id, budget, instant)] = self.cap(tier, budget)

    def _slot(self, account_id: int, budget: Budget, instant: float) -> tuple[int, Budget, int]:
        return account_id, budget, int(instant // DAY) if budget == "sync" else self._period(instant)

    def _period(self, instant: float) -> int:
        return int((instant - self._first) // PERIOD)
