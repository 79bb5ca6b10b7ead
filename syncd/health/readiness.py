"""The readiness of the daemon, and the reasons why it is not ready: pure.

Not ready: a lane hangs; the ledger cannot be read, or nothing is sent because of it; a source was never pulled, or not
lately, or CTGO did not answer it twice in a row; CTGO counts leads that no sweep finds; a lane is halted. What a person paused is as they want it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from syncd.core.lane_state import LaneState
from syncd.core.reconciliation import trouble
from syncd.health.view import (
    OF_CONNECTORS,
    TRIES,
    SourceView,
    View,
    is_by_hand,
    is_failing,
    is_halted,
    reported_lanes,
)

_OWNERS = {
    "pull": "source {}",
    "export": "source {} (exports)",
    "enrich": "source {} (enriching)",
    "push": "source {} (push)",
    "feedback": "source {} (feedback)",
    "deliver": "connector {}",
    "hear": "connector {} (feedback)",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is wrong. `about`: what, in words; `fix`: what to do, empty when nobody says."""

    about: str
    code: str
    detail: str
    fix: str = ""


def owner_of(lane: LaneState) -> str:
    """A lane in words: `source main`, `source main (exports)`, `connector crm`."""
    return _OWNERS.get(lane.kind, lane.kind + " {}").format(lane.name)


def reasons(view: View, source: str = "") -> list[Reason]:
    """Everything that is wrong, worst first; of one source only if named: its pulls, its lanes, and what all share."""
    found = list(_shared(view))
    for one in () if view.broken else view.sources:
        if source in {"", one.name}:
            found += _of_source(one, view)
    for lane in reported_lanes(view.lanes):
        mine = source in {"", lane.name} if lane.kind not in OF_CONNECTORS else not source
        if mine and is_halted(lane):
            found.append(Reason(owner_of(lane), lane.code, lane.detail, view.fix(lane.code, lane.name)))
    return list(dict.fromkeys(found))


def _shared(view: View) -> Iterator[Reason]:
    if view.wedged:
        yield Reason("daemon", "wedged", view.wedged, view.fix("wedged"))
    if view.broken:
        yield Reason("ledger", "ledger_broken", view.broken, view.fix("ledger_broken"))
    elif view.held:
        yield Reason("ledger", *view.held, view.fix(view.held[0]))


def _of_source(source: SourceView, view: View) -> Iterator[Reason]:
    pull = next((lane for lane in view.lanes if (lane.kind, lane.name) == ("pull", source.name)), None)
    about = f"source {source.name}"
    if pull is not None and (is_by_hand(pull) or is_halted(pull)):
        return
    if pull is not None and is_failing(pull) and pull.failures >= TRIES:
        yield Reason(about, pull.code, pull.detail, view.fix(pull.code, source.name))
    elif source.age is None:
        yield Reason(about, "pull_missing", "It was not pulled yet.", view.fix("pull_missing"))
    elif source.is_stale:
        detail = f"Its last clean pull is {source.age:.0f} s ago, and {source.patience:.0f} s are allowed."
        yield Reason(about, "pull_stale", detail, view.fix("pull_stale", source.name))
    if found := trouble(source.books):
        yield Reason(about, *found, view.fix(found[0], source.name))
