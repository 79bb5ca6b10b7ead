"""`syncd replay --connector NAME`: make deliveries for older leads, by today's `where` and mapping.

With `--delivered`, write the records of leads that are there once more. That takes a connector whose objects are people:
one that keeps an object for each lead, as a file or a webhook does, would have every lead twice.
`syncd replay --exports`: see `replay_exports`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.context import (
    AsJson,
    confirm,
    describe_next,
    instant_option,
    ledger_to_change,
    operator,
    settings_of,
    unknown,
)
from syncd.cli.exits import Exit
from syncd.cli.output import say, say_json
from syncd.clock import SystemClock
from syncd.core.flood_gate import FIRST
from syncd.verbs.engine_holder import nudge

if TYPE_CHECKING:
    from syncd.core.flood_gate import Move
    from syncd.engine.replay import Done, Replay
    from syncd.ledger.admin.replays import Wanted
    from syncd.settings import Settings

_SINCE = instant_option("--since", "Only leads discovered from here on")

_Connector = Annotated[str, typer.Option("--connector", metavar="NAME", help="The connector that gets them.")]
_Exports = Annotated[
    bool,
    typer.Option("--exports", help="Instead: export what CTGO lists as new although it was delivered."),
]
_Rejected = Annotated[bool, typer.Option("--rejected", help="Also those that it rejected.")]
_Unwanted = Annotated[bool, typer.Option("--unwanted", help="Also those that no connector wanted.")]
_Delivered = Annotated[
    bool,
    typer.Option("--delivered", help="Instead, those that it has: their records are written once more."),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the numbers, and change nothing.")]
_Yes = Annotated[bool, typer.Option("--yes", help="Do not ask. A flood gate stays as it is.")]


def replay(  # noqa: PLR0917 - Typer passes them by name
    context: typer.Context,
    connector: _Connector = "",
    exports: _Exports = False,
    since: Annotated[Any, _SINCE] = None,
    rejected: _Rejected = False,
    unwanted: _Unwanted = False,
    delivered: _Delivered = False,
    dry_run: _DryRun = False,
    yes: _Yes = False,
    as_json: AsJson = False,
) -> int:
    """Make deliveries for older leads that a connector does not have, by today's `where` and mapping.

    A lead that it has is not sent again, except with --delivered, after a change of the mapping: that updates the records
    by their ids, each person's by their newest lead, and keeps the policies of the fields. The flood gate holds deliveries
    beyond the gate's size. Such a delivery does not delay the export of a lead that other connectors have, and nothing is
    exported twice.

    With --exports, leads are exported again whose mark CTGO lost: it accepted their export, and lists them as new. It asks
    CTGO for them, within the limit. Not for leads whose mark somebody took back on purpose. It also exports leads that were
    delivered while the source had `export = false`, as in a trial.
    """
    if exports == bool(connector):
        raise typer.BadParameter("Give either --connector NAME or --exports.")
    settings = settings_of(context)
    if exports:
        from syncd.cli.operate.replay_exports import replay_exports  # noqa: PLC0415 - the client of CTGO

        return replay_exports(settings, yes=yes, as_json=as_json)
    if connector not in settings.connectors:
        raise unknown("connector", connector, settings.connectors)
    if as_json and not (yes or dry_run):
        raise typer.TyperException("--json cannot ask: add --yes.")
    chosen = (since, rejected, unwanted, delivered)
    return _make(settings, connector, chosen, dry_run=dry_run, yes=yes, as_json=as_json)


def _make(
    settings: "Settings",
    connector: str,
    chosen: tuple[float | None, bool, bool, bool],
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Make the deliveries. `chosen`: the earliest discovery, and which leads are meant, as `Wanted` has it."""
    from syncd.app.connectors import compile_connectors, compile_enriching  # noqa: PLC0415 - the plugins, the mapping, the database
    from syncd.engine import replay as engine_replay  # noqa: PLC0415
    from syncd.engine.fanout import Recipient  # noqa: PLC0415
    from syncd.engine.names import Names, names_in  # noqa: PLC0415
    from syncd.ledger.admin.replays import Wanted  # noqa: PLC0415

    mapped = compile_connectors(settings)[connector]
    if chosen[-1]:
        _require_records(connector, mapped.configured.cls.objects)
    recipient = Recipient(connector, mapped.configured.required, mapped.where)
    size = mapped.configured.gate
    sources = [name for name in settings.sources if connector in settings.connectors_of(name)]
    wanted = Wanted(connector, sources, *chosen)
    clock = SystemClock()
    with ledger_to_change(settings) as ledger:
        lists = names_in(recipient.where.uses)
        names = {source: Names(source, lists, ledger, clock) for source in wanted.sources}
        enriching = {source: compile_enriching(settings, source) for source in wanted.sources}
        found = engine_replay.look(ledger, wanted, recipient, names, enriching)
        move = engine_replay.at_the_gate(ledger, found, connector, size)
        done = engine_replay.Done()
        for line in () if as_json else describe(found, wanted, move, size or 0):
            say(line)
        agreed = not (found.empty or dry_run) and (yes or confirm("Continue? [y/N] "))
        if agreed:
            order = engine_replay.Order(operator(), clock.now(), size, settings.exporting)
            done = engine_replay.carry_out(ledger, found, recipient, order)
    if as_json:
        nudge(settings.state.path)
        made = done.made + done.to_ask
        say_json({**document(found, wanted, move), "made": made, "set_aside": done.failed})
    elif not agreed:
        say("Nothing was changed.")
    else:
        _conclude(done, connector, move)
        say(describe_next(settings.state.path))
    return Exit.DONE


