"""`syncd accounts`: list or show tracked X accounts, and change what they cost."""

from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.campaigns.bills import accepted, named, of_sleep, of_tier, of_wake
from syncd.cli.campaigns.session import (
    Fields,
    Row,
    Session,
    SourceName,
    Yes,
    at_handle,
    list_by_default,
    missing,
    say_document,
    say_list,
    say_one,
    session,
)
from syncd.cli.context import AsJson, group_app, unknown
from syncd.cli.exits import Exit
from syncd.cli.output import date_time
from syncd.core.failure import Reject

if TYPE_CHECKING:
    from syncd.ctgo.campaigns.accounts import Accounts, TierChange, TrackedAccount

app = group_app("List, show, sleep, wake or change the tier of tracked X accounts.")

_Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its id, or its @handle.")]
_TIERS = ("starter", "growth", "pro")


@app.command("list")
def list_(context: typer.Context, source: SourceName = "", as_json: AsJson = False) -> int:
    """List the tracked accounts: awake ones are synced and billed, sleeping ones are not."""
    with session(context, source) as ctgo:
        found = ctgo.api.accounts.list()
    rows = [_row(it, asleep=_sleeps(found, it)) for it in found.all()]
    columns = ("id", "handle", "tier", "state", "followers", "segments", "next tier")
    empty = "No account is tracked. A campaign that names a handle begins to track it."
    return say_list(
        found.document(), as_json, columns, rows, empty, drop=("next tier", "segments", "followers")
    )


list_by_default(app, list_)


@app.command()
def show(context: typer.Context, account: _Account, source: SourceName = "", as_json: AsJson = False) -> int:
    """Show one tracked account."""
    with session(context, source) as ctgo:
        found, one = _find(ctgo, account)
    return say_one(one.document(), as_json, _fields(one, asleep=_sleeps(found, one)))


@app.command()
def sleep(
    context: typer.Context,
    account: _Account,
    yes: Yes = False,
    source: SourceName = "",
    as_json: AsJson = False,
) -> int:
    """Stop syncing an account, and paying for it. Its history and its campaigns' pairs stay."""
    return _switch(context, account, source, as_json, asleep=True, yes=yes)


@app.command()
def wake(
    context: typer.Context,
    account: _Account,
    yes: Yes = False,
    source: SourceName = "",
    as_json: AsJson = False,
) -> int:
    """Sync an account again, and pay for it again."""
    return _switch(context, account, source, as_json, asleep=False, yes=yes)


@app.command()
def tier(  # noqa: PLR0917 - Typer passes them by name
    context: typer.Context,
    account: _Account,
    wanted: Annotated[str, typer.Argument(metavar="TIER", help="starter, growth or pro.")],
    yes: Yes = False,
    source: SourceName = "",
    as_json: AsJson = False,
) -> int:
    """Change an account's tier: a larger one at once and prorated, a smaller one when the paid period ends.

    The tier that the account has now cancels a planned smaller one.
    """
    if wanted not in _TIERS:
        raise unknown("tier", wanted, _TIERS)
    from syncd.ctgo.campaigns.drafts import Tier  # noqa: PLC0415
    from syncd.ctgo.campaigns.requests import Billing  # noqa: PLC0415

    with session(context, source) as ctgo:
        found, one = _find(ctgo, account)
        if _sleeps(found, one):
            detail = f"{named(one)} sleeps, and CTGO does not change the tier of a sleeping account."
            raise Reject("account_sleeping", detail)
        effect = of_tier(one, wanted)
        if not effect.bills:
            return _unchanged(one, f"is {wanted} already", as_json)
        if not accepted([effect], "Change it?", yes=yes):
            return _declined()
        change = ctgo.api.accounts.change_tier(one.id or 0, Tier(wanted), billing=Billing.ACCEPTED)
    return say_document(change.document(), as_json, _describe(one, wanted, change))


def _switch(
    context: typer.Context, account: str, source: str, as_json: bool, *, asleep: bool, yes: bool
) -> Exit:
    """Put an account to sleep or wake it, once the person accepts the effect on the bill."""
    with session(context, source) as ctgo:
        found, one = _find(ctgo, account)
        if _sleeps(found, one) == asleep:
            return _unchanged(one, "sleeps already" if asleep else "is awake already", as_json)
        effect, question = (of_sleep(one), "Put it to sleep?") if asleep else (of_wake(one), "Wake it?")
        if not accepted([effect], question, yes=yes):
            return _declined()
        from syncd.ctgo.campaigns.requests import Billing  # noqa: PLC0415

        act = ctgo.api.accounts.sleep if asleep else ctgo.api.accounts.wake
        rest = act(one.id or 0, billing=Billing.ACCEPTED)
    state = f"sleeps. To wake it: syncd accounts wake {one.id}" if asleep else "is awake."
    return say_document(rest.document(), as_json, f"{named(one)} {state}")


def _find(ctgo: Session, account: str) -> "tuple[Accounts, TrackedAccount]":
    """Find an account; also return all accounts. Raises Reject `not_found`."""
    found = ctgo.api.accounts.list()
    one = found.find(int(account) if account.isascii() and account.isdecimal() else account)
    if one is None or one.id is None:
        raise missing("account", account, "syncd accounts")
    return found, one


def _sleeps(found: "Accounts", one: "TrackedAccount") -> bool:
    return one in (found.sleeping or ())


def _unchanged(one: "TrackedAccount", why: str, as_json: bool) -> Exit:
    return say_document(one.document(), as_json, f"{named(one)} {why}: nothing was changed.")


def _declined() -> Exit:
    return say_document(None, False, "Nothing was changed.")


def _describe(one: "TrackedAccount", wanted: str, change: "TierChange") -> str:
    """Describe the result of a change of tier."""
    who = named(one)
    if change.action == "downgrade_scheduled":
        at = f" at {date_time(change.effective_at)}" if change.effective_at else " when the paid period ends"
        return f"{who} becomes {wanted}{at}."
    if change.action == "pending_cancelled":
        return f"{who} stays {wanted}."
    return f"{who} is {wanted} now." if change.action == "upgraded" else f"{who}: changed to {wanted}."


def _row(account: "TrackedAccount", *, asleep: bool) -> Row:
    segments = None if account.segment_ids is None else len(account.segment_ids)
    return (
        account.id,
        at_handle(account.handle),
        account.tier,
        "asleep" if asleep else "awake",
        account.followers,
        segments,
        _pending(account),
    )


def _fields(account: "TrackedAccount", *, asleep: bool) -> Fields:
    return [
        ("account", account.id),
        ("handle", at_handle(account.handle)),
        ("tier", account.tier),
        ("next tier", _pending(account)),
        ("state", "asleep: neither synced nor billed" if asleep else "awake: synced and billed"),
        ("followers", account.followers),
        ("posts", account.tweets),
        ("tags", ", ".join(account.tags or ())),
        ("segments", ", ".join(map(str, account.segment_ids or ()))),
        ("added", date_time(account.added_at)),
    ]


def _pending(account: "TrackedAccount") -> str:
    if not account.pending_tier:
        return ""
    return f"{account.pending_tier} {date_time(account.pending_tier_at)}".strip()
