"""The allowance of each tier, and the used part. No code here reads a clock.

The vendor publishes no table of tiers. The numbers of `starter` come from a sample of `GET /me`; the others are made up.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

DAY = 86_400.0
PERIOD = 30 * DAY
BEGUN = 10 * DAY  # the part of the billing period before the world's start

TIERS = ("starter", "growth", "pro")
Budget = Literal["sync", "retest"]


@dataclass(frozen=True, slots=True)
class Terms:
    """The allowance of one account of a tier.

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
    """The syncs of today and the re-tests of this period, for each account.

    Args:
        start: The world's start in epoch seconds; the billing period began earlier.
    """

    def __init__(self, start: float) -> None:
        self._first = start - BEGUN
        self._used: Counter[tuple[int, Budget, int]] = Counter()

    def period_start(self, instant: float) -> float:
        """Return the start of the billing period around an instant."""
        return self._first + self._period(instant) * PERIOD

    def period_end(self, instant: float) -> float:
        """Return the end of the billing period around an instant."""
        return self.period_start(instant) + PERIOD

    def cap(self, tier: str, budget: Budget) -> int:
        """Return the size of a tier's budget."""
        terms = TERMS[tier]
        return terms.daily_syncs if budget == "sync" else terms.monthly_retests

    def used(self, account_id: int, tier: str, budget: Budget, instant: float) -> int:
        """Return the used part, at most the size, so that a downgrade leaves no negative rest."""
        return min(self._used[self._slot(account_id, budget, instant)], self.cap(tier, budget))

    def take(self, account_id: int, tier: str, budget: Budget, instant: float) -> bool:
        """Use one unit and return True, or return False if none is left."""
        if self.used(account_id, tier, budget, instant) >= self.cap(tier, budget):
            return False
        self._used[self._slot(account_id, budget, instant)] += 1
        return True

    def drain(self, account_id: int, tier: str, budget: Budget, instant: float) -> None:
        """Use up a budget until its next period."""
        self._used[self._slot(account_id, budget, instant)] = self.cap(tier, budget)

    def _slot(self, account_id: int, budget: Budget, instant: float) -> tuple[int, Budget, int]:
        return account_id, budget, int(instant // DAY) if budget == "sync" else self._period(instant)

    def _period(self, instant: float) -> int:
        return int((instant - self._first) // PERIOD)
