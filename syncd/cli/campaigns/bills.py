"""What an act changes of what CTGO bills, said before anybody agrees to it. Pure but for the asking.

CTGO bills each tracked account that is awake by its tier, through Stripe. Sums are not known here.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from syncd.cli.output import told
from syncd.cli.prompt import agreed
from syncd.log import escape

if TYPE_CHECKING:
    from syncd.ctgo.campaigns.accounts import Accounts, TrackedAccount
    from syncd.ctgo.campaigns.drafts import NewPair, NewStream

_RANKS = ("starter", "growth", "pro")


class Effect(NamedTuple):
    """One sentence, and whether anything is billed differently after it."""

    sentence: str
    bills: bool = True


def named(account: "TrackedAccount") -> str:
    """An account for people: `@northwindlabs (account 3)`."""
    number = "account" if account.id is None else f"account {account.id}"
    return f"@{account.handle} ({number})" if account.handle else number.capitalize()


def of_sleep(account: "TrackedAccount") -> Effect:
    """What putting an account to sleep comes to."""
    return Effect(
        f"{named(account)} is no longer synced, and no longer billed{_as_a(account.tier)}. "
        "Its history and its campaigns' pairs stay."
    )


def of_wake(account: "TrackedAccount") -> Effect:
    """What waking an account comes to."""
    return Effect(f"{named(account)} is synced again, and billed again from now on{_as_a(account.tier)}.")


def of_tier(account: "TrackedAccount", tier: str) -> Effect:
    """What another tier comes to."""
    who, now = named(account), account.tier
    if now == tier and account.pending_tier:
        planned = f" on {told(account.pending_tier_at)}" if account.pending_tier_at else ""
        return Effect(f"{who} stays {tier}: its change to {account.pending_tier}{planned} is cancelled.")
    if now == tier:
        return Effect(f"{who} is {tier} already: nothing changes.", bills=False)
    if now in _RANKS and _RANKS.index(tier) < _RANKS.index(now):
        return Effect(
            f"{who} goes from {now} to {tier} at the end of the period that is paid; until then it stays {now}."
        )
    if now in _RANKS:
        return Effect(f"{who} goes from {now} to {tier} at once, and is billed for it at once, prorated.")
    return Effect(
        f"{who} becomes {tier}: a larger tier at once, prorated; a smaller one when the period ends."
    )


def of_stream(draft: "NewStream", accounts: "Accounts") -> list[Effect]:
    """What a new campaign comes to: a sentence for each handle it names."""
    by_handle = {pair.account_handle.lower(): pair for pair in draft.pairs if pair.account_handle}
    return [_of_pair(pair, accounts, accounts.find(handle)) for handle, pair in by_handle.items()]


def _of_pair(pair: "NewPair", accounts: "Accounts", account: "TrackedAccount | None") -> Effect:
    tier = pair.account_tier
    if account is None:
        how = _as_a(tier) if tier else ", by the tier that CTGO gives it: the file says no account_tier"
        return Effect(f"@{pair.account_handle} is not tracked yet: it is billed from now on{how}.")
    if account in (accounts.sleeping or ()):
        return Effect(f"{named(account)} sleeps: it may be woken, and billed again{_as_a(account.tier)}.")
    if tier in (None, account.tier):
        return Effect(f"{named(account)} is tracked already: nothing more is billed for it.", bills=False)
    return Effect(
        f"{named(account)} is tracked already, as {account.tier}: whether {tier} changes its tier is not documented."
    )


def agreed_to(effects: Sequence[Effect], question: str, *, yes: bool) -> bool:
    """Say the effects on stderr, and ask if any changes a bill and nobody said yes. Raises a usage error where nobody can answer."""
    for effect in effects:
        sys.stderr.write(f"{escape(effect.sentence)}\n")
    return yes or not any(effect.bills for effect in effects) or agreed(f"{question} [y/N] ")


def _as_a(tier: str | None) -> str:
    return f" as a {tier} account" if tier else ""
