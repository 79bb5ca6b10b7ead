"""`syncd me`: show the owner of a key, and what the key may do now."""

import typer

from syncd.cli.campaigns.render import BUDGET_COLUMNS, budget_row, me_fields
from syncd.cli.campaigns.session import SourceName, session
from syncd.cli.context import AsJson
from syncd.cli.exits import Exit
from syncd.cli.output import say_fields, say_json, say_table


def me(context: typer.Context, source: SourceName = "", as_json: AsJson = False) -> int:
    """Show the owner of a key: the subscription, the credits, and the budget of each account."""
    with session(context, source) as ctgo:
        found = ctgo.api.me()
    if as_json:
        say_json(found.document())
        return Exit.DONE
    say_fields(me_fields(found))
    if found.accounts:
        say_table(BUDGET_COLUMNS, [budget_row(account) for account in found.accounts])
    return Exit.DONE
