"""`syncd me`: whose key it is, and what it may do now."""

import typer

from syncd.cli.campaigns.render import BUDGET_COLUMNS, budget_row, me_fields
from syncd.cli.campaigns.session import AsJson, SourceName, asking
from syncd.cli.exits import Exit
from syncd.cli.output import say_fields, say_json, say_table

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def me(context: typer.Context, source: SourceName = "", as_json: AsJson = False) -> int:
    """Whose key it is, its subscription, its credits, and what each account may do today."""
    with asking(context, source) as ctgo:
        found = ctgo.api.me()
    if as_json:
        say_json(found.document())
        return Exit.DONE
    say_fields(me_fields(found))
    if found.accounts:
        say_table(BUDGET_COLUMNS, [budget_row(account) for account in found.accounts])
    return Exit.DONE
