"""The conditions of the daemon that are worth a message to a person: pure.

One fault is one condition. A refused key halts a source's pulls and exports alike and makes its pulls stale: that is one
message. A pause that a person made is no news to them. Leads appear in a message only as a number.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from syncd.core.lane_state import LaneState
from syncd.core.reconciliation import trouble
from syncd.health.view import SourceView, View, is_by_hand, is_failing, is_halted, owner_of, reported_lanes

LONG = 900.0
"""Seconds that a lane fails, or a pull is stale, before a person hears of it: most outages are over by then."""

MANY = 10
"""Set-aside rows of one place from which on they are news; and again at every tenfold."""

FEW = MANY // 2
"""Below this they are none any more: not at nine, or it would be said and taken back all day."""

AS_CONFIGURED = frozenset({"per_day_spent", "credits_kept"})
"""Codes of pauses that the configuration asked for: they come every day, and few credits are told as such."""

FAILING, HALTED = 1, 2
"""Levels of a lane: one that rises is told again."""


class Topic(NamedTuple):
    """The subject of a condition: a kind of trouble, and its place. At most one condition of a topic stands at a time."""

    kind: str
    where: str


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is wrong now. `patience`: seconds it must last before it is told; `level` rises as it gets worse."""

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


def _lanes(view: View, reported: Mapping[Topic, int]) -> Iterator[Condition]:
    for lane in reported_lanes(view.lanes):
        topic = Topic("lane", f"{lane.kind} {lane.name}")
        half_mended = reported.get(topic) == HALTED and _on_probation(lane) and _has_work(view, lane)
        if is_halted(lane) or half_mended:
            yield Condition(topic, lane.code, lane.detail, view.fix(lane.code, lane.name), HALTED)
        elif is_failing(lane) and _has_work(view, lane) and lane.code not in AS_CONFIGURED:
            yield Condition(topic, lane.code, lane.detail, view.fix(lane.code, lane.name), FAILING, LONG)


def _on_probation(lane: LaneState) -> bool:
    """True if a halt was lifted and nothing has gone through since: not mended yet."""
    return not is_by_hand(lane) and bool(lane.code) and lane.probing


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
        if source.name not in explained and _is_late(source):
            code = "pull_missing" if source.age is None else "pull_stale"
            detail = "" if source.age is None else f"The last clean pull is {source.age / 60:.0f} min ago."
            yield Condition(
                Topic("pull", source.name), code, detail, view.fix(code, source.name), patience=LONG
            )


def _books(view: View) -> Iterator[Condition]:
    for source in () if view.broken else view.sources:
        if found := trouble(source.books):
            yield Condition(Topic("books", source.name), *found, view.fix(found[0], source.name))


def _is_late(source: SourceView) -> bool:
    return source.age is None or source.is_stale


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
