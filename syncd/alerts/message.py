"""The text of messages, and the one body that Slack, Discord and ntfy all accept: pure.

Slack reads `text` and Discord `content`, and each ignores what it does not know. ntfy shows a body as it is, unless a
header says that the message is a template over it. So one request serves all three, and nobody has to say which it is.

* Slack, https://docs.slack.dev/messaging/formatting-message-text: `&`, `<` and `>` are escaped.
* Discord, https://docs.discord.com/developers/resources/webhook#execute-webhook: 2,000 characters at most; nobody is mentioned.
* ntfy, https://docs.ntfy.sh/publish/#message-templating: 4,096 bytes at most. One that is too old for templates shows the
  JSON itself.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from syncd.alerts.conditions import HALTED, place_of
from syncd.alerts.decision import Alert, Message
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
    "ledger": ("Nothing is sent: the ledger is in trouble", "The ledger is well again"),
    "push": ("Pushes cannot be received", "Pushes can be received again"),
    "daemon": ("A lane hangs", "No lane hangs any more"),
}


def text_of(message: Message, host: str) -> str:
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
