"""`syncd pause NAME`, `syncd resume NAME`, `syncd reload` and `syncd pull`: a pause by hand survives restarts.

A lane that was halted resumes with a single delivery, and with the configuration as it is now: what a person mended is
mostly there. A daemon reads it again only if it changed. `resume` waits for that delivery, and tells its outcome.
"""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.context import at_work, ledger_to_read, parse_duration, settings_of
from syncd.cli.exits import Exit, complain
from syncd.cli.output import duration, say, were, when
from syncd.clock import Clock, SystemClock
from syncd.settings import Settings
from syncd.verbs.engine_holder import LOOK, RESTART, nudge, out_of_reach, read_again
from syncd.verbs.targets import advice, target_of

if TYPE_CHECKING:
    from syncd.core.lane_state import LaneState
    from syncd.verbs.engine_holder import Reread

PATIENCE = 15.0
"""Seconds that a command waits for the engine to try a lane again."""


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
    from syncd.verbs import lanes  # noqa: PLC0415

    with at_work(settings) as actor:
        until = lanes.pause(actor, target, seconds=for_, reason=reason)
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
    from syncd.verbs import lanes  # noqa: PLC0415

    with at_work(settings) as actor:
        lifted, n, gate, reread = lanes.resume(actor, target, accepted=accepted)
    if reread:
        _say_reread(reread)
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
    process = nudge(settings.state.path) if lifted else None
    if process is None:
        return Exit.DONE
    if old := out_of_reach(settings, process):
        complain(f"The running service still has the {old} that it was started with.", RESTART)
        return Exit.WORK_LEFT
    return _outcome(settings, [lane for lane in lifted if lane.status == "halted"], SystemClock())


def _say_reread(reread: "Reread") -> None:
    if reread.process is not None and not reread.taken:
        complain(
            f"The daemon (process {reread.process}) has not taken the configuration.", "Its log says why."
        )


def _outcome(settings: Settings, lanes: Sequence["LaneState"], clock: "Clock") -> Exit:
    """Wait until the engine has tried these lanes; say which are halted again."""
    from syncd.ledger.lanes import load_lane  # noqa: PLC0415

    code = Exit.DONE
    end, left = clock.monotonic() + PATIENCE, {(lane.kind, lane.name): lane for lane in lanes}
    while left and clock.monotonic() < end:
        clock.wait(threading.Event(), LOOK)
        with ledger_to_read(settings) as ledger, ledger.read() as connection:
            now = {key: load_lane(connection, *key) for key in left}
        for key, lane in now.items():
            if lane.status == "open" and lane.probing:
                continue
            del left[key]
            if lane.status == "open":
                say(f"{lane.kind} {lane.name} works again.")
            else:
                code = Exit.WORK_LEFT
                complain(f"{lane.kind} {lane.name} is {lane.status} again: {lane.detail} ({lane.code})",
                         advice(settings, lane.code, lane.name, halted=lane.status == "halted"))  # fmt: skip
    for kind, name in left:
        say(f"{kind} {name} has had nothing to try yet; its next delivery tells: syncd status")
    return code


def reload(context: typer.Context) -> int:
    """Make the running daemon read its configuration again. A mistake in it keeps the old one."""
    settings = settings_of(context)
    from syncd.app.connectors import compile_connectors  # noqa: PLC0415 - imports the plugins
    from syncd.clock import SystemClock  # noqa: PLC0415

    settings.require_sources()
    compile_connectors(settings)
    reread = read_again(settings, SystemClock())
    process = reread.process
    if process is None:
        say("No daemon is running: the next start reads the configuration.")
        return Exit.DONE
    _say_reread(reread)
    if not reread.taken:
        return Exit.WORK_LEFT
    say(f"The daemon (process {process}) runs with the configuration as it is now.")
    if old := out_of_reach(settings, process):
        complain(f"It still has the {old} that it was started with.", RESTART)
        return Exit.WORK_LEFT
    return Exit.DONE


def pull(context: typer.Context) -> int:
    """Make the running daemon pull every source now, and do not wait for its next poll."""
    settings = settings_of(context)
    from syncd.verbs.lanes import pull_now  # noqa: PLC0415

    with at_work(settings) as actor:
        process = pull_now(actor)
    if process is None:
        complain("No daemon is running, so nothing is pulled.", "To pull once: syncd --once")
        return Exit.WORK_LEFT
    say(f"The daemon (process {process}) pulls now.")
    return Exit.DONE
