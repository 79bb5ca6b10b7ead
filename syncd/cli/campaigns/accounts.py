"""`syncd accounts`: tracked X accounts, and what they cost, from the command line."""

from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.campaigns.bills import agreed_to, named, of_sleep, of_tier, of_wake
from syncd.cli.campaigns.render import ACCOUNT_COLUMNS, account_fields, account_row
from syncd.cli.campaigns.session import AsJson, Asking, SourceName, Yes, alone, asking, missing
from syncd.cli.context import unknown
from syncd.cli.exits import Exit
from syncd.cli.output import say, say_fields, say_json, say_table, told
from syncd.core.failure import Reject

if TYPE_CHECKING:
    from syncd.ctgo.campaigns.accounts import Accounts, TierChange, TrackedAccount

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    invoke_without_command=True,
    help="Tracked X accounts: list, show, sleep, wake, tier.",
)

_Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its id, or its @handle.")]
_TIERS = ("starter", "growth", "pro")


@app.callback()
def accounts(context: typer.Context, source: SourceName = "", as_json: AsJson = False) -> int:
    """Without a further word, list."""
    if context.invoked_subcommand is None:
        return list_(context, source, as_json)
    return alone(context, source, as_json)


@app.command("list")
def list_(context: typer.Context, source: SourceName = "", as_json: AsJson = False) -> int:
    """The tracked accounts: those awake, which are synced and billed, and those asleep."""
    with asking(context, source) as ctgo:
        found = ctgo.api.accounts.list()
    if as_json:
        say_json(found.document())
    elif found.all():
        rows = [account_row(it, asleep=_sleeps(found, it)) for it in found.all()]
        say_table(ACCOUNT_COLUMNS, rows)
    else:
        say("No account is tracked. A campaign that names a handle begins to track it.")
    return Exit.DONE


@app.command()
def show(context: typer.Context, account: _Account, source: SourceName = "", as_json: AsJson = False) -> int:
    """One tracked account."""
    with asking(context, source) as ctgo:
        found, one = _find(ctgo, account)
    if as_json:
        say_json(one.document())
    else:
        say_fields(account_fields(one, asleep=_sleeps(found, one)))
    return Exit.DONE


@app.command()
def sleep(
    context: typer.Context,
    account: _Account,
    yes: Yes = False,
    source: SourceName = "",
    as_json: AsJson = False,
) -> int:
    """Stop syncing an account, and paying for it. Its history and its campaigns' pairs stay."""
    with asking(context, source) as ctgo:
        found, one = _find(ctgo, account)
        if _sleeps(found, one):
            return _is_so(one, "sleeps already", as_json=as_json)
        if not agreed_to([of_sleep(one)], "Put it to sleep?", yes=yes):
            return _left_alone()
        from syncd.ctgo.campaigns.confirmed import Billing  # noqa: PLC0415

        rest = ctgo.api.accounts.sleep(one.id or 0, billing=Billing.ACCEPTED)
    if as_json:
        say_json(rest.document())
    else:
        say(f"{named(one)} sleeps. To wake it: syncd accounts wake {one.id}")
    return Exit.DONE


@app.command()
def wake(
    context: typer.Context,
    account: _Account,
    yes: Yes = False,
    source: SourceName = "",
    as_json: AsJson = False,
) -> int:
    """Sync an account again, and pay for it again."""
    with asking(context, source) as ctgo:
        found, one = _find(ctgo, account)
        if not _sleeps(found, one):
            return _is_so(one, "is awake already", as_json=as_json)
        if not agreed_to([of_wake(one)], "Wake it?", yes=yes):
            return _left_alone()
        from syncd.ctgo.campaigns.confirmed import Billing  # noqa: PLC0415

        rest = ctgo.api.accounts.wake(one.id or 0, billing=Billing.ACCEPTED)
    if as_json:
        say_json(rest.document())
    else:
        say(f"{named(one)} is awake.")
    return Exit.DONE


@app.command()
def tier(  # noqa: PLR0917 - Typer passes them by name
    context: typer.Context,
    account: _Account,
    wanted: Annotated[str, typer.Argument(metavar="TIER", help="starter, growth or pro.")],
    yes: Yes = False,
    source: SourceName = "",
    as_json: AsJson = False,
) -> int:
    """Give an account another tier: a larger one at once and prorated, a smaller one when the paid period ends.

    The tier that it has cancels a smaller one that was to come.
    """
    if wanted not in _TIERS:
        raise unknown("tier", wanted, _TIERS)
    from syncd.ctgo.campaigns.confirmed import Billing  # noqa: PLC0415
    from syncd.ctgo.campaigns.drafts import Tier  # noqa: PLC0415

    with asking(context, source) as ctgo:
        found, one = _find(ctgo, account)
        _refuse_asleep(found, one)
        effect = of_tier(one, wanted)
        if not effect.bills:
            return _is_so(one, f"is {wanted} already", as_json=as_json)
        if not agreed_to([effect], "Change it?", yes=yes):
            return _left_alone()
        change = ctgo.api.accounts.change_tier(one.id or 0, Tier(wanted), billing=Billing.ACCEPTED)
    if as_json:
        say_json(change.document())
    else:
        say(_said(one, wanted, change))
    return Exit.DONE


def _find(ctgo: Asking, account: str) -> "tuple[Accounts, TrackedAccount]":
    """All accounts, and the one that is meant. Raises Reject `not_found`."""
    found = ctgo.api.accounts.list()
    one = found.find(int(account) if account.isascii() and account.isdecimal() else account)
    if one is None or one.id is None:
        raise missing("account", account, "syncd accounts")
    return found, one


def _sleeps(found: "Accounts", one: "TrackedAccount") -> bool:
    return one in (found.sleeping or ())


def _refuse_asleep(found: "Accounts", one: "TrackedAccount") -> None:
    if _sleeps(found, one):
        raise Reject("account_sleeping", f"{named(one)} sleeps, and CTGO changes no sleeping account's tier.")


def _is_so(one: "TrackedAccount", what: str, *, as_json: bool) -> Exit:
    """Nothing was to be done."""
    if as_json:
        say_json(one.document())
    else:
        say(f"{named(one)} {what}: nothing was changed.")
    return Exit.DONE


def _left_alone() -> Exit:
    say("Nothing was changed.")
    return Exit.DONE


def _said(one: "TrackedAccount", wanted: str, change: "TierChange") -> str:
    """What a change of tier came to."""
    who = named(one)
    if change.action == "downgrade_scheduled":
        at = f" at {told(change.effective_at)}" if change.effective_at else " when the paid period ends"
        return f"{who} becomes {wanted}{at}."
    if change.action == "pending_cancelled":
        return f"{who} stays {wanted}."
    return f"{who} is {wanted} now." if change.action == "upgraded" else f"{who}: changed to {wanted}."
