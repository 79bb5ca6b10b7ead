"""`syncd release NAME`: release the deliveries that a connector's flood gate holds, or drop them."""

from typing import Annotated

import typer

from syncd.cli.context import Yes, confirm, ledger_to_change, operator, settings_of, unknown
from syncd.cli.engine_holder import describe_next
from syncd.cli.exits import Exit
from syncd.cli.output import say
from syncd.clock import SystemClock


def release(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A connector.")],
    first: Annotated[
        int | None, typer.Option("--first", min=1, metavar="N", help="Only the oldest N.")
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Drop the held deliveries for good.")] = False,
    yes: Yes = False,
) -> int:
    """Release the deliveries that a connector's flood gate holds.

    A lead no longer needs a dropped delivery: it is exported when the other connectors have it.
    """
    if drop and first is not None:
        raise typer.TyperException("Use either --first or --drop.")
    settings = settings_of(context)
    from syncd.ledger.admin import actions  # noqa: PLC0415
    from syncd.ledger.deliveries import flood_gate  # noqa: PLC0415

    with ledger_to_change(settings) as ledger:
        with ledger.read() as connection:
            gates = flood_gate.gates(connection)
        if name not in {*settings.connectors, *gates}:
            raise unknown("connector", name, {*settings.connectors, *gates})
        if name not in gates:
            say(f"There was nothing to release: nothing is held for connector {name}.")
            return Exit.DONE
        if drop and not yes and not confirm(f"Drop {gates[name].held:,} held deliveries for good? [y/N] "):
            say("Nothing was dropped.")
            return Exit.DONE
        now, who = SystemClock().now(), operator()
        with ledger.write() as connection:
            if drop:
                n = actions.drop_held(connection, name, now, who=who, exports=settings.exporting)
            else:
                n = actions.release(connection, name, now, who=who, first=first)
            left = flood_gate.gates(connection).get(name)
    say(f"{n:,} deliveries were {'dropped' if drop else 'released'} for connector {name}.")
    if left is not None:
        say(f"{left.held:,} are still held. To release all of them: syncd release {name}")
    next_ = describe_next(settings.state.path) if n else ""
    if next_ and not drop:
        say(next_)
    return Exit.DONE
