"""Tracked accounts: X accounts whose followers are examined, each billed by its tier while it is awake.

Sources: the v2 pages of `GET /accounts`, `POST /accounts/{id}/sleep`, `/wake` and `/change-tier`. There is no creating one: a
campaign that names a handle does. Common errors: 401, 429, 5xx; an account that is not ours: Reject `not_found`.
"""

from typing import Literal

from pydantic import Field

from syncd.ctgo.campaigns.drafts import DraftError, Tier
from syncd.ctgo.campaigns.requests import (
    Billing,
    Moment,
    Resource,
    Seen,
    act,
    at,
    billed,
    listing,
    one,
    refuse_unless_accepted,
)
from syncd.ctgo.models import Answer, Maybe


class TrackedAccount(Answer):
    """A tracked account. `tier`: an open list when read. `pending_tier` comes at the end of the paid period."""

    id: Maybe[int] = None
    handle: Maybe[str] = Field(None, alias="xHandle")
    tier: Maybe[str] = None
    is_active: Maybe[bool] = Field(None, alias="isActive")
    image_url: Maybe[str] = Field(None, alias="profileImageUrl")
    followers: Maybe[int] = Field(None, alias="lastKnownFollowerCount")
    tweets: Maybe[int] = Field(None, alias="lastKnownTweetCount")
    tags: Maybe[tuple[str, ...]] = None
    added_at: Moment = Field(None, alias="addedAt")
    segment_ids: Maybe[tuple[int, ...]] = Field(None, alias="assignedSegmentIds")
    pending_tier: Maybe[str] = Field(None, alias="pendingTier")
    pending_tier_at: Moment = Field(None, alias="pendingTierEffectiveAt")


class Accounts(Answer):
    """All tracked accounts: `active` are synced and billed, `sleeping` neither."""

    active: Maybe[tuple[TrackedAccount, ...]] = None
    sleeping: Maybe[tuple[TrackedAccount, ...]] = None

    def find(self, account: int | str) -> TrackedAccount | None:
        """The account of this id or handle, with or without @, asleep or awake."""
        wanted = account.removeprefix("@").lower() if isinstance(account, str) else account
        return next((a for a in self.all() if wanted in (a.id, (a.handle or "").lower() or None)), None)

    def all(self) -> tuple[TrackedAccount, ...]:
        """Those awake, then those asleep."""
        return (self.active or ()) + (self.sleeping or ())


class Rest(Answer):
    """The result of sleeping or waking."""

    success: Maybe[bool] = None
    account_id: Maybe[int] = Field(None, alias="accountId")
    asleep: Maybe[bool] = None
    awake: Maybe[bool] = None


class TierChange(Answer):
    """The result of a change of tier. `account` is as listed.

    `action`: `upgraded` (at once, prorated), `downgrade_scheduled` (at `effective_at`), `pending_cancelled`; None when the
    answer was lost and the account shows the tier.
    """

    account: Maybe[TrackedAccount] = None
    action: Maybe[str] = None
    effective_at: Moment = Field(None, alias="effectiveAt")


def is_asleep(accounts: Accounts, account_id: int) -> bool | None:
    """True if an account sleeps; None when neither list has it."""
    if any(account.id == account_id for account in accounts.sleeping or ()):
        return True
    return False if any(account.id == account_id for account in accounts.active or ()) else None


def has_tier(accounts: Accounts, account_id: int, tier: Tier) -> bool | None:
    """True if an account has a tier for good, or will have it at the period's end; None if the list does not show it."""
    account = accounts.find(account_id)
    if account is None or account.tier is None:
        return None
    return (account.pending_tier or account.tier) == tier.value


class AccountsApi(Resource):
    """The tracked accounts."""

    def list(self) -> Accounts:
        """All tracked accounts. `GET /accounts`; there is no paging."""
        return self._ask(listing("/accounts", "for its tracked accounts"), one(Accounts))

    def sleep(self, account_id: int, *, billing: Billing) -> Rest:
        """Stop syncing and billing an account; its history and its campaigns' pairs stay. `POST /accounts/{id}/sleep`.

        A lost answer is looked up in the list of accounts.

        Raises:
            Reject: `not_found`, also for one that was deleted; `billing_not_accepted`; `payment_failed`.
            Halt: `outcome_unknown`.
        """
        refuse_unless_accepted(billing, "Putting an account to sleep")
        return self._rest(account_id, "sleep", asleep=True)

    def wake(self, account_id: int, *, billing: Billing) -> Rest:
        """Sync and bill an account again. `POST /accounts/{id}/wake`.

        Raises Reject, Halt: as `sleep`; and Halt `subscription_required`.
        """
        refuse_unless_accepted(billing, "Waking an account")
        return self._rest(account_id, "wake", asleep=False)

    def change_tier(self, account_id: int, tier: Tier, *, billing: Billing) -> TierChange:
        """Give an account another tier. `POST /accounts/{id}/change-tier`.

        An upgrade is at once and prorated, a downgrade comes at the end of the period, and the tier that the account has
        cancels a downgrade to come.

        Raises:
            Reject: as `sleep`; `account_sleeping`: it must be woken first; `payment_failed`, with Stripe's own message.
            Halt: `subscription_required`, `outcome_unknown`.
            DraftError: no tier.
        """
        refuse_unless_accepted(billing, "Changing an account's tier")
        try:
            wanted = Tier(tier)
        except ValueError:
            raise DraftError("a tier is one of starter, growth and pro") from None
        body = {"newTier": wanted.value}
        path = at("/accounts/{}/change-tier", account_id)
        call = act("POST", path, "to change an account's tier", body, bills=True)
        return billed(self._ask, call, one(TierChange), lambda: self._changed(account_id, wanted))

    def _rest(self, account_id: int, verb: Literal["sleep", "wake"], *, asleep: bool) -> Rest:
        asked = "to put an account to sleep" if asleep else "to wake an account"
        call = act("POST", at(f"/accounts/{{}}/{verb}", account_id), asked, bills=True)
        return billed(self._ask, call, one(Rest), lambda: self._rested(account_id, asleep=asleep))

    def _rested(self, account_id: int, *, asleep: bool) -> Seen[Rest]:
        sleeps = is_asleep(self.list(), account_id)
        if sleeps is None:
            return None
        found = Rest(success=True, account_id=account_id, asleep=sleeps, awake=not sleeps)
        return found if sleeps == asleep else False

    def _changed(self, account_id: int, tier: Tier) -> Seen[TierChange]:
        accounts = self.list()
        has = has_tier(accounts, account_id, tier)
        account = accounts.find(account_id)
        return TierChange(account=account) if has and account else (None if has is None else False)
