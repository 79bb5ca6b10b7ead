"""The tracked accounts: sleep, tiers, budgets, and Stripe's consent.

The vendor publishes no table of tiers. The numbers of `starter` come from a sample of `GET /me`; the others are made up.
Nothing here is thread-safe: hold the world's lock.
"""

from collections import Counter, deque
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Literal

from syncd.simulator import refusals
from syncd.simulator.campaigns.models import ACCOUNTS, Account
from syncd.simulator.instants import DAY, iso
from syncd.simulator.leads.people import draw
from syncd.simulator.options import Options
from syncd.simulator.refusals import RefusedError

PERIOD = 30 * DAY
BEGUN = 10 * DAY  # the part of the billing period before the world's start

TIERS = ("starter", "growth", "pro")
Budget = Literal["sync", "retest"]
# For an account of each tier: runs a day (UTC), re-tests a billing period, and active campaigns that may name it.
CAPS: Mapping[str, Mapping[Budget, int]] = {
    "starter": {"sync": 1, "retest": 12},
    "growth": {"sync": 3, "retest": 40},
    "pro": {"sync": 6, "retest": 120},
}
MOST_STREAMS = {"starter": 3, "growth": 10, "pro": 25}


class Budgets:
    """The syncs of today and the re-tests of this period, for each account. The first period began before the world's start."""

    def __init__(self, start: float) -> None:
        self._first = start - BEGUN
        self._used: Counter[tuple[int, Budget, int]] = Counter()

    def period_start(self, instant: float) -> float:
        """Return the start of the billing period around an instant."""
        return self._first + self._period(instant) * PERIOD

    def period_end(self, instant: float) -> float:
        """Return the end of the billing period around an instant."""
        return self.period_start(instant) + PERIOD

    def used(self, account: Account, budget: Budget, instant: float) -> int:
        """Return the used part, at most the cap, so that a downgrade leaves no negative rest."""
        return min(self._used[self._slot(account, budget, instant)], CAPS[account.tier][budget])

    def take(self, account: Account, budget: Budget, instant: float) -> bool:
        """Use one unit and return True, or return False if none is left."""
        if self.used(account, budget, instant) >= CAPS[account.tier][budget]:
            return False
        self._used[self._slot(account, budget, instant)] += 1
        return True

    def drain(self, account: Account, budget: Budget, instant: float) -> None:
        """Use up a budget until its next period."""
        self._used[self._slot(account, budget, instant)] = CAPS[account.tier][budget]

    def _slot(self, account: Account, budget: Budget, instant: float) -> tuple[int, Budget, int]:
        return account.id, budget, int(instant // DAY) if budget == "sync" else self._period(instant)

    def _period(self, instant: float) -> int:
        return int((instant - self._first) // PERIOD)


class Stripe:
    """A billing service that agrees to every change, unless a failure is planned."""

    def __init__(self) -> None:
        self._failures: deque[str] = deque()

    def fail(self, sentence: str | None = None, times: int = 1) -> None:
        """Refuse the next changes with this sentence."""
        self._failures.extend([sentence or refusals.STRIPE.sentence] * times)

    def agree(self) -> None:
        """Request one change. Raises RefusedError: Stripe refuses (502)."""
        if self._failures:
            raise RefusedError(refusals.STRIPE, self._failures.popleft())


class Accounts:
    """The tracked accounts of the user.

    Attributes:
        subscription: `active`, `trialing`, `free_user`, or a lapsed state. Callers may set it.
        stripe: Agrees to each change of the bill.
        budgets: Used syncs and re-tests.
    """

    def __init__(self, options: Options, start: float) -> None:
        self.subscription: str = options.subscription
        self.stripe = Stripe()
        self.budgets = Budgets(start)
        self._options = options
        self._tracked = {account.id: replace(account, added=start - 90 * DAY) for account in ACCOUNTS}

    @property
    def all(self) -> tuple[Account, ...]:
        """Every account, asleep or not, oldest first."""
        return tuple(self._tracked.values())

    @property
    def free(self) -> bool:
        """True if the user has the free plan."""
        return self.subscription == "free_user"

    @property
    def paying(self) -> bool:
        """True if the bill may change."""
        return self.subscription in ("active", "trialing")

    def get(self, account_id: int) -> Account:
        """Return an account. Raises RefusedError: no account has this id (404)."""
        if account_id not in self._tracked:
            raise RefusedError(refusals.ACCOUNT_NOT_FOUND)
        return self._tracked[account_id]

    def named(self, handle: str) -> Account | None:
        """Find an account by its handle. X ignores the case of handles."""
        return next((one for one in self.all if one.handle.lower() == handle.lower()), None)

    def draft(self, handle: str, tier: str, now: float) -> Account:
        """Return an account that is not tracked yet. It has the id 0 until `keep`."""
        chance = draw(self._options.seed, "account", handle)
        return Account(0, handle, tier, round(10 ** chance.uniform(2.7, 4.9)), now)

    def keep(self, draft: Account) -> Account:
        """Give the draft an id and track it. The caller checks the permission first."""
        account = replace(draft, id=max(self._tracked) + 1)
        self._tracked[account.id] = account
        return account

    def sleep(self, account_id: int) -> None:
        """Pause an account. A repeat is harmless. Raises RefusedError: no account has this id, or Stripe refuses."""
        if not self.get(account_id).asleep:
            self.stripe.agree()
            self.set_asleep(account_id, asleep=True)

    def wake(self, account_id: int) -> None:
        """Resume an account. A repeat is harmless. Raises RefusedError as `sleep`, and if no subscription is active."""
        account = self.get(account_id)
        if not self.paying:
            raise RefusedError(refusals.SUBSCRIPTION_REQUIRED)
        if account.asleep:
            self.stripe.agree()
            self.set_asleep(account_id, asleep=False)

    def set_asleep(self, account_id: int, *, asleep: bool) -> None:
        """Pause or resume an account without any check of the bill. Raises RefusedError: no account has this id."""
        self._tracked[account_id] = replace(self.get(account_id), asleep=asleep)

    def change_tier(self, account_id: int, tier: str, now: float) -> tuple[Account, str]:
        """Upgrade at once, schedule a downgrade for the period's end, or cancel a scheduled downgrade.

        Returns the changed account, and the `action` of the answer. Raises RefusedError as `wake`, and if the account is asleep
        or has this tier.
        """
        account = self.get(account_id)
        if not self.paying:
            raise RefusedError(refusals.SUBSCRIPTION_REQUIRED)
        if account.asleep:
            raise RefusedError(refusals.ACCOUNT_SLEEPS)
        step = TIERS.index(tier) - TIERS.index(account.tier)
        if step == 0 and account.pending_tier is None:
            raise RefusedError(refusals.TIER_UNCHANGED)
        self.stripe.agree()
        if step < 0:
            end = self.budgets.period_end(now)
            changed, action = replace(account, pending_tier=tier, pending_at=end), "downgrade_scheduled"
        else:
            changed = replace(account, tier=tier, pending_tier=None, pending_at=None)
            action = "upgraded" if step else "pending_cancelled"
        self._tracked[account_id] = changed
        return changed, action

    def settle(self, now: float) -> None:
        """Apply the downgrades that are due."""
        for account in self.all:
            if account.pending_tier and account.pending_at is not None and account.pending_at <= now:
                self._tracked[account.id] = replace(
                    account, tier=account.pending_tier, pending_tier=None, pending_at=None
                )


def account_payload(account: Account, segments: Collection[int], options: Options) -> dict[str, Any]:
    """Show one account as `GET /accounts` does; `segments` are those of its active campaigns."""
    pending = account.pending_at
    return {
        "id": account.id,
        "xHandle": account.handle,
        "tier": account.tier,
        "isActive": not account.asleep,
        "profileImageUrl": f"https://pbs.twimg.com/profile_images/{account.id}/{account.handle}.jpg",
        "lastKnownFollowerCount": account.followers,
        "lastKnownTweetCount": account.followers // 11,
        "tags": [],
        "addedAt": iso(account.added, options.times),
        "assignedSegmentIds": sorted(segments),
        "pendingTier": account.pending_tier,
        "pendingTierEffectiveAt": None if pending is None else iso(pending, options.times),
    }


def me_payload(accounts: Accounts, balance: int, options: Options, now: float) -> dict[str, Any]:
    """Build the body of `GET /me` without sleeping accounts; `balance` is the team's enrichment credits."""
    low = 10
    awake = [account for account in accounts.all if not account.asleep]
    shown = [_allowance(account, accounts.budgets, options, now) for account in awake]
    credits_ = {
        "balance": balance,
        "lowBalanceThreshold": low,
        "isLow": balance < low,
        "autoTopupEnabled": options.auto_topup,
    }
    return {
        "name": "Noor Example",
        "email": "noor@example.org",
        "subscriptionStatus": accounts.subscription,
        "isFreeTier": accounts.free,
        "accounts": shown,
        **({"credits": credits_} if options.credits_told else {}),
        "totals": {
            "monthlyRetestRemaining": sum(one["monthlyRetest"]["remaining"] for one in shown),
            "dailySyncRemaining": sum(one["dailySync"]["remaining"] for one in shown),
        },
    }


def _allowance(account: Account, budgets: Budgets, options: Options, now: float) -> Mapping[str, Any]:
    caps = CAPS[account.tier]
    synced, retested = budgets.used(account, "sync", now), budgets.used(account, "retest", now)
    return {
        "accountId": account.id,
        "xHandle": account.handle,
        "tier": account.tier,
        "monthlyRetest": {
            "used": retested,
            "budget": caps["retest"],
            "remaining": caps["retest"] - retested,
            "billingPeriodStart": iso(budgets.period_start(now), options.times),
        },
        "dailySync": {"used": synced, "cap": caps["sync"], "remaining": caps["sync"] - synced},
    }