def _require_records(connector: str, objects: str) -> None:
    """Raise a usage error for a connector that cannot write over what it has."""
    if objects != "people":
        raise typer.TyperException(
            f"{connector} keeps an entry for each lead and cannot write over it: --delivered would add every lead again."
        )


def _conclude(done: "Done", connector: str, move: "Move") -> None:
    say(f"{done.made + done.to_ask:,} deliveries were made for {connector}.")
    if move != "free":
        say(f"Its gate holds most of them. To release them: syncd release {connector}")


def document(found: "Replay", wanted: "Wanted", move: "Move") -> dict[str, Any]:
    """Describe a replay for a script."""
    return {
        "connector": wanted.connector,
        "new": len(found.new),
        "again": len(found.back),
        "unwanted": found.unwanted,
        "unnamed": found.unnamed,
        "unasked": len(found.to_ask),
        "payload_gone": found.payload_gone,
        "filter_failed": len(found.failed),
        "held": move != "free",
        **({"unjudged": found.unjudged} if wanted.delivered else {}),
    }


def describe(found: "Replay", wanted: "Wanted", move: "Move", size: int) -> Iterator[str]:
    """Describe a replay for a person."""
    connector = wanted.connector
    if wanted.delivered:
        yield f"{len(found.back):,} records in {connector} would be written once more."
    else:
        yield f"{len(found.new):,} older leads would go to {connector}, and {len(found.back):,} once more."
    if found.unjudged:
        yield f"{found.unjudged:,} stay as they are: today's `where` cannot be evaluated for them yet."
    if found.unwanted:
        yield f"{found.unwanted:,} would not: today's `where` does not accept them."
    if found.unnamed:
        yield (
            f"{found.unnamed:,} cannot be judged yet: `where` needs a name that is not known."
            " To get names: syncd --once; then replay again."
        )
    if found.to_ask:
        yield f"{len(found.to_ask):,} wait until CTGO answers for data that `where` needs: see syncd status."
    if found.failed:
        yield f"{len(found.failed):,} would be rejected: today's `where` cannot be evaluated for them."
    if found.payload_gone:
        yield (
            f"{found.payload_gone:,} cannot: retention has dropped their payload."
            " To pull those that CTGO still lists: syncd --once --since T"
        )
    if move == "close":
        yield (
            f"That is more than its gate lets through ({size:,}): the {FIRST} oldest would go, and the rest would wait for:"
            f" syncd release {connector}"
        )
    elif move == "hold" and found.burst:
        yield f"Its gate is closed, so all would wait for: syncd release {connector}"
