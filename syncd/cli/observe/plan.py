"""`syncd plan`: the pending work, the requests that it needs, and how long they take at the limit."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.context import ledger_to_read, settings_of
from syncd.cli.exits import Exit
from syncd.cli.output import duration, say_json, say_table, say_wrapped
from syncd.clock import SystemClock
from syncd.core.lane_state import BY_HAND
from syncd.core.limiter import GUARD, WINDOW, Budget
from syncd.settings import Settings, Source

if TYPE_CHECKING:
    from syncd.clock import Clock
    from syncd.ledger import Ledger, Transaction
    from syncd.verbs.status import Spending


ANSWER = 0.5
"""Seconds that an answer is assumed to take."""


def plan(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For a script; durations in seconds.")] = False,
) -> int:
    """Show the pending work, the requests that it needs, and how long they take."""
    settings = settings_of(context)

    with ledger_to_read(settings) as ledger:
        found = pending_work(settings, ledger, SystemClock())
    if as_json:
        say_json(found)
    else:
        _show(found)
    return Exit.DONE


def pending_work(settings: Settings, ledger: "Ledger", clock: "Clock") -> dict[str, Any]:
    """Count pending deliveries by connector; by source, exports, requests, and the seconds that these take."""
    from syncd.ledger import overview  # noqa: PLC0415
    from syncd.ledger.deliveries import flood_gate  # noqa: PLC0415
    from syncd.ledger.lanes import load_lanes  # noqa: PLC0415
    from syncd.ledger.leads import enrichment  # noqa: PLC0415
    from syncd.verbs.status import spending  # noqa: PLC0415

    sources: dict[str, Any] = {}
    with ledger.read() as connection:
        counts = overview.counts(connection)
        gates = flood_gate.gates(connection)
        follow = overview.ids_to_deliver(connection)
        unanswered = enrichment.unasked_counts(connection)
        lanes = [lane for lane in load_lanes(connection) if lane.wait(clock.now()) != 0]
        stopped = {(lane.kind, lane.name): lane.code for lane in lanes}
        retries = {
            (lane.kind, lane.name): round(lane.wait(clock.now()) or 0.0, 1)
            for lane in lanes
            if lane.status == "paused" and lane.code != BY_HAND
        }
        for name, source in settings.sources.items():
            now = clock.monotonic()
            budget = _budget_of(connection, source, clock)
            due = counts["export"].get(name, {}).get("pending", 0) if source.export else 0
            later = follow.get(name, 0) if source.export else 0
            waits = counts["lead"].get(name, {}).get("enriching", 0) + unanswered.get(name, 0)
            enriching = spending(connection, name, source, waits, clock.now())
            asks = enriching.asks if enriching else 0
            feedback = counts["feedback"].get(name, {}).get("pending", 0) if settings.gives_feedback else 0
            requests = due + later + asks + feedback
            sources[name] = {
                "enriching": enriching and spending_document(enriching),
                "exports": due,
                "exports_after_delivery": later,
                "feedback": feedback,
                "requests": requests,
                "requests_per_minute": budget.limit,
                "seconds": round(seconds_for(budget, now, requests), 1),
                "stopped": stopped.get(("export", name)),
                "retry_in": retries.get(("export", name)),
            }
    names = dict.fromkeys((*settings.connectors, *counts["delivery"]))
    connectors = {
        name: {
            "deliveries": counts["delivery"].get(name, {}).get("pending", 0),
            "held": gates[name].held if name in gates else 0,
            "configured": name in settings.connectors,
            "stopped": stopped.get(("deliver", name)),
            "retry_in": retries.get(("deliver", name)),
        }
        for name in names
    }
    return {"connectors": connectors, "sources": sources}


def _budget_of(connection: "Transaction", source: Source, clock: "Clock") -> Budget:
    """Read the budget of a source's key."""
    from syncd.engine.budget import RequestBudget  # noqa: PLC0415
    from syncd.ledger.budgets import read_budgets  # noqa: PLC0415

    key, limit = source.api_key.get_secret_value(), source.requests_per_minute
    meter = RequestBudget(key, limit, clock, deadline=0).meter
    return read_budgets(connection, [meter], clock.monotonic())[meter.name]


def next_requests(settings: Settings, ledger: "Ledger", clock: "Clock") -> dict[str, float]:
    """Return, by source, the seconds until the limit lets the next request leave."""
    with ledger.read() as connection:
        return {
            name: seconds_for(_budget_of(connection, source, clock), clock.monotonic(), 1)
            for name, source in settings.sources.items()
        }


