"""`syncd pause NAME` and `syncd resume NAME`: a pause by hand survives restarts.

A lane that was halted resumes with a single delivery.
"""

from typing import Annotated, Any

import typer

from syncd.cli.context import ledger_to_change, operator, parse_duration, settings_of, target_of
from syncd.cli.engine_holder import nudge
from syncd.cli.exits import Exit
from syncd.cli.output import duration, say, were, when
from syncd.clock import SystemClock


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


def resume(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A source or a connector.")],
    accepted: Annotated[
        bool, typer.Option("--accept", help="Accept the refusals that halted it: reject those leads.")
    ] = False,
) -> int:
    """Lift a pause or a halt."""
    settings = settings_of(context)
    target = target_of(settings, name)
    from syncd.ledger.admin.actions import accept, resume_lanes  # noqa: PLC0415
    from syncd.ledger.deliveries import flood_gate  # noqa: PLC0415

    exports, now = settings.exporting, SystemClock().now()
    with ledger_to_change(settings) as ledger, ledger.write() as connection:
        n = accept(connection, target.lanes, now, who=operator(), exports=exports) if accepted else 0
        lifted = resume_lanes(connection, target.lanes, now, who=operator())
        gate = flood_gate.gates(connection).get(name) if target.what == "connector" else None
    if lifted:
        nudge(settings.state.path)
    for lane in lifted:
        say(f"Resumed {target} ({lane.kind}): {lane.status} since {when(lane.since)}, {lane.code}.")
    if n:
        say(f"{were(n, 'lead')} rejected. See them with: syncd rejected list")
    if not lifted:
        say(f"There was nothing to resume: {target} is neither paused nor halted.")
    if gate is not None and gate.since is not None:
        say(
            f"{gate.held:,} deliveries wait at its gate, which stays closed; to open it: syncd release {name}"
        )
    return Exit.DONE
