"""Now: the verdict, what needs a person, what flows. From one reading, and pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from syncd.alerts.decision import LONG, Condition, conditions
from syncd.console.formats import counted, in_words, length
from syncd.console.pages.activity import Line, lines_of
from syncd.console.readings import Reading
from syncd.console.words import trouble_of, type_name, without_resume
from syncd.core.flood_gate import GATE_HELD
from syncd.core.lane_state import BY_HAND, LaneState
from syncd.health.view import OF_CONNECTORS, View, is_by_hand, is_failing, is_halted
from syncd.settings import Settings

MOST_LANES = 25
_TRIES = 8
"""Failures in a row of a lane whose leads nobody can count: as many as its pauses fit into a quarter of an hour."""


class Title(NamedTuple):
    """A title with the name of a source or connector in it, which may be empty."""

    before: str
    name: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """Something that needs a person. `tone`: bad, or wait. `resume`: the name whose resuming is the last step; `gate`: that of a closed gate."""

    tone: str
    label: str
    title: Title
    said: str = ""
    since: float | None = None
    waits: int = 0
    fix: str = ""
    resume: str = ""
    code: str = ""
    gate: str = ""
    held: int = 0


class Total(NamedTuple):
    """One station of the road: a number, its unit, and more about it."""

    title: str
    n: int
    note: str


class Row(NamedTuple):
    """A lane of the table. `paused`: it may be resumed; `tone`: good, wait, bad or still."""

    name: str
    type: str
    tone: str
    stands: str
    until: float | None
    waits: int | None
    done: int
    last: float | None
    paused: bool


@dataclass(frozen=True, slots=True)
class NowPage:
    """Everything that Now shows."""

    verdict: str
    below: str
    cards: Sequence[Card]
    totals: Sequence[Total]
    rows: Sequence[Row]
    more: int
    acts: Sequence[Line]


def now_page(reading: Reading, settings: Settings) -> NowPage:
    """Make the page."""
    cards = list(_cards(reading, settings))
    rows = sorted(_rows(reading, settings), key=lambda it: (_RANK[it.tone], -(it.waits or 0)))
    if len(rows) <= MOST_LANES:
        rows = list(_rows(reading, settings))
    view = reading.view
    return NowPage(
        verdict(cards, view),
        _below(cards, view),
        cards,
        _totals(view),
        rows[:MOST_LANES],
        len(rows[MOST_LANES:]),
        lines_of(reading.acts, ()),
    )


_RANK = {"bad": 0, "wait": 1, "still": 2, "good": 3, "none": 3}


def verdict(cards: Sequence[Card], view: View) -> str:
    """Answer in a sentence if anybody is needed."""
    if cards:
        return "One thing needs you." if len(cards) == 1 else f"{in_words(len(cards))} things need you."
    if not any(view.counts.get("lead", {}).values()):
        return "Nothing has come yet."
    return "All is well. Nothing needs you."


def _below(cards: Sequence[Card], view: View) -> str:
    """Say what flows all the same, and that nothing is lost."""
    pulled = [it.pulled_at for it in view.sources if it.pulled_at is not None]
    last = f"The last pull was {length(view.at - max(pulled))} ago." if pulled else "Nothing was pulled yet."
    waiting = sum_of(view, "delivery", "pending")
    if not cards:
        return f"{last} {counted(waiting, 'delivery is', 'deliveries are')} on the way." if waiting else last
    if waiting:
        return (
            f"None is lost: {counted(waiting, 'delivery waits', 'deliveries wait')} here until they can go."
        )
    return f"No delivery waits. {last}"


def sum_of(view: View, kind: str, state: str) -> int:
    """Sum the rows of a kind and state over all names."""
    return sum(states.get(state, 0) for states in view.counts.get(kind, {}).values())


def _cards(reading: Reading, settings: Settings) -> Iterator[Card]:
    """Everything that needs a person: faults, then gates, then what was set aside."""
    view, found = reading.view, conditions(reading.view, {})
    if reading.engine is None:
        yield NO_ENGINE
    faults = [it for it in found if it.topic.kind != "set_aside" and it.code != GATE_HELD]
    for fault in sorted(faults, key=lambda it: -it.level):
        if _is_ripe(fault, reading):
            yield _card(fault, reading, settings)
    for gate in reading.gates.values():
        if gate.since is not None:
            yield _gate_card(gate.connector, gate.held, gate.since, gate.size, settings)
    if view.set_aside:
        yield _aside_card(view)


NO_ENGINE = Card(
    "bad",
    "No engine",
    Title("Nothing runs on this ledger"),
    said="What you do here waits until it does.",
    fix="start syncd: sudo systemctl start syncd, or syncd where you run it by hand.",
)


def _is_ripe(fault: Condition, reading: Reading) -> bool:
    """True if waiting will not mend it: what is at fault at once, or what has lasted a quarter of an hour."""
    kind, _, name = fault.topic.where.partition(" ")
    if not fault.patience:
        return True
    if fault.topic.kind == "pull":
        source = next((it for it in reading.view.sources if it.name == fault.topic.where), None)
        running = reading.started is not None and reading.at - reading.started > LONG
        return running and (source is None or source.age is None or source.age > source.patience + LONG)
    lane = next((it for it in reading.view.lanes if (it.kind, it.name) == (kind, name)), None)
    if kind == "deliver":
        return reading.view.oldest_pending.get(name, 0.0) > LONG
    return lane is not None and lane.failures >= _TRIES


_LABELS = {
    "pull": "Late", "books": "Books", "credits": "Credits", "disk": "Disk", "backup": "Backup", "ledger": "Ledger",
    "daemon": "Hangs", "push": "Push",
}  # fmt: skip
_TITLES = {
    "pull": Title("", "NAME", " is not being pulled"),
    "books": Title("", "NAME", " may miss leads"),
    "credits": Title("", "NAME", " has few credits left"),
    "disk": Title("The ledger's disk is nearly full"),
    "backup": Title("The daily backup fails"),
    "ledger": Title("The ledger is in trouble"),
}
_OF_LANE = {
    "pull": "pulls of", "export": "exports of", "enrich": "enriching of", "feedback": "feedback of", "push": "push of",
    "deliver": "", "hear": "feedback from",
}  # fmt: skip


def _card(fault: Condition, reading: Reading, settings: Settings) -> Card:
    fix, resumes = without_resume(fault.fix)
    if fault.topic.kind != "lane":
        where, title = fault.topic.where, _TITLES.get(fault.topic.kind, Title(trouble_of(fault.code)))
        named = title._replace(name=where if title.name else "")
        return Card(
            "bad", _LABELS.get(fault.topic.kind, "Trouble"), named, fault.detail, fix=fix, code=fault.code
        )
    kind, _, name = fault.topic.where.partition(" ")
    lane = next(
        (it for it in reading.view.lanes if (it.kind, it.name) == (kind, name)), LaneState(kind, name)
    )
    of_connector = kind in OF_CONNECTORS and name in settings.connectors
    type_ = settings.connectors[name].type if of_connector else ""
    what = " ".join(filter(None, (_OF_LANE.get(kind, kind), type_name(type_) if type_ else "")))
    state = "stands still" if fault.level > 1 else "does not get through"
    title = Title(
        f"{what[:1].upper()}{what[1:]} ".lstrip(), name, f" {state}: {trouble_of(fault.code, type_)}"
    )
    waits = (
        reading.view.counts.get("delivery", {}).get(name, {}).get("pending", 0) if kind == "deliver" else 0
    )
    label = "Halted" if fault.level > 1 else "Failing"
    resume = name if resumes or fault.level > 1 else ""
    return Card("bad", label, title, fault.detail, lane.since or None, waits, fix, resume, fault.code)


def _gate_card(name: str, held: int, since: float, size: int, settings: Settings) -> Card:
    type_ = type_name(settings.connectors[name].type) if name in settings.connectors else ""
    title = Title(f"{counted(held, 'lead is', 'leads are')} held before {type_} ", name)
    said = f"One burst brought more than {size:,}, so the five oldest were sent for you to look at."
    fix = "look at the five. Then let some through, or all of them, or give the rest up."
    return Card("wait", "Gate closed", title, said, since, fix=fix, code=GATE_HELD, gate=name, held=held)


def _aside_card(view: View) -> Card:
    n, reasons = sum(it.n for it in view.set_aside), len({it.code for it in view.set_aside})
    first = max(view.set_aside, key=lambda it: it.n)
    said = f"{first.n:,} of them at {first.where}: {trouble_of(first.code)}. They wait until you retry or drop them."
    title = f"{counted(n, 'lead was', 'leads were')} refused, for {counted(reasons, 'reason')}"
    return Card(
        "wait",
        "Set aside",
        Title(title),
        said,
    )


def _totals(view: View) -> list[Total]:
    oldest = max(view.oldest_pending.values(), default=None)
    leads = sum(n for states in view.counts.get("lead", {}).values() for n in states.values())
    places = len([1 for states in view.counts.get("delivery", {}).values() if states.get("delivered")])
    return [
        Total("Found by CTGO", leads, "leads"),
        Total("Delivered", sum_of(view, "delivery", "delivered"), f"to {counted(places, 'place')}"),
        Total(
            "Waiting",
            sum_of(view, "delivery", "pending"),
            "" if oldest is None else f"oldest {length(oldest)}",
        ),
        Total("Told CTGO", sum_of(view, "export", "delivered"), "exported"),
    ]


def _rows(reading: Reading, settings: Settings) -> Iterator[Row]:
    """Sources, then connectors, in the order of the configuration."""
    view = reading.view
    lanes = {(it.kind, it.name): it for it in view.lanes}
    pulled: Mapping[str, float | None] = {it.name: it.pulled_at for it in view.sources}
    for name in settings.sources:
        stands = _stands(lanes.get(("pull", name)), reading, "Pulls")
        leads = sum(view.counts.get("lead", {}).get(name, {}).values())
        yield Row(name, "CTGO", *stands[:3], None, leads, pulled.get(name), stands[3])
    for name, it in settings.connectors.items():
        counts = view.counts.get("delivery", {}).get(name, {})
        stands = _stands(lanes.get(("deliver", name)), reading, "Flows")
        waits, done = counts.get("pending", 0), counts.get("delivered", 0)
        yield Row(name, type_name(it.type), *stands[:3], waits, done, None, stands[3])


def _stands(lane: LaneState | None, reading: Reading, well: str) -> tuple[str, str, float | None, bool]:
    """Describe how a lane stands: its tone, its words, until when, and if it may be resumed."""
    if reading.engine is None:
        well = "Rests"
    if lane is None:
        return "good" if reading.engine else "none", well, None, False
    if lane.code == GATE_HELD:
        return "wait", "Gate closed", None, False
    if is_halted(lane):
        return "bad", "Halted", None, True
    if is_by_hand(lane) and lane.wait(reading.at) != 0:
        return "still", f"Paused by {lane.by}", lane.until, True
    if is_failing(lane) and lane.code != BY_HAND:
        waits = lane.wait(reading.at)
        return "wait", "Tries again" if waits else "Tries", lane.until if waits else None, False
    return "good" if reading.engine else "none", well, None, False
