"""`syncd resume NAME`: lifts a pause or a halt; what was halted begins with a single delivery."""

from typing import Annotated

import typer

from syncd.cli.exits import Exit
from syncd.cli.holder import nudge
from syncd.cli.opening import ledger_to_change, operator, place_of, settings_of
from syncd.cli.output import say, when

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def resume(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A source or a connector.")],
) -> int:
    """Lift a pause or a halt."""
    settings = settings_of(context)
    place = place_of(settings, name)
    from syncd.clock import SystemClock  # noqa: PLC0415
    from syncd.ledger import gating  # noqa: PLC0415
    from syncd.ledger.operating import resume_lanes  # noqa: PLC0415

    with ledger_to_change(settings) as ledger, ledger.write() as connection:
        lifted = resume_lanes(connection, place.lanes, SystemClock().now(), who=operator())
        gate = gating.gates(connection).get(name) if place.what == "connector" else None
    if lifted:
        nudge(settings.state.path)
    for lane in lifted:
        say(f"Resumed {place} ({lane.kind}): {lane.status} since {when(lane.since)}, {lane.code}.")
    if not lifted:
        say(f"There was nothing to resume: {place} is neither paused nor halted.")
    if gate is not None and gate.since is not None:
        say(f"{gate.held:,} deliveries wait at its gate, which resuming does not open: syncd release {name}")
    return Exit.DONE
