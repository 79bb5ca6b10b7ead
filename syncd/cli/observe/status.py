"""`syncd status`: the state of the ledger, the sources and the connectors. It also reads beside a running engine."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import typer

from syncd.cli.context import AsJson, advice, ledger_to_read, settings_of
from syncd.cli.engine_holder import RESTART, engine_of, out_of_reach, stale
from syncd.cli.exits import Exit
from syncd.cli.observe.plan import describe_enriching, spending
from syncd.cli.output import duration, iso, say, say_json, say_table, when
from syncd.clock import SystemClock
from syncd.settings import Settings

if TYPE_CHECKING:
    from syncd.core.lane_state import LaneState
    from syncd.ledger import Ledger
    from syncd.ledger.overview import Counts, Pushed


def status(context: typer.Context, as_json: AsJson = False) -> int:
    """Show the state of the ledger, the sources and the connectors."""
    settings = settings_of(context)

    now = SystemClock().now()
    with ledger_to_read(settings) as ledger:
        found = standing(settings, ledger, now)
    found["engine"] = engine_of(settings.state.path)
    found["trouble"] = _trouble(settings)
    found["stale"] = stale(settings) if found["engine"] else []
    found["out_of_reach"] = out_of_reach(settings, found["engine"]).split() if found["engine"] else []
    if as_json:
        say_json(_for_scripts(found))
    else:
        _show(found, now)
    return Exit.DONE


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
        heard = overview.heard(connection)
    connectors = {
        name: {
            "configured": name in settings.connectors,
            "deliveries": counts["delivery"].get(name, {}),
            "held": gates[name].held if name in gates else 0,
            "heard_at": heard.get(name),
        }
        for name in dict.fromkeys((*settings.connectors, *counts["delivery"]))
    }
    names = (*settings.sources, *rows, *counts["lead"], *counts["export"], *counts["feedback"])
    return {
        "ledger": str(settings.state.path),
        "engine": None,
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
        "lanes": [_stopped(settings, lane) for lane in lanes if lane.wait(now) != 0],
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
    keys = ("kind", "name", "status", "code", "detail", "by", "since", "until")
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


def _show(found: dict[str, Any], now: float) -> None:
    engine = found["engine"]
    if found["trouble"]:
        say(f"Nothing is sent: {found['trouble']}")
    say(f"ledger {found['ledger']}: {f'process {engine} runs on it' if engine else 'no engine runs on it'}")
    if found["stale"]:
        say(f"{', '.join(found['stale'])} changed after the engine read it; to apply it: syncd reload")
    if found["out_of_reach"]:
        say(f"{', '.join(found['out_of_reach'])} changed after the service started. {RESTART}")
    damage = found["upkeep"].get("check", {}).get("detail")
    if damage:
        say(f"the ledger is damaged: {damage}")
        say("  Restore a backup with: syncd restore FILE")
    say_table(
        ("source", "watermark", "last pull", "leads", "exports"),
        [
            (_named(name, it), when(it["watermark"]), when(it["pulled_at"]), _sum(it["leads"]), _sum(it["exports"]))
            for name, it in found["sources"].items()
        ],
    )  # fmt: skip
    say_table(
        ("connector", "deliveries"),
        [(_named(name, it), _sum(it["deliveries"]) + _held(it)) for name, it in found["connectors"].items()],
    )
    for name, it in found["sources"].items():
        _show_source(name, it)
    _show_feedback(found)
    for lane in found["lanes"]:
        until = f" until {when(lane['until'])}" if lane["until"] is not None else ""
        by = f" by {lane['by']}" if lane["code"] == "paused_by_hand" else ""
        say(f"{lane['kind']} {lane['name']}: {lane['status']}{by} since {when(lane['since'])}{until}: "
            f"{lane['detail']} ({lane['code']})")  # fmt: skip
        if lane["fix"]:
            say(f"  {lane['fix']}")
    oldest = found["oldest_unsettled"]
    if oldest is not None:
        say(f"oldest unsettled lead: {duration(now - oldest)} ago")
    if found["set_aside"]:
        say(f"rejected: {found['set_aside']}. See them with: syncd rejected list")


def _show_source(name: str, it: Mapping[str, Any]) -> None:
    if it["put_off"]:
        say(f"{name}: {it['put_off']}")
    if it["enriching"]:
        say(describe_enriching(name, it["enriching"]))
    if it["books"]:
        for line in _books(name, it["books"]):
            say(line)
    if it["push"]:
        say(_describe_push(name, it["push"]))
    if unwanted := it["leads"].get("unwanted"):
        say(
            f"{name}: no connector's `where` accepts {unwanted:,} leads; if you have changed one:"
            " syncd replay --connector NAME --unwanted"
        )


def _books(name: str, books: Mapping[str, Any]) -> Iterator[str]:
    """Compare the books with CTGO's count; no line if they are equal."""
    n, unmet = books["missing"], books["unmet"]
    if n and books["swept"]:
        yield f"{name}: CTGO counts {n} un-exported leads that it does not list, since {when(books['checked_at'])}."
    elif n:
        yield (
            f"{name}: CTGO lists {n} more un-exported leads than the ledger holds, as of {when(books['checked_at'])}."
            " A sweep will bring them."
        )
    elif unmet:
        yield f"{name}: CTGO counts {unmet} more un-exported leads than it lists; syncd knows that."
    if n:
        yield "  See which with: syncd audit --upstream"
    if books["restless"]:
        yield f"{name}: CTGO's list changed during {books['restless']} sweeps; syncd continues to sweep."


def _describe_push(name: str, push: Mapping[str, Any]) -> str:
    heard = f"last heard {when(push['heard_at'])}"
    if push["off"]:
        return f"push {name}: off; to switch it on: syncd push on {name}"
    if push["subscribed_at"] is None:
        return f"push {name}: {'not subscribed yet' if push['configured'] else 'being unsubscribed'}; {heard}"
    return f"push {name}: subscribed since {when(push['subscribed_at'])}; {heard}"


_FEEDBACK_STATES = {"delivered": "sent", "no_segment": "on leads without a segment, which cannot be sent"}


def _show_feedback(found: dict[str, Any]) -> None:
    """Print a line for each connector that gives feedback, and for each source whose leads were judged."""
    for name, it in found["connectors"].items():
        if it["heard_at"] is not None:
            say(f"{name}: last asked for feedback {when(it['heard_at'])}")
    for name, it in found["sources"].items():
        if it["feedback"]:
            parts = (f"{n} {_FEEDBACK_STATES.get(state, state)}" for state, n in it["feedback"].items())
            say(f"{name}: feedback: {', '.join(parts)}")


def _named(name: str, it: Mapping[str, Any]) -> str:
    return name if it["configured"] else f"{name} (not in the configuration)"


def _held(it: Mapping[str, Any]) -> str:
    return f" ({it['held']:,} held at its gate)" if it["held"] else ""


def _sum(states: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {state}" for state, n in states.items()) or "none"
