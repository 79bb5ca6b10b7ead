"""`syncd check`: check everything that a run needs; it changes nothing but the count of requests."""

from typing import Annotated, Any

import typer

from syncd.cli.context import AsJson, parse_duration
from syncd.cli.exits import strongest
from syncd.cli.output import say_json


def check(
    context: typer.Context,
    as_json: AsJson = False,
    max_wait: Annotated[
        Any,
        typer.Option(
            "--max-wait", parser=parse_duration, metavar="TIME", help="Wait so long for a free request [65s]."
        ),
    ] = None,
    alerts: Annotated[
        bool, typer.Option("--alerts", help="Send a test message to alerts.webhook_url.")
    ] = False,
) -> int:
    """Check everything that a run needs: configuration, key, connectors.

    Exits with 0 if nothing is in the way, else as a run would: 78 configuration, 74 ledger, 73 a newer ledger, 77 key
    refused, 69 CTGO unreachable, 2 a connector's own check failed.
    """
    from syncd.cli.prepare.check.checks import examine  # noqa: PLC0415 - the engine and all below it
    from syncd.cli.prepare.notes import print_notes  # noqa: PLC0415

    notes = list(examine(context.obj, max_wait, send_test=alerts))
    code = strongest(note.exit for note in notes)
    if as_json:
        findings = [
            {"level": it.state, "about": it.about, "detail": it.text, "code": it.code, "fix": it.fix}
            for it in notes
        ]
        say_json({"ok": not code, "exit": int(code), "findings": findings})
    else:
        print_notes(notes)
    return code
