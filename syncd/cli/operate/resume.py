"""`syncd resume NAME`: lifts a pause or a halt; what was halted begins with a single delivery.

`--accept` says that the refusals which halted it are meant, and sets those leads aside.
"""

from typing import Annotated

import typer

from syncd.cli.context import ledger_to_change, operator, place_of, settings_of
from syncd.cli.engine_holder import nudge
from syncd.cli.exits import Exit
from syncd.cli.output import say, when

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def resume(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A source or a connector.")],
    meant: Annotated[
        bool, typer.Option("--accept", help="What halted it is meant: set those leads aside.")
    ] = False,
) -> int:
    """Lift a pause or a halt."""
    settings = settings_of(context)
    place = place_of(settings, name)
    from syncd.clock import SystemClock  # noqa: PLC0415
    from syncd.ledger.admin.actions import accept, resume_lanes  # noqa: PLC0415
    from syncd.ledger.deliveries import flood_gate  # noqa: PLC0415

    exports, now = {source: it.export for source, it in settings.sources.items()}, SystemClock().now()
    with ledger_to_change(settings) as ledger, ledger.write() as connection:
        n = accept(connection, place.lanes, now, who=operator(), exports=exports) if meant else 0
        lifted = resume_lanes(connection, place.lanes, now, who=operator())
        gate = flood_gate.gates(connection).get(name) if place.what == "connector" else None
    if lifted:
        nudge(settings.state.path)
    for lane in lifted:
        say(f"Resumed {place} ({lane.kind}): {lane.status} since {when(lane.since)}, {lane.code}.")
    if n:
        say(f"{n} were set aside. See them with: syncd rejected list")
    if not lifted:
        say(f"There was nothing to resume: {place} is neither paused nor halted.")
    if gate is not None and gate.since is not None:
        say(f"{gate.held:,} deliveries wait at its gate, which resuming does not open: syncd release {name}")
    return Exit.DONE
