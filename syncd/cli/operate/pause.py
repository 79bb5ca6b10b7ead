"""`syncd pause NAME`: pause by hand; the pause survives restarts."""

from typing import Annotated, Any

import typer

from syncd.cli.context import ledger_to_change, operator, parse_duration, settings_of, target_of
from syncd.cli.exits import Exit
from syncd.cli.output import duration, say, when


def pause(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A source or a connector.")],
    for_: Annotated[
        Any, typer.Option("--for", parser=parse_duration, metavar="TIME", help="For so long [until resumed].")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="The reason, for the status.")] = "",
) -> int:
    """Stop a source or a connector until it is resumed. Nothing is lost meanwhile."""
    settings = settings_of(context)
    target = target_of(settings, name)
    from syncd.clock import SystemClock  # noqa: PLC0415
    from syncd.ledger.admin.actions import pause_lanes  # noqa: PLC0415

    now = SystemClock().now()
    until = None if for_ is None else now + for_
    with ledger_to_change(settings) as ledger, ledger.write() as connection:
        pause_lanes(connection, target.lanes, now, who=operator(), until=until, reason=reason)
    if until is None:
        say(f"Paused {target} until it is resumed: syncd resume {name}")
    else:
        say(f"Paused {target} for {duration(for_)}, until {when(until)}. Before that: syncd resume {name}")
    return Exit.DONE
