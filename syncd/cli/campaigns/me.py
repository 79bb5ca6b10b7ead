"""`syncd me`: show the owner of a key, and what the key may do now."""

from typing import TYPE_CHECKING

import typer

from syncd.cli.campaigns.session import Fields, SourceName, at_handle, say_one, session, yes_no
from syncd.cli.context import AsJson

if TYPE_CHECKING:
    from syncd.ctgo.models import Budget, Me


def me(context: typer.Context, source: SourceName = "", as_json: AsJson = False) -> int:
    """Show the owner of a key: the subscription, the credits, and the budget of each account."""
    with session(context, source) as ctgo:
        found = ctgo.api.me()
    columns = ("account", "handle", "tier", "syncs today", "re-tests this period")
    rows = [
        (it.account_id, at_handle(it.handle), it.tier, _spent(it.daily_sync), _spent(it.monthly_retest))
        for it in found.accounts or ()
    ]
    return say_one(found.document(), as_json, _fields(found), columns, rows)


def _fields(me: "Me") -> Fields:
    totals = me.totals
    return [
        ("name", me.name),
        ("email", me.email),
        ("subscription", me.subscription_status),
        ("free tier", yes_no(me.is_free_tier)),
        ("credits", _credits(me)),
        ("syncs left today", totals.daily_sync_remaining if totals else None),
        ("re-tests left this period", totals.monthly_retest_remaining if totals else None),
    ]


def _credits(me: "Me") -> str:
    if me.credits is None or me.credits.balance is None:
        return ""
    low = ", which is low" if me.credits.is_low else ""
    topped = ", topped up automatically" if me.credits.auto_topup else ""
    return f"{me.credits.balance}{low}{topped}"


def _spent(budget: "Budget | None") -> str:
    """Describe a budget as far as it is known: `1 of 3 used, 2 left`."""
    if budget is None:
        return ""
    most = budget.cap if budget.cap is not None else budget.budget
    used = "" if budget.used is None else f"{budget.used}{'' if most is None else f' of {most}'} used"
    left = "" if budget.remaining is None else f"{budget.remaining} left"
    return ", ".join(part for part in (used, left) if part)
