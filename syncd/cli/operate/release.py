"""`syncd release NAME`: release the deliveries that a connector's flood gate holds, or drop them."""

from typing import Annotated

import typer

from syncd.cli.context import Yes, at_work, confirm, describe_next, settings_of
from syncd.cli.exits import Exit
from syncd.cli.output import say


def release(  # noqa: PLR0917 - Typer passes them by name
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A connector.")],
    first: Annotated[
        int | None, typer.Option("--first", min=1, metavar="N", help="Only the oldest N.")
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Drop the held deliveries for good.")] = False,
    hold_again: Annotated[
        bool, typer.Option("--hold-again", help="Undo the last release: hold what nobody has tried since.")
    ] = False,
    yes: Yes = False,
) -> int:
    """Release the deliveries that a connector's flood gate holds.

    A lead no longer needs a dropped delivery: it is exported when the other connectors have it.
    """
    if drop and first is not None:
        raise typer.TyperException("Use either --first or --drop.")
    if hold_again and (drop or first is not None):
        raise typer.TyperException("--hold-again goes with neither --first nor --drop.")
    settings = settings_of(context)
    from syncd.verbs import gate  # noqa: PLC0415

    if hold_again:
        with at_work(settings) as actor:
            n, _ = gate.hold_again(actor, name)
        say(f"{n:,} deliveries are held again for connector {name}.")
        return Exit.DONE
    with at_work(settings) as actor:
        found = gate.gate_of(settings, actor.ledger, name)
        if found is None:
            say(f"There was nothing to release: nothing is held for connector {name}.")
            return Exit.DONE
        if drop and not yes and not confirm(f"Drop {found.held:,} held deliveries for good? [y/N] "):
            say("Nothing was dropped.")
            return Exit.DONE
        n, left = gate.drop_held(actor, name) if drop else gate.release(actor, name, first)
    say(f"{n:,} deliveries were {'dropped' if drop else 'released'} for connector {name}.")
    if left is not None:
        say(f"{left.held:,} are still held. To release all of them: syncd release {name}")
    next_ = describe_next(settings.state.path) if n else ""
    if next_ and not drop:
        say(next_)
    return Exit.DONE
