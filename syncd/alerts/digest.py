"""The daily summary: when it is due, and what it says. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from syncd.alerts.message import fitting
from syncd.health.view import View, is_by_hand, is_failing, is_halted, owner_of, reported_lanes

MOST_CAUSES = 8


@dataclass(frozen=True, slots=True)
class Totals:
    """The tally at an instant: leads ever found, deliveries made, leads exported."""

    at: float
    found: int = 0
    delivered: int = 0
    exported: int = 0


def totals(view: View) -> Totals:
    """The totals now."""
    leads, deliveries, exports = (view.counts.get(kind, {}) for kind in ("lead", "delivery", "export"))
    return Totals(
        view.at,
        sum(sum(states.values()) for states in leads.values()),
        sum(states.get("delivered", 0) for states in deliveries.values()),
        sum(states.get("delivered", 0) for states in exports.values()),
    )


def previous(now: float, hour: int, minute: int, zone: str) -> float:
    """The latest instant, not after now, at which that zone's clocks showed this time of day.

    In the hour that a spring skips, the instant by the offset before it; in the hour that an autumn repeats, the first.
    """
    tz = ZoneInfo(zone)
    today = datetime.fromtimestamp(now, tz).date()
    for days in (0, 1, 2):
        at = datetime.combine(today - timedelta(days=days), time(hour, minute), tz).timestamp()
        if at <= now:
            return at
    raise AssertionError("an instant two days back is past")


def is_due(last: Totals | None, now: float, hour: int, minute: int, zone: str) -> bool:
    """True if a digest is owed: its time of day has passed since the last one. Before the first, none is."""
    return last is not None and last.at < previous(now, hour, minute, zone)


def text_of(view: View, last: Totals, host: str) -> str:
    """The summary since `last`."""
    now = totals(view)
    hours = max(0.0, (now.at - last.at) / 3600)
    lines = [
        (
            f"syncd on {host}, the last {hours:.0f} h: {max(0, now.found - last.found)} found, "
            f"{max(0, now.delivered - last.delivered)} delivered, {max(0, now.exported - last.exported)} exported."
        ),
        *_stuck(view),
        *_stopped(view),
        *_credits(view),
    ]
    if view.oldest_pending:
        name, age = max(view.oldest_pending.items(), key=lambda it: it[1])
        lines.append(f"Oldest pending: {spelled(age)} ({name}).")
    return fitting("\n".join(lines))


def _stuck(view: View) -> Iterator[str]:
    pending = sum(states.get("pending", 0) for states in view.counts.get("delivery", {}).values())
    yield f"Pending: {pending}." if pending else "Nothing is pending."
    if view.set_aside:
        causes: dict[str, int] = {}
        for it in view.set_aside:
            causes[it.code] = causes.get(it.code, 0) + it.n
        most = sorted(causes.items(), key=lambda it: (-it[1], it[0]))
        shown = ", ".join(f"{n} {code}" for code, n in most[:MOST_CAUSES])
        more = f", and {len(most) - MOST_CAUSES} more causes" if len(most) > MOST_CAUSES else ""
        yield f"Set aside: {shown}{more}. See: syncd rejected list"


def _stopped(view: View) -> Iterator[str]:
    stopped = [
        f"{owner_of(lane)} ({'paused by hand' if is_by_hand(lane) else lane.code})"
        for lane in reported_lanes(view.lanes)
        if is_halted(lane) or is_by_hand(lane) or (is_failing(lane) and lane.status == "paused")
    ]
    if stopped:
        yield f"Stopped: {_some(dict.fromkeys(stopped))}."


def _credits(view: View) -> Iterator[str]:
    known = [f"{source.credits} ({source.name})" for source in view.sources if source.credits is not None]
    if known:
        yield f"Credits: {_some(known)}."


def _some(items: Iterable[str]) -> str:
    each = list(items)
    more = f" and {len(each) - MOST_CAUSES} more" if len(each) > MOST_CAUSES else ""
    return ", ".join(each[:MOST_CAUSES]) + more


def spelled(seconds: float) -> str:
    """A length of time as people say it."""
    for unit, name in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"
