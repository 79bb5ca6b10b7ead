"""`syncd plan`: the pending work, the requests that it needs, and how long they take at the limit."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.context import ledger_to_read, settings_of, verb_app
from syncd.cli.exits import Exit
from syncd.cli.observe.credit_use import describe_enriching, spending
from syncd.cli.observe.forecast import seconds_for
from syncd.cli.output import duration, say, say_json, say_table
from syncd.settings import Settings

if TYPE_CHECKING:
    from syncd.clock import Clock
    from syncd.ledger import Ledger

app = verb_app()


@app.command()
def plan(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For a script; durations in seconds.")] = False,
) -> int:
    """Show the pending work, the requests that it needs, and how long they take."""
    settings = settings_of(context)
    from syncd.clock import SystemClock  # noqa: PLC0415

    with ledger_to_read(settings) as ledger:
        found = pending_work(settings, ledger, SystemClock())
    if as_json:
        say_json(found)
    else:
        _show(found)
    return Exit.DONE


def pending_work(settings: Settings, ledger: "Ledger", clock: "Clock") -> dict[str, Any]:
    """Count pending deliveries by connector; by source, exports, requests, and the seconds that these take."""
    from syncd.engine.budget import RequestBudget  # noqa: PLC0415
    from syncd.ledger import overview  # noqa: PLC0415
    from syncd.ledger.budgets import read_budgets  # noqa: PLC0415
    from syncd.ledger.deliveries import flood_gate  # noqa: PLC0415
    from syncd.ledger.lanes import load_lanes  # noqa: PLC0415
    from syncd.ledger.leads import enrichment  # noqa: PLC0415

    sources: dict[str, Any] = {}
    with ledger.read() as connection:
        counts = overview.counts(connection)
        gates = flood_gate.gates(connection)
        follow = overview.ids_to_deliver(connection)
        unanswered = enrichment.unasked_counts(connection)
        stopped = {
            (lane.kind, lane.name): lane.code
            for lane in load_lanes(connection)
            if lane.wait(clock.now()) != 0
        }
        for name, source in settings.sources.items():
            key, limit = source.api_key.get_secret_value(), source.requests_per_minute
            meter = RequestBudget(key, limit, clock, deadline=0).meter
            now = clock.monotonic()
            budget = read_budgets(connection, [meter], now)[meter.name]
            due = counts["export"].get(name, {}).get("pending", 0) if source.export else 0
            later = follow.get(name, 0) if source.export else 0
            waits = counts["lead"].get(name, {}).get("enriching", 0) + unanswered.get(name, 0)
            enriching = spending(connection, name, source, waits, clock.now())
            asks = enriching["asks"] if enriching else 0
            words = counts["feedback"].get(name, {}).get("pending", 0) if settings.hears else 0
            requests = due + later + asks + words
            sources[name] = {
                "enriching": enriching,
                "exports": due,
                "exports_after_delivery": later,
                "feedback": words,
                "requests": requests,
                "requests_per_minute": budget.limit,
                "seconds": round(seconds_for(budget, now, requests), 1),
                "stopped": stopped.get(("export", name)),
            }
    names = dict.fromkeys((*settings.connectors, *counts["delivery"]))
    connectors = {
        name: {
            "deliveries": counts["delivery"].get(name, {}).get("pending", 0),
            "held": gates[name].held if name in gates else 0,
            "configured": name in settings.connectors,
            "stopped": stopped.get(("deliver", name)),
        }
        for name in names
    }
    return {"connectors": connectors, "sources": sources}


def _show(found: dict[str, Any]) -> None:
    say_table(
        ("connector", "deliveries waiting", "stopped by"),
        [
            (name, it["deliveries"], it["stopped"] or ("" if it["configured"] else "connector_unconfigured"))
            for name, it in found["connectors"].items()
        ],
    )
    say_table(
        ("source", "exports owed", "after delivery", "requests", "time at the limit", "stopped by"),
        [
            (name, it["exports"], it["exports_after_delivery"], it["requests"],
             f"{duration(it['seconds'])} at {it['requests_per_minute']} a minute", it["stopped"] or "")
            for name, it in found["sources"].items()
        ],
    )  # fmt: skip
    for name, it in found["sources"].items():
        if it["enriching"]:
            say(describe_enriching(name, it["enriching"]))
    for name, it in found["sources"].items():
        if it["feedback"]:
            say(f"{name}: {it['feedback']:,} pieces of feedback are sent to CTGO after all exports")
    for name, it in found["connectors"].items():
        if it["held"]:
            say(f"{it['held']:,} of the deliveries of {name} are held at its gate: syncd release {name}")
    say("Pulls come on top. A stopped lane waits until it is resumed: syncd status says why it is stopped.")
