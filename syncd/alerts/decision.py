"""The decision which messages a person gets, and when: pure.

The ledger keeps, for each topic, its condition and the last one that was reported. The difference between the two is to be
reported, so there is no queue to overflow: an unsent message stays the difference, and a trouble that came and went
meanwhile is never reported. A restart reads the same two and reports the same.

* A condition is told once it has lasted its patience, and again only if it gets worse; its end is told only if its
  beginning was.
* Changes with one cause (code) are one message. The first is told after `SETTLE`, for what breaks together breaks within
  seconds; those that follow wait until `WINDOW` after that message, and are one again.
* A message counts as told when it was answered. Killed between the answer and the commit, it is told again: twice is better
  than never.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from syncd.alerts.conditions import Condition, Topic

SETTLE = 10.0
WINDOW = 300.0
"""Seconds: see the module."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition that stands, or that the reader believes to stand.

    `since`: when it began, or got worse; `told_at`, `told_level`: what the reader heard, None and 0 if nothing yet; `over_at`:
    when it ended, None while it stands. Wall time.
    """

    topic: Topic
    code: str
    since: float
    detail: str = ""
    fix: str = ""
    level: int = 1
    patience: float = 0.0
    told_at: float | None = None
    told_level: int = 0
    over_at: float | None = None

    @property
    def is_news(self) -> bool:
        """True if the reader does not know its state yet."""
        return self.told_at is not None if self.over_at is not None else self.level > self.told_level

    @property
    def due_at(self) -> float:
        """When it has lasted long enough to be told."""
        return self.since + self.patience + SETTLE if self.over_at is None else self.over_at + SETTLE


Known = Mapping[Topic, Alert]
Group = tuple[str, bool]
"""A code, and whether it is over."""


@dataclass(frozen=True, slots=True)
class Message:
    """Alerts that are told together: all of one code, and all begun or all over."""

    group: Group
    alerts: Sequence[Alert] = field(default_factory=tuple)


def _all_seen(_: Topic) -> bool:
    return False


def noticed(
    known: Known, seen: Iterable[Condition], now: float, unknown: Callable[[Topic], bool] = _all_seen
) -> dict[Topic, Alert]:
    """Return the alerts after a look. `unknown`: topics that the look could not see; they stay as they were."""
    after = {it.topic: _renewed(known.get(it.topic), it, now) for it in seen}
    for topic, alert in known.items():
        if topic in after:
            continue
        if unknown(topic):
            after[topic] = alert
        elif alert.told_at is not None:
            # The earlier, also when the clock was set back since
            after[topic] = replace(alert, over_at=now if alert.over_at is None else min(alert.over_at, now))
    return after


def _renewed(old: Alert | None, seen: Condition, now: float) -> Alert:
    if old is None:
        return Alert(seen.topic, seen.code, now, seen.detail, seen.fix, seen.level, seen.patience)
    worse = seen.level > old.level
    return replace(
        old,
        code=seen.code,
        detail=seen.detail,
        fix=seen.fix,
        level=seen.level,
        patience=seen.patience,
        since=now if worse else min(old.since, now),
        over_at=None,
    )


def due(known: Known, now: float, last: Mapping[Group, float]) -> list[Message]:
    """The messages to send now. `last`: when a message of a group was last sent."""
    groups: dict[Group, list[Alert]] = {}
    for alert in known.values():
        if alert.is_news:
            groups.setdefault((alert.code, alert.over_at is not None), []).append(alert)
    return [
        Message(group, tuple(sorted(ripe, key=lambda it: it.topic)))
        for group, alerts in sorted(groups.items())
        if not 0 <= now - last.get(group, now - WINDOW) < WINDOW
        and (ripe := [alert for alert in alerts if alert.due_at <= now])
    ]


def next_due(known: Known, now: float) -> float | None:
    """Seconds until something that is not ripe yet will be; None when there is nothing like it."""
    waits = [alert.due_at - now for alert in known.values() if alert.is_news and alert.due_at > now]
    return min(waits, default=None)


def reported(known: Known, message: Message, now: float) -> dict[Topic, Alert]:
    """Return the alerts after a message was sent. An alert that changed meanwhile is still to be reported."""
    after = dict(known)
    for alert in message.alerts:
        current = after.get(alert.topic)
        if current is None:
            continue
        if alert.over_at is None:
            after[alert.topic] = replace(current, told_at=now, told_level=alert.level)
        elif current.over_at is not None:
            del after[alert.topic]
        else:  # it came back while the message of its end was under way
            after[alert.topic] = replace(current, told_at=None, told_level=0)
    return after


def levels(known: Known) -> dict[Topic, int]:
    """Return the topics that were reported, each with its last level."""
    return {topic: alert.told_level for topic, alert in known.items() if alert.told_at is not None}
