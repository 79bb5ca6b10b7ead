"""The decision which messages a person gets, and when: pure.

One fault is one condition. A refused key halts a source's pulls and exports alike and makes its pulls stale: that is one
message. A pause that a person made is no news to them. Leads appear in a message only as a number.

The ledger keeps, for each topic, its condition and the last one that was reported. The difference between the two is to be
reported, so there is no queue to overflow: an unsent message stays the difference, and a trouble that came and went
meanwhile is never reported. A restart reads the same two and reports the same.

* A condition is reported once it has lasted its patience, and again only if it gets worse; its end is reported only if its
  beginning was.
* Changes with one cause (code) are one message. The first is sent after `SETTLE`, for what breaks together breaks within
  seconds; those that follow wait until `WINDOW` after that message, and are one again.
* A message counts as sent when it was answered. Killed between the answer and the commit, it is sent again: twice is better
  than never.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from syncd.core.lane_state import LaneState
from syncd.core.reconciliation import trouble
from syncd.health.view import View, is_by_hand, is_failing, is_halted, owner_of, reported_lanes

LONG = 900.0
"""Seconds that a lane fails, or a pull is stale, before it is reported: most outages are over by then."""

MANY = 10
"""Set-aside rows of one place from which on they are news; and again at every tenfold."""

FEW = MANY // 2
"""Below this they are none any more: not at nine, or it would be reported and taken back all day."""

AS_CONFIGURED = frozenset({"per_day_spent", "credits_kept"})
"""Codes of pauses that the configuration asked for: they come every day, and low credits are a condition of their own."""

FAILING, HALTED = 1, 2
"""Levels of a lane: one that rises is reported again."""


class Topic(NamedTuple):
    """The subject of a condition: a kind of trouble, and its place. At most one condition of a topic stands at a time."""

    kind: str
    where: str


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is wrong now. `patience`: seconds it must last before it is reported; `level` rises as it gets worse."""

    topic: Topic
    code: str
    detail: str = ""
    fix: str = ""
    level: int = 1
    patience: float = 0.0


def conditions(view: View, reported: Mapping[Topic, int]) -> list[Condition]:
    """Return everything that is wrong. `reported`: the levels that a person knows of; a trouble that is half mended still stands."""
    found = [
        *_host(view),
        *_lanes(view, reported),
        *_pulls(view),
        *_books(view),
        *_set_aside(view, reported),
        *_credits(view),
    ]
    return sorted(found, key=lambda it: it.topic)


def unknown(view: View, topic: Topic) -> bool:
    """True if the view could not see a topic, so that the absence of a condition proves nothing."""
    return bool(view.broken) and topic.kind not in {"disk", "ledger", "daemon", "push"}


def _host(view: View) -> Iterator[Condition]:
    if view.broken:
        yield Condition(Topic("ledger", ""), "ledger_broken", view.broken, view.fix("ledger_broken"))
    elif view.held:
        yield Condition(Topic("ledger", ""), *view.held, view.fix(view.held[0]))
    if view.wedged:
        yield Condition(Topic("daemon", ""), "wedged", view.wedged, view.fix("wedged"))
    if view.unserved:
        yield Condition(
            Topic("push", ""), "push_unserved", view.unserved, view.fix("push_unserved"), patience=LONG
        )
    if view.disk.is_low:
        detail = f"{view.disk.free >> 20} MiB are free on the ledger's disk."
        yield Condition(Topic("disk", ""), "disk_low", detail, view.fix("disk_low"))
    if view.backup.failure:
        yield Condition(Topic("backup", ""), "backup_failed", view.backup.failure, view.fix("backup_failed"))


def _lanes(view: View, reported: Mapping[Topic, int]) -> Iterator[Condition]:
    for lane in reported_lanes(view.lanes):
        topic = Topic("lane", f"{lane.kind} {lane.name}")
        # A halt was lifted and nothing has gone through since
        on_probation = not is_by_hand(lane) and bool(lane.code) and lane.probing
        half_mended = reported.get(topic) == HALTED and on_probation and _has_work(view, lane)
        if is_halted(lane) or half_mended:
            yield Condition(topic, lane.code, lane.detail, view.fix(lane.code, lane.name), HALTED)
        elif is_failing(lane) and _has_work(view, lane) and lane.code not in AS_CONFIGURED:
            yield Condition(topic, lane.code, lane.detail, view.fix(lane.code, lane.name), FAILING, LONG)


