"""`syncd replay --connector NAME`: deliveries for leads that came in before, judged and mapped as of today."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.context import ledger_to_change, moment, operator, settings_of, unknown
from syncd.cli.engine_holder import nudge, who_goes_on
from syncd.cli.exits import Exit
from syncd.cli.output import say, say_json
from syncd.cli.prompt import answered, somebody
from syncd.settings import Settings

if TYPE_CHECKING:
    from syncd.core.flood_gate import Move
    from syncd.engine.replay import Replay

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def replay(  # noqa: PLR0917 - Typer passes them by name
    context: typer.Context,
    connector: Annotated[str, typer.Option("--connector", metavar="NAME", help="Where they go.")],
    since: Annotated[
        Any, typer.Option("--since", parser=moment, metavar="TIME", help="Leads discovered from here on.")
    ] = None,
    rejected: Annotated[bool, typer.Option("--rejected", help="Those that it rejected, too.")] = False,
    unwanted: Annotated[bool, typer.Option("--unwanted", help="Those that nobody wanted, too.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask. A flood gate stays what it is.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
) -> int:
    """Make deliveries for older leads that a connector does not have, by today's `where` and mapping.

    What it has is not sent again, and whatever is more than its flood gate takes is held there. Such a delivery does not hold
    back the export of a lead that others were given, and nothing is exported twice.
    """
    settings = settings_of(context)
    if connector not in settings.connectors:
        raise unknown("connector", connector, settings.connectors)
    from syncd.app.compose import compile_connectors, compile_enriching  # noqa: PLC0415 - the plugins, the mapping, the database
    from syncd.clock import SystemClock  # noqa: PLC0415
    from syncd.engine import replay as engine_replay  # noqa: PLC0415
    from syncd.engine.fanout import Recipient  # noqa: PLC0415
    from syncd.engine.names import Names, names_in  # noqa: PLC0415
    from syncd.ledger.admin.replays import Wanted  # noqa: PLC0415

    mapped = compile_connectors(settings)[connector]
    taker = Recipient(connector, mapped.configured.required, mapped.where)
    size = mapped.configured.gate
    wanted = Wanted(
        connector, sources_of(settings, connector), since.timestamp() if since else None, rejected, unwanted
    )
    clock = SystemClock()
    with ledger_to_change(settings) as ledger:
        lists = names_in(taker.where.uses)
        names = {source: Names(source, lists, ledger, clock) for source in wanted.sources}
        enriching = {source: compile_enriching(settings, source) for source in wanted.sources}
        found = engine_replay.look(ledger, wanted, taker, names, enriching)
        move = engine_replay.at_the_gate(ledger, found, connector, size)
        done = engine_replay.Done()
        for line in () if as_json else plan(found, connector, move, size or 0):
            say(line)
        agreed = not found.empty and (yes or not somebody() or answered("Go on? [y/N] "))
        if agreed:
            exports = settings.exporting
            order = engine_replay.Order(operator(), clock.now(), size, exports)
            done = engine_replay.carry_out(ledger, found, taker, order)
    if as_json:
        nudge(settings.state.path)
        say_json({**told(found, connector, move), "made": done.made + done.to_ask, "set_aside": done.failed})
        return Exit.DONE
    if not agreed:
        say("Nothing was changed.")
        return Exit.DONE
    say(f"{done.made + done.to_ask:,} deliveries were made for {connector}.")
    if move != "free":
        say(f"Its gate holds most of them. To let them go: syncd release {connector}")
    say(who_goes_on(settings.state.path))
    return Exit.DONE


def sources_of(settings: Settings, connector: str) -> list[str]:
    """The sources whose leads go to this connector."""
    return [name for name in settings.sources if connector in settings.connectors_of(name)]


def told(found: "Replay", connector: str, move: "Move") -> dict[str, Any]:
    """What a replay comes to, for a script."""
    return {
        "connector": connector,
        "new": len(found.new),
        "again": len(found.back),
        "unwanted": found.unwanted,
        "unnamed": found.unnamed,
        "unasked": len(found.to_ask),
        "payload_gone": found.payload_gone,
        "filter_failed": len(found.failed),
        "held": move != "free",
    }


def plan(found: "Replay", connector: str, move: "Move", size: int) -> Iterator[str]:
    """What a replay comes to, for a person."""
    from syncd.core.flood_gate import FIRST  # noqa: PLC0415

    yield f"{len(found.new):,} older leads would go to {connector}, and {len(found.back):,} once more."
    if found.unwanted:
        yield f"{found.unwanted:,} would not: today's `where` says no."
    if found.unnamed:
        yield (
            f"{found.unnamed:,} cannot be judged yet: `where` needs a name that is not known."
            " Names come with syncd --once; then replay once more."
        )
    if found.to_ask:
        yield f"{len(found.to_ask):,} wait until CTGO was asked for what `where` needs: see syncd status."
    if found.failed:
        yield f"{len(found.failed):,} would be set aside: today's `where` cannot be evaluated for them."
    if found.payload_gone:
        yield (
            f"{found.payload_gone:,} cannot: retention has dropped their payload."
            " Those that CTGO still lists come back with: syncd --once --since T"
        )
    if move == "close":
        yield (
            f"That is more than its gate takes ({size:,}): the {FIRST} oldest would go, and the rest would wait for:"
            f" syncd release {connector}"
        )
    elif move == "hold" and found.burst:
        yield f"Its gate is closed, so all would wait for: syncd release {connector}"
