"""The text of alerts and of the daily summary, and the one body that Slack, Discord and ntfy all accept: pure.

Slack reads `text` and Discord `content`, and each ignores what it does not know. ntfy shows a body as it is, unless a
header marks the message as a template over it. So one request serves all three, and no option has to name the service.

* Slack, https://docs.slack.dev/messaging/formatting-message-text: `&`, `<` and `>` are escaped.
* Discord, https://docs.discord.com/developers/resources/webhook#execute-webhook: 2,000 characters at most; nobody is mentioned.
* ntfy, https://docs.ntfy.sh/publish/#message-templating: 4,096 bytes at most. One that is too old for templates shows the
  JSON itself.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from syncd.alerts.decision import HALTED, Alert, Message, place_of
from syncd.health.view import View, is_by_hand, is_failing, is_halted, owner_of, reported_lanes
from syncd.log import escape, scrub

LONGEST = 1900
"""Characters, and UTF-8 bytes at most twice as many: under every limit."""
MOST_PLACES = 10
LONGEST_DETAIL = 300

_WORD = r"[^\s<>()\[\]\"']"
_ADDRESS = re.compile(rf"(?<!{_WORD}){_WORD}+@{_WORD}+")
"""From the beginning of a word only: from each letter on, a long one without an @ takes the square of its length."""

HEADERS: Mapping[str, str] = {
    "Content-Type": "application/json",
    "X-Template": "yes",
    "X-Title": "syncd",
    "X-Message": "{{ .message }}",
}

_HEADINGS = {
    "lane": ("has failed for a while", "is well again"),
    "pull": ("is not being pulled", "is pulled again"),
    "books": ("may miss leads", "misses no leads any more"),
    "set_aside": ("has much set aside", "has little set aside now"),
    "credits": ("has few credits left", "has credits again"),
    "disk": ("The disk is nearly full", "The disk has room again"),
    "backup": ("The daily backup fails", "The daily backup works again"),
    "ledger": ("Nothing is sent: the ledger is in trouble", "The ledger is well again"),
    "push": ("Pushes cannot be received", "Pushes can be received again"),
    "daemon": ("A lane hangs", "No lane hangs any more"),
}


def alert_text(message: Message, host: str) -> str:
    """A message in plain text: what, where, why and what to do."""
    lines = [f"{_heading(list(alerts))} ({escape(message.group[0])})" for alerts in _alike(message.alerts)]
    lines[0] = f"syncd on {host}: {lines[0]}"
    over = message.group[1]
    if not over:
        lines += _details(message.alerts)
    fixes = dict.fromkeys(alert.fix for alert in message.alerts if alert.fix)
    if fixes and not over:
        lines.append(f"What to do: {escape(next(iter(fixes)))}")
    return fitting("\n".join(lines))


def _alike(alerts: Sequence[Alert]) -> Iterable[Iterable[Alert]]:
    """Those that share a heading, together."""
    ordered = sorted(alerts, key=lambda it: (it.topic.kind, it.level == HALTED, it.topic))
    return [list(group) for _, group in groupby(ordered, key=lambda it: (it.topic.kind, it.level == HALTED))]


def _heading(alerts: Sequence[Alert]) -> str:
    first = alerts[0]
    begun, over = _HEADINGS.get(first.topic.kind, ("is in trouble", "is well again"))
    if first.topic.kind == "lane" and first.level == HALTED:
        begun = "has halted"
    words = begun if first.over_at is None else over
    places = [place_of(alert.topic) for alert in alerts]
    if not any(places):
        return words
    shown = ", ".join(places[:MOST_PLACES])
    more = f" and {len(places) - MOST_PLACES} more" if len(places) > MOST_PLACES else ""
    many = len(places) > 1
    return f"{shown}{more} {_plural(words) if many else words}"


def _plural(words: str) -> str:
    first, _, rest = words.partition(" ")
    return f"{ {'has': 'have', 'is': 'are'}.get(first, first) } {rest}"


def _details(alerts: Sequence[Alert]) -> list[str]:
    """Each detail once: one cause often has the same for all."""
    details = dict.fromkeys(_clean(alert.detail)[:LONGEST_DETAIL] for alert in alerts if alert.detail)
    shown = list(details)[:MOST_PLACES]
    more = len(details) - len(shown)
    return [*shown, *([f"… and {more} more like these."] if more else [])]


def _clean(line: str) -> str:
    """Fit for strangers' screens: no secret, no address of a person, no control character."""
    return _ADDRESS.sub("…", escape(scrub(line)))


def fitting(text: str) -> str:
    """The text, cut where the strictest reader would refuse it."""
    cut = text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"
    while len(cut.encode()) > 2 * LONGEST:
        cut = cut[: len(cut) * 9 // 10].rstrip("…") + "…"
    return cut


def body_of(text: str) -> bytes:
    """The body of a message; see the module."""
    slack = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    fields = {"text": slack, "content": text, "message": text, "allowed_mentions": {"parse": []}}
    return json.dumps(fields, ensure_ascii=False).encode()


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


def digest_text(view: View, last: Totals, host: str) -> str:
    """Write the summary since `last`."""
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
    """Format a length of time for people."""
    for unit, name in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"
