"""`syncd status`: the state of the ledger, the sources and the connectors. It also reads beside a running engine."""

import sys
from contextlib import suppress
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.context import AsJson, ledger_to_read, settings_of
from syncd.cli.exits import Exit
from syncd.cli.observe.plan import spending
from syncd.cli.observe.status_exit import exit_of
from syncd.cli.observe.status_text import status_lines
from syncd.cli.output import draw, iso, say_json, say_lines, terminal_width
from syncd.clock import SystemClock
from syncd.core.lane_state import CAMPAIGN_FAILS
from syncd.settings import Settings
from syncd.verbs.engine_holder import engine_of, late_sources, missing_service, out_of_reach, stale
from syncd.verbs.targets import advice

if TYPE_CHECKING:
    from syncd.core.lane_state import LaneState
    from syncd.ledger import Ledger
    from syncd.ledger.overview import Counts, Pushed


EVERY = 2.0
"""Seconds between two drawings of --watch."""
_CHECK = typer.Option("--check", help="Exit by the worst thing that is wrong; 0: all is well.")
_WATCH = typer.Option("--watch", help="Draw it again every SECONDS [2] until Ctrl-C.")


def status(
    context: typer.Context,
    seconds: Annotated[float | None, typer.Argument(metavar="[SECONDS]", min=0.1, help="Of --watch.")] = None,
    check: Annotated[bool, _CHECK] = False,
    watch: Annotated[bool, _WATCH] = False,
    as_json: AsJson = False,
) -> int:
    """Show the state of the ledger, the sources and the connectors."""
    settings, clock = settings_of(context), SystemClock()
    if seconds is not None and not watch:
        raise typer.BadParameter("belongs to --watch", param_hint=f"{seconds:g}")
    if watch:
        if as_json or not sys.stdout.isatty():
            raise typer.BadParameter("it needs a terminal, and no --json", param_hint="--watch")
        with suppress(KeyboardInterrupt):
            while True:
                draw(status_lines(_found(settings, clock.now()), clock.now(), terminal_width()))
                clock.wait(Event(), seconds or EVERY)
    now = clock.now()
    found = _found(settings, now)
    worst = exit_of(found)
    if as_json:
        say_json(_for_scripts(found) | ({"exit": worst} if check else {}))
    elif not watch:
        say_lines(status_lines(found, now, terminal_width()))
    return worst if check else Exit.DONE


def _found(settings: Settings, now: float) -> dict[str, Any]:
    with ledger_to_read(settings) as ledger:
        found = standing(settings, ledger, now)
    engine = found["engine"] = engine_of(settings.state.path)
    found["not_running"] = missing_service(settings) if not engine else ""
    stopped = {lane["name"] for lane in found["lanes"] if lane["kind"] == "pull"}
    pulled = {name: it["pulled_at"] for name, it in found["sources"].items() if name not in stopped}
    found["late"] = late_sources(settings, pulled, now)
    found["trouble"] = _trouble(settings)
    found["stale"] = stale(settings) if engine else []
    found["out_of_reach"] = out_of_reach(settings, engine).split() if engine else []
    return found


def _trouble(settings: Settings) -> str:
    """Return the reason why the engine sends nothing: the ledger has no room; empty if it has."""
    from syncd.ledger import LedgerError, files  # noqa: PLC0415

    try:
        files.check_room(settings.state.path)
    except LedgerError as error:
        return f"{error.detail} ({error.code})"
    return ""


