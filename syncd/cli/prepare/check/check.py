"""`syncd check`: tries everything that a run needs, and changes nothing but the count of requests."""

from typing import Annotated, Any

import typer

from syncd.cli.context import length
from syncd.cli.exits import strongest
from syncd.cli.output import say, say_json

app = typer.Typer(rich_markup_mode=None, add_completion=False)

PATIENCE = 65.0
"""Seconds that a full request budget is waited for: then a slot is free, whoever took it."""


@app.command()
def check(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
    max_wait: Annotated[
        Any,
        typer.Option(
            "--max-wait", parser=length, metavar="TIME", help="How long a free request is waited for [65s]."
        ),
    ] = None,
    alerts: Annotated[
        bool, typer.Option("--alerts", help="Send a test message to alerts.webhook_url.")
    ] = False,
) -> int:
    """Try everything that a run needs: configuration, key, connectors.

    Exits with 0 when nothing is in the way, else as a run would: 78 configuration, 74 ledger, 73 a newer ledger, 77 key
    refused, 69 CTGO unreachable, 2 a connector's own check failed.
    """
    from syncd.cli.prepare.check.checks import examine  # noqa: PLC0415 - the engine and all below it

    notes = list(examine(context.obj, PATIENCE if max_wait is None else max_wait, tell=alerts))
    code = strongest(note.exit for note in notes)
    if as_json:
        keys = ("level", "about", "detail", "code", "fix")
        told = [{key: getattr(note, key) for key in keys} for note in notes]
        say_json({"ok": not code, "exit": int(code), "findings": told})
        return code
    width = max(len(note.about) for note in notes)
    for note in notes:
        say(f"{note.level:7}  {note.about:{width}}  {note.detail}{f' ({note.code})' if note.code else ''}")
        if note.fix and note.level != "ok":
            say(f"{'':7}  {'':{width}}  {note.fix}")
    return code
