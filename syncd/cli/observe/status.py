"""`syncd status`: where everything stands. It reads beside a running engine, and counts nothing that is settled."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.context import advice, settings_of
from syncd.cli.engine_holder import engine_of
from syncd.cli.exits import Exit
from syncd.cli.observe.credit_use import said, spending
from syncd.cli.output import duration, iso, say, say_json, say_table, when
from syncd.settings import Settings

if TYPE_CHECKING:
    from syncd.core.lane_state import LaneState
    from syncd.ledger import Ledger
    from syncd.ledger.deliveries.flood_gate import GateState
    from syncd.ledger.overview import Pushed

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
) -> int:
    """Where everything stands."""
    settings = settings_of(context)
    from syncd.clock import SystemClock  # noqa: PLC0415
    from syncd.ledger import Ledger  # noqa: PLC0415

    now = SystemClock().now()
    with Ledger.open_to_read(settings.state.path) as ledger:
        found = standing(settings, ledger, now)
    found["engine"] = engine_of(settings.state.path)
    if as_json:
        say_json(_for_scripts(found))
    else:
        _show(found, now)
    return Exit.DONE


def standing(settings: Settings, ledger: "Ledger", now: float) -> dict[str, Any]:
    """Everything that `status` tells, instants in seconds since the epoch. Costs follow what is pending."""
    from syncd.cli.run.report import put_off  # noqa: PLC0415
    from syncd.ledger import overview, reconciliation  # noqa: PLC0415
    from syncd.ledger.admin import maintenance  # noqa: PLC0415
    from syncd.ledger.deliveries import flood_gate  # noqa: PLC0415
    from syncd.ledger.lanes import load_lanes  # noqa: PLC0415
    from syncd.ledger.leads import unenriched  # noqa: PLC0415

    with ledger.read() as connection:
        counts = overview.counts(connection)
        rows = {row.name: row for row in overview.sources(connection)}
        oldest = overview.oldest_unsettled(connection)
        lanes = load_lanes(connection)
        gates = flood_gate.gates(connection)
        waiting = unenriched.counts(connection)
        for name, states in counts["lead"].items():
            waiting[name] = waiting.get(name, 0) + states.get("enriching", 0)
        spent = {
            name: spending(connection, name, source, waiting.get(name, 0), now)
            for name, source in settings.sources.items()
        }
        books = reconciliation.load_all(connection)
        kept = maintenance.done(connection)
        pushes = overview.pushed(connection)
        heard = overview.heard(connection)
    leads, deliveries, exports, feedback = (
        counts[kind] for kind in ("lead", "delivery", "export", "feedback")
    )
    sources = {
        name: {
            "configured": name in settings.sources,
            "watermark": rows[name].watermark if name in rows else None,
            "pulled_at": rows[name].pulled_at if name in rows else None,
            "leads": leads.get(name, {}),
            "exports": exports.get(name, {}),
            "put_off": put_off(settings, name, exports.get(name, {})),
            "feedback": feedback.get(name, {}),
            "enriching": spent.get(name),
            "books": books[name]._asdict() if name in books else None,
            "push": _push(settings, name, pushes.get(name)),
        }
        for name in dict.fromkeys((*settings.sources, *rows, *leads, *exports, *feedback))
    }
    return {
        "ledger": str(settings.state.path),
        "engine": None,
        "upkeep": {name: {"done_at": it.at, "detail": it.detail} for name, it in kept.items()},
        "sources": sources,
        "connectors": _connectors(settings, deliveries, gates, heard),
        "lanes": [_stopped(settings, lane) for lane in lanes if lane.wait(now) != 0],
        "oldest_unsettled": oldest,
        "set_aside": set_aside_in(counts),
    }


def _connectors(
    settings: Settings,
    deliveries: Mapping[str, Any],
    gates: "Mapping[str, GateState]",
    heard: Mapping[str, float],
) -> dict[str, Any]:
    """The connectors that are configured or still have deliveries, by name."""
    return {
        name: {
            "configured": name in settings.connectors,
            "deliveries": deliveries.get(name, {}),
            "held": gates[name].held if name in gates else 0,
            "heard_at": heard.get(name),
        }
        for name in dict.fromkeys((*settings.connectors, *deliveries))
    }


def _push(settings: Settings, name: str, it: "Pushed | None") -> dict[str, Any] | None:
    """How a source's push stands; None: it has none."""
    wanted = name in settings.sources and settings.sources[name].push is not None
    if it is None and not wanted:
        return None
    told: dict[str, Any] = {"configured": wanted, "off": False, "subscribed_at": None, "heard_at": None}
    return told if it is None else {**told, **it._asdict()}


