"""`syncd retry [NAME]`: list what waits to be tried again, or try it now and do not wait for its time."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.context import AsJson, at_work, describe_next, ledger_to_read, settings_of
from syncd.cli.exits import Exit
from syncd.cli.output import duration, iso, say, say_json, say_table, say_wrapped, when
from syncd.clock import SystemClock
from syncd.core.lane_state import BY_HAND
from syncd.settings import Settings
from syncd.verbs.engine_holder import engine_of
from syncd.verbs.targets import target_of

if TYPE_CHECKING:
    from syncd.core.lane_state import LaneState


def retry(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(metavar="[NAME]", help="A source or a connector; without it, what waits is listed."),
    ] = "",
    as_json: AsJson = False,
) -> int:
    """Try now what waits to be tried again after a failure, and lift a wait of the lane itself.

    Without NAME, list what waits, the reasons, and when it is tried again.

    A halt, a pause by hand and a flood gate stay: see resume and release. What was rejected stays too: see rejected retry.
    """
    settings = settings_of(context)
    if not name:
        return _list(settings, as_json=as_json)
    if as_json:
        raise typer.BadParameter("it belongs to the list, without a NAME", param_hint="--json")
    target = target_of(settings, name)
    from syncd.verbs.lanes import try_now  # noqa: PLC0415

    with at_work(settings) as actor:
        found = try_now(actor, target)
    for lane in found.lifted:
        say(f"{lane.kind} {lane.name} no longer waits: {lane.detail} ({lane.code})")
    if found.rows:
        say(f"{found.rows:,} {'row is' if found.rows == 1 else 'rows are'} tried now for {target}.")
    _say_stopped(found.lanes)
    if not (found.rows or found.lifted):
        say(f"Nothing waits to be tried again for {target}.")
        return Exit.DONE
    say(describe_next(settings.state.path))
    return Exit.DONE


def _say_stopped(lanes: Iterable["LaneState"]) -> None:
    for lane in lanes:
        if lane.status != "open":
            say(
                f"{lane.kind} {lane.name} is {lane.status} since {when(lane.since)}. To lift that: syncd resume {lane.name}"
            )


def _list(settings: Settings, *, as_json: bool) -> Exit:
    """List what waits behind a back-off, with the command that tries it now."""
    from syncd.verbs.lanes import waiting  # noqa: PLC0415

    now = SystemClock().now()
    with ledger_to_read(settings) as ledger:
        found, lanes = waiting(settings, ledger, now)
    if as_json:
        say_json([it._asdict() | {"next_try": iso(it.next_try)} for it in found])
        return Exit.DONE
    if found:
        table = [
            (
                f"{it.kind} {it.name}",
                it.rows,
                it.code,
                f"in {duration(it.next_try - now)}" if it.next_try > now else "now",
            )
            for it in found
        ]
        say_table(("lane", "waiting", "reason", "next try"), table)
        running = engine_of(settings.state.path)
        who = "They are tried" if running else "No engine is running; the next run tries them"
        say_wrapped(f"{who} again when their time has come. To try them before it:")
        for name in dict.fromkeys(it.name for it in found):
            say(f"  syncd retry {name}")
    else:
        say("Nothing waits to be tried again.")
    _say_stopped(lane for lane in lanes if lane.status == "halted" or lane.code == BY_HAND)
    return Exit.DONE