_WORK = {
    "deliver": ("delivery", "pending"),
    "export": ("export", "pending"),
    "enrich": ("lead", "enriching"),
    "feedback": ("feedback", "pending"),
}


def _has_work(view: View, lane: LaneState) -> bool:
    """True if the lane has work: a lane without work cannot show that it is well again."""
    if lane.kind not in _WORK:
        return True
    kind, state = _WORK[lane.kind]
    return bool(view.counts.get(kind, {}).get(lane.name, {}).get(state))


def _pulls(view: View) -> Iterator[Condition]:
    explained = {
        lane.name
        for lane in view.lanes
        if lane.kind == "pull" and (is_halted(lane) or is_failing(lane) or is_by_hand(lane))
    }
    for source in () if view.broken else view.sources:
        if source.name not in explained and (source.age is None or source.is_stale):
            code = "pull_missing" if source.age is None else "pull_stale"
            detail = "" if source.age is None else f"The last clean pull is {source.age / 60:.0f} min ago."
            yield Condition(
                Topic("pull", source.name), code, detail, view.fix(code, source.name), patience=LONG
            )


def _books(view: View) -> Iterator[Condition]:
    for source in () if view.broken else view.sources:
        if found := trouble(source.books):
            yield Condition(Topic("books", source.name), *found, view.fix(found[0], source.name))


def _set_aside(view: View, reported: Mapping[Topic, int]) -> Iterator[Condition]:
    places: dict[str, list[tuple[int, str]]] = {}
    for it in view.set_aside:
        places.setdefault(it.where, []).append((it.n, it.code))
    for where, causes in places.items():
        n, topic = sum(n for n, _ in causes), Topic("set_aside", where)
        if n >= MANY or (n >= FEW and topic in reported):
            code = max(causes)[1]
            detail = f"{n} are set aside, most of them as {code}."
            level = max(1, len(str(n)) - 1)
            yield Condition(topic, "many_set_aside", detail, view.fix("many_set_aside"), level)


def _credits(view: View) -> Iterator[Condition]:
    for source in view.sources:
        if (
            source.credits is not None
            and source.low_credits is not None
            and source.credits <= source.low_credits
        ):
            detail = f"{source.credits} enrichment credits are left."
            yield Condition(Topic("credits", source.name), "credits_low", detail, view.fix("credits_low"))


def place_of(topic: Topic) -> str:
    """Describe the place of a topic; empty for the host."""
    kind, _, name = topic.where.partition(" ")
    if topic.kind == "lane":
        return owner_of(LaneState(kind, name))
    return f"source {topic.where}" if topic.kind in {"pull", "credits", "books"} else topic.where


SETTLE = 10.0
WINDOW = 300.0
"""Seconds: see the module."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition that stands, or that the reader believes to stand.

    `since`: when it began, or got worse; `told_at`, `told_level`: the last message about it, None and 0 if there is none;
    `over_at`: when it ended, None while it stands. Wall time.
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
        """When it has lasted long enough to be reported."""
        return self.since + self.patience + SETTLE if self.over_at is None else self.over_at + SETTLE


Known = Mapping[Topic, Alert]
Group = tuple[str, bool]
"""A code, and whether it is over."""


@dataclass(frozen=True, slots=True)
class Message:
    """Alerts that are reported together: all of one code, and all begun or all over."""

    group: Group
    alerts: Sequence[Alert] = field(default_factory=tuple)


def noticed(
    known: Known, seen: Iterable[Condition], now: float, unknown: Callable[[Topic], bool] = lambda _: False
) -> dict[Topic, Alert]:
    """Return the alerts after an observation. `unknown`: topics that it could not see; they stay as they were."""
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
