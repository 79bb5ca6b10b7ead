"""`syncd retry NAME`: try now what waits to be tried again, and do not wait for its time."""

from typing import Annotated

import typer

from syncd.cli.context import ledger_to_change, operator, settings_of, target_of
from syncd.cli.engine_holder import describe_next
from syncd.cli.exits import Exit
from syncd.cli.output import say, when
from syncd.clock import SystemClock


def retry(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A source or a connector.")],
) -> int:
    """Try now what waits to be tried again after a failure, and lift a wait of the lane itself.

    A halt, a pause by hand and a flood gate stay: see resume and release. What was rejected stays too: see rejected retry.
    """
    settings = settings_of(context)
    target = target_of(settings, name)
    from syncd.ledger.admin.actions import retry_now  # noqa: PLC0415
    from syncd.ledger.lanes import load_lane  # noqa: PLC0415

    with ledger_to_change(settings) as ledger, ledger.write() as connection:
        found = retry_now(connection, target.lanes, SystemClock().now(), who=operator())
        lanes = [load_lane(connection, *key) for key in target.lanes]
    for lane in found.lifted:
        say(f"{lane.kind} {lane.name} no longer waits: {lane.detail} ({lane.code})")
    if found.rows:
        say(f"{found.rows:,} {'row is' if found.rows == 1 else 'rows are'} tried now for {target}.")
    for lane in lanes:
        if lane.status != "open":
            say(
                f"{lane.kind} {name} is {lane.status} since {when(lane.since)}. To lift that: syncd resume {name}"
            )
    if not (found.rows or found.lifted):
        say(f"Nothing waits to be tried again for {target}.")
        return Exit.DONE
    say(describe_next(settings.state.path))
    return Exit.DONE