def set_aside_in(counts: Mapping[str, Mapping[str, Mapping[str, int]]]) -> int:
    """How many deliveries, exports and feedback are rejected and leads quarantined, by the tally."""
    states = (
        ("delivery", "rejected"),
        ("export", "rejected"),
        ("feedback", "rejected"),
        ("lead", "quarantined"),
    )
    return sum(found.get(state, 0) for kind, state in states for found in counts[kind].values())


def _stopped(settings: Settings, lane: "LaneState") -> dict[str, Any]:
    told = ("kind", "name", "status", "code", "detail", "by", "since", "until")
    fix = advice(settings, lane.code, lane.name, halted=lane.status == "halted")
    return {**{key: getattr(lane, key) for key in told}, "fix": fix}


def _for_scripts(found: dict[str, Any]) -> dict[str, Any]:
    """The same with instants as ISO 8601 text."""
    instants = {
        "done_at",
        "watermark",
        "pulled_at",
        "since",
        "until",
        "oldest_unsettled",
        "subscribed_at",
        "heard_at",
        "checked_at",
    }

    def told(value: Any, key: str = "") -> Any:
        if key in instants and not isinstance(value, dict):  # a source may be called `since`
            return iso(value)
        if isinstance(value, dict):
            return {name: told(item, name) for name, item in value.items()}
        return [told(item) for item in value] if isinstance(value, list) else value

    return {key: told(value, key) for key, value in found.items()}


def _show(found: dict[str, Any], now: float) -> None:
    engine = found["engine"]
    say(f"ledger {found['ledger']}: {f'process {engine} runs on it' if engine else 'no engine runs on it'}")
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
        say(f"set aside: {found['set_aside']}. See them with: syncd rejected list")


def _show_source(name: str, it: Mapping[str, Any]) -> None:
    if it["put_off"]:
        say(f"{name}: {it['put_off']}")
    if it["enriching"]:
        say(said(name, it["enriching"]))
    if it["books"]:
        for line in _books(name, it["books"]):
            say(line)
    if it["push"]:
        say(_said(name, it["push"]))
    if unwanted := it["leads"].get("unwanted"):
        say(
            f"{name}: no connector's `where` takes {unwanted:,} leads; if one was mended:"
            " syncd replay --connector NAME --unwanted"
        )


def _books(name: str, books: Mapping[str, Any]) -> Iterator[str]:
    """Say how the books compare with CTGO's count; nothing when they are even."""
    n, unmet = books["missing"], books["unmet"]
    if n and books["swept"]:
        yield f"{name}: CTGO counts {n} un-exported leads that it does not list, since {when(books['checked_at'])}."
    elif n:
        yield (
            f"{name}: CTGO lists {n} more un-exported leads than the ledger holds, as of {when(books['checked_at'])}."
            " A sweep takes them in."
        )
    elif unmet:
        yield f"{name}: CTGO counts {unmet} more un-exported leads than it lists; syncd reckons with that."
    if n:
        yield "  See which with: syncd audit --upstream"
    if books["restless"]:
        yield f"{name}: CTGO's list did not stand still in {books['restless']} sweeps; syncd goes on sweeping."


def _said(name: str, push: Mapping[str, Any]) -> str:
    heard = f"last heard {when(push['heard_at'])}"
    if push["off"]:
        return f"push {name}: off; to go on: syncd push on {name}"
    if push["subscribed_at"] is None:
        return f"push {name}: {'not subscribed yet' if push['configured'] else 'being unsubscribed'}; {heard}"
    return f"push {name}: subscribed since {when(push['subscribed_at'])}; {heard}"


_OF_FEEDBACK = {"delivered": "told", "no_segment": "on leads without a segment, which cannot be told"}


def _show_feedback(found: dict[str, Any]) -> None:
    """A line for each connector that is asked, and each source whose leads were judged."""
    for name, it in found["connectors"].items():
        if it["heard_at"] is not None:
            say(f"{name}: asked what became of its people {when(it['heard_at'])}")
    for name, it in found["sources"].items():
        if it["feedback"]:
            parts = (f"{n} {_OF_FEEDBACK.get(state, state)}" for state, n in it["feedback"].items())
            say(f"{name}: feedback: {', '.join(parts)}")


def _named(name: str, it: Mapping[str, Any]) -> str:
    return name if it["configured"] else f"{name} (not in the configuration)"


def _held(it: Mapping[str, Any]) -> str:
    return f" ({it['held']:,} held at its gate)" if it["held"] else ""


def _sum(states: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {state}" for state, n in states.items()) or "none"