def standing(settings: Settings, ledger: "Ledger", now: float) -> dict[str, Any]:
    """Describe the state, instants in seconds since the epoch. The cost grows with the pending rows only."""
    from syncd.ledger import history, overview, sources  # noqa: PLC0415
    from syncd.ledger.deliveries import flood_gate  # noqa: PLC0415
    from syncd.ledger.lanes import load_lanes  # noqa: PLC0415
    from syncd.ledger.leads import enrichment  # noqa: PLC0415

    with ledger.read() as connection:
        counts = overview.counts(connection)
        rows = {row.name: row for row in overview.sources(connection)}
        oldest = overview.oldest_unsettled(connection)
        lanes = load_lanes(connection)
        gates = flood_gate.gates(connection)
        waiting = enrichment.unasked_counts(connection)
        spent = {}
        for name, it in settings.sources.items():
            waits = waiting.get(name, 0) + counts["lead"].get(name, {}).get("enriching", 0)
            spent[name] = spending(connection, name, it, waits, now)
        books = sources.load_all_books(connection)
        kept = history.done(connection)
        pushes = overview.pushed(connection)
        polled = overview.last_feedback_polls(connection)
    connectors = {
        name: {
            "configured": name in settings.connectors,
            "deliveries": counts["delivery"].get(name, {}),
            "held": gates[name].held if name in gates else 0,
            "heard_at": polled.get(name),
        }
        for name in dict.fromkeys((*settings.connectors, *counts["delivery"]))
    }
    names = (*settings.sources, *rows, *counts["lead"], *counts["export"], *counts["feedback"])
    return {
        "ledger": str(settings.state.path),
        "engine": None,
        "daily_backup": settings.state.backup == "daily",
        "upkeep": {name: {"done_at": it.at, "detail": it.detail} for name, it in kept.items()},
        "sources": {
            name: {
                **_source(settings, name, counts, rows.get(name)),
                "enriching": spent.get(name),
                "books": books[name]._asdict() if name in books else None,
                "push": _push(settings, name, pushes.get(name)),
            }
            for name in dict.fromkeys(names)
        },
        "connectors": connectors,
        "lanes": [
            _stopped(settings, lane) for lane in lanes if lane.wait(now) != 0 or lane.code == CAMPAIGN_FAILS
        ],
        "oldest_unsettled": oldest,
        "set_aside": rejected_in(counts),
    }


def _source(settings: Settings, name: str, counts: "Counts", row: Any) -> dict[str, Any]:
    from syncd.cli.run.report import describe_shelved  # noqa: PLC0415

    leads, exports, feedback = (counts[kind].get(name, {}) for kind in ("lead", "export", "feedback"))
    return {
        "configured": name in settings.sources,
        "watermark": row.watermark if row else None,
        "pulled_at": row.pulled_at if row else None,
        "leads": leads,
        "exports": exports,
        "put_off": describe_shelved(settings, name, exports),
        "feedback": feedback,
    }


def _push(settings: Settings, name: str, it: "Pushed | None") -> dict[str, Any] | None:
    """Describe a source's push; None if it has none."""
    wanted = name in settings.sources and settings.sources[name].push is not None
    if it is None and not wanted:
        return None
    fresh = {"configured": wanted, "off": False, "subscribed_at": None, "heard_at": None}
    return fresh if it is None else {**fresh, **it._asdict()}


def rejected_in(counts: "Counts") -> int:
    """Count rejected deliveries, exports and feedback, and quarantined leads."""
    states = {"delivery": "rejected", "export": "rejected", "feedback": "rejected", "lead": "quarantined"}
    return sum(found.get(state, 0) for kind, state in states.items() for found in counts[kind].values())


def _stopped(settings: Settings, lane: "LaneState") -> dict[str, Any]:
    keys = ("kind", "name", "status", "code", "detail", "by", "since", "until", "failures")
    fix = advice(settings, lane.code, lane.name, halted=lane.status == "halted")
    return {**{key: getattr(lane, key) for key in keys}, "fix": fix}


def _for_scripts(found: dict[str, Any]) -> dict[str, Any]:
    """Write instants as ISO 8601 text."""
    instants = {
        "done_at", "watermark", "pulled_at", "since", "until", "oldest_unsettled", "subscribed_at", "heard_at",
        "checked_at",
    }  # fmt: skip

    def written(value: Any, key: str = "") -> Any:
        if key in instants and not isinstance(value, dict):  # a source may be called `since`
            return iso(value)
        if isinstance(value, dict):
            return {name: written(item, name) for name, item in value.items()}
        return [written(item) for item in value] if isinstance(value, list) else value

    return {key: written(value, key) for key, value in found.items()}
