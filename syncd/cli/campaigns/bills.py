"""Effects of an act on CTGO's bill, shown before a person accepts them. Pure except for the question.

CTGO bills each tracked account that is awake by its tier, through Stripe. syncd does not know the prices.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from syncd.cli.context import confirm
from syncd.cli.output import date_time
from syncd.log import escape

if TYPE_CHECKING:
    from syncd.ctgo.campaigns.accounts import Accounts, TrackedAccount
    from syncd.ctgo.campaigns.drafts import NewPair, NewStream

_RANKS = ("starter", "growth", "pro")


class Effect(NamedTuple):
    """A sentence about an effect. `bills`: it changes the bill."""

    sentence: str
    bills: bool = True


def named(account: "TrackedAccount") -> str:
    """Name an account for people: `@northwindlabs (account 3)`."""
    number = "account" if account.id is None else f"account {account.id}"
    return f"@{account.handle} ({number})" if account.handle else number.capitalize()


def of_sleep(account: "TrackedAccount") -> Effect:
    """Describe the effect of putting an account to sleep."""
    return Effect(
        f"{named(account)} is no longer synced, and no longer billed{_as_a(account.tier)}. "
        "Its history and its campaigns' pairs stay."
    )


def of_wake(account: "TrackedAccount") -> Effect:
    """Describe the effect of waking an account."""
    return Effect(f"{named(account)} is synced again, and billed again from now on{_as_a(account.tier)}.")


def of_tier(account: "TrackedAccount", tier: str) -> Effect:
    """Describe the effect of another tier."""
    who, now = named(account), account.tier
    if now == tier and account.pending_tier:
        planned = f" on {date_time(account.pending_tier_at)}" if account.pending_tier_at else ""
        return Effect(f"{who} stays {tier}: its change to {account.pending_tier}{planned} is cancelled.")
    if now == tier:
        return Effect(f"{who} is {tier} already: nothing changes.", bills=False)
    if now in _RANKS and _RANKS.index(tier) < _RANKS.index(now):
        return Effect(
            f"{who} goes from {now} to {tier} at the end of the paid period; until then it stays {now}."
        )
    if now in _RANKS:
        return Effect(f"{who} goes from {now} to {tier} at once, and is billed for it at once, prorated.")
    return Effect(
        f"{who} becomes {tier}: a larger tier at once, prorated; a smaller one when the period ends."
    )


def of_stream(draft: "NewStream", accounts: "Accounts") -> list[Effect]:
    """Describe the effect of a new campaign: a sentence for each handle that it names."""
    by_handle = {pair.account_handle.lower(): pair for pair in draft.pairs if pair.account_handle}
    return [_of_pair(pair, accounts, accounts.find(handle)) for handle, pair in by_handle.items()]


def _of_pair(pair: "NewPair", accounts: "Accounts", account: "TrackedAccount | None") -> Effect:
    tier = pair.account_tier
    if account is None:
        how = _as_a(tier) if tier else ", with the tier that CTGO chooses: the file has no account_tier"
        return Effect(f"@{pair.account_handle} is not tracked yet: it is billed from now on{how}.")
    if account in (accounts.sleeping or ()):
        return Effect(f"{named(account)} sleeps: it may be woken, and billed again{_as_a(account.tier)}.")
    if tier in (None, account.tier):
        return Effect(f"{named(account)} is tracked already: nothing more is billed for it.", bills=False)
    return Effect(
        f"{named(account)} is tracked already, as {account.tier}: CTGO does not document if {tier} changes its tier."
    )


def accepted(effects: Sequence[Effect], question: str, *, yes: bool) -> bool:
    """Print the effects on stderr; ask if one changes the bill, unless `yes`. Raises a usage error if nobody can answer."""
    for effect in effects:
        sys.stderr.write(f"{escape(effect.sentence)}\n")
    return yes or not any(effect.bills for effect in effects) or confirm(f"{question} [y/N] ")


def _as_a(tier: str | None) -> str:
    return f" as a {tier} account" if tier else ""
