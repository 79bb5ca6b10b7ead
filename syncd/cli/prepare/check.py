"""`syncd check`: check everything that a run needs; it changes nothing but the count of requests."""

from typing import Annotated, Any

import typer

from syncd.cli.context import AsJson, parse_duration
from syncd.cli.prepare.notes import print_notes


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
    from syncd.cli.prepare.checks import examine  # noqa: PLC0415 - the engine and all below it

    notes = list(examine(context.obj, max_wait, send_test=alerts))
    return print_notes(notes, ("findings", "level", "detail"), as_json=as_json)