def _show(found: dict[str, Any]) -> None:
    say_table(
        ("connector", "deliveries waiting", "stopped by"),
        [
            (name, it["deliveries"], _stop(it) or ("" if it["configured"] else "connector_unconfigured"))
            for name, it in found["connectors"].items()
        ],
    )
    say_table(
        ("source", "exports owed", "after delivery", "requests", "time at the limit", "stopped by"),
        [
            (name, it["exports"], it["exports_after_delivery"], it["requests"],
             f"{duration(it['seconds'])} at {it['requests_per_minute']} a minute", _stop(it))
            for name, it in found["sources"].items()
        ],
        drop=("after delivery", "requests"),
    )  # fmt: skip
    for name, it in found["sources"].items():
        if it["enriching"]:
            say_wrapped(describe_enriching(name, it["enriching"]))
    for name, it in found["sources"].items():
        if it["feedback"]:
            say_wrapped(f"{name}: {it['feedback']:,} pieces of feedback are sent to CTGO after all exports")
    for name, it in found["connectors"].items():
        if it["held"]:
            say_wrapped(
                f"{it['held']:,} of the deliveries of {name} are held at its gate: syncd release {name}"
            )
    say_wrapped(" ".join(_endings([*found["connectors"].values(), *found["sources"].values()])))


def _stop(it: Mapping[str, Any]) -> str:
    """Describe why a lane sends nothing now; empty if it may send."""
    retry = it["retry_in"]
    return f"{it['stopped']}, tries again in {duration(retry)}" if retry else it["stopped"] or ""


def _endings(lanes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "Pulls come on top."
    stopped = [it for it in lanes if it["stopped"]]
    if any(it["retry_in"] for it in stopped):
        yield "A lane that waits to try again goes on by itself."
    if any(not it["retry_in"] for it in stopped):
        yield "A lane that is halted, or paused by hand, waits until it is resumed: syncd status says why."


def spending_document(it: "Spending") -> dict[str, Any]:
    """Describe a source's enriching for scripts."""
    rule = it.rule
    if rule is None:
        return {"waiting": it.waiting, "asks": it.asks}
    return {
        "waiting": it.waiting,
        "asked_today": it.asked_today,
        "per_day": rule.per_day,
        "credits": it.credits,
        "keep_credits": rule.keep_credits,
        "when_exhausted": rule.when_exhausted,
        "asks": it.asks,
    }


def describe_enriching(name: str, it: Mapping[str, Any]) -> str:
    """Describe a source's enriching in a line."""
    if "per_day" not in it:
        return f"enriching {name}: {it['waiting']} wait, but the configuration no longer enriches"
    known = "credits not known" if it["credits"] is None else f"{it['credits']} credits left"
    kept = f" ({it['keep_credits']} are kept)" if it["keep_credits"] else ""
    return f"enriching {name}: {it['waiting']} wait, {it['asked_today']} of {it['per_day']} asked today, {known}{kept}"


def seconds_for(budget: Budget, now: float, requests: int, *, answer: float = ANSWER) -> float:
    """Return the seconds until the last of so many requests is sent, given the taken slots; 0 if all can leave at once.

    A slot that sends a request at `t` is free again a round later: the answer's time, a window, and the limiter's guard.
    So a slot that is first free at `s` sends at `s`, `s + round`, `s + 2 round` and so on. The wanted instant is the n-th
    smallest of all these. From the latest `s` on, every round sends exactly `limit` requests. A division skips whole
    rounds, and the rest is merged one by one. Scheduled pulls are not counted: they go first, and come on top.
    """
    if requests < 1:
        return 0.0
    limit = max(1, budget.limit)
    start = max(now, budget.blocked_until)
    busy = sorted(slots.free_at for slots in budget.taken for _ in range(slots.n) if slots.free_at > start)
    # If more slots are taken than the limit now allows, the first that become free are not reused
    firsts = [start] * (limit - len(busy)) + busy[-limit:]
    every = answer + WINDOW + GUARD
    settled = sum(int((firsts[-1] - first) // every) + 1 for first in firsts)
    rounds = max(0, requests - settled) // limit
    heapq.heapify(firsts)
    for _ in range(requests - rounds * limit - 1):
        heapq.heapreplace(firsts, firsts[0] + every)
    return firsts[0] + rounds * every - now
