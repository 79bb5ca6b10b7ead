"""`syncd release NAME`: lets through what a connector's flood gate holds, or gives it up."""

from typing import Annotated

import typer

from syncd.cli.context import ledger_to_change, operator, settings_of, unknown
from syncd.cli.engine_holder import who_goes_on
from syncd.cli.exits import Exit
from syncd.cli.output import say
from syncd.cli.prompt import agreed

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def release(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A connector.")],
    first: Annotated[
        int | None, typer.Option("--first", min=1, metavar="N", help="Only so many, the oldest.")
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Give what is held up for good.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before dropping.")] = False,
) -> int:
    """Let through what a connector's flood gate holds.

    Dropped deliveries leave what their leads need: those are exported when another connector has them.
    """
    if drop and first is not None:
        raise typer.TyperException("Say either --first or --drop.")
    settings = settings_of(context)
    from syncd.clock import SystemClock  # noqa: PLC0415
    from syncd.ledger.admin import actions  # noqa: PLC0415  # noqa: PLC0415
    from syncd.ledger.deliveries import flood_gate  # noqa: PLC0415

    with ledger_to_change(settings) as ledger:
        with ledger.read() as connection:
            gates = flood_gate.gates(connection)
        if name not in {*settings.connectors, *gates}:
            raise unknown("connector", name, {*settings.connectors, *gates})
        if name not in gates:
            say(f"There was nothing to release: nothing is held for connector {name}.")
            return Exit.DONE
        if drop and not yes and not agreed(f"Drop {gates[name].held:,} held deliveries for good? [y/N] "):
            say("Nothing was dropped.")
            return Exit.DONE
        now, who = SystemClock().now(), operator()
        with ledger.write() as connection:
            if drop:
                exports = {source: it.export for source, it in settings.sources.items()}
                n = actions.drop_held(connection, name, now, who=who, exports=exports)
            else:
                n = actions.release(connection, name, now, who=who, first=first)
            left = flood_gate.gates(connection).get(name)
    say(f"{n:,} were {'dropped' if drop else 'released'} for connector {name}.")
    if left is not None:
        say(f"{left.held:,} are still held. All of them: syncd release {name}")
    goes_on = who_goes_on(settings.state.path) if n else ""
    if goes_on and not drop:
        say(goes_on)
    return Exit.DONE
