"""The part of a reading that a viewer sees: numbers, states, codes and times. A text of a remote may name somebody. Pure.

A page gets its reading from here, so that no template has to think of it.
"""

from dataclasses import replace

from syncd.console.access import Role
from syncd.console.readings import Act, Reading
from syncd.core.lane_state import LaneState

KINDS = {"gate_held"}
"""Codes whose detail syncd itself wrote, from numbers alone."""


def for_role(reading: Reading, role: Role) -> Reading:
    """Return the reading as somebody of this role may see it."""
    if role == "operator":
        return reading
    view = replace(reading.view, lanes=[lane_for_viewer(lane) for lane in reading.view.lanes])
    return replace(reading, view=view, acts=[act_for_viewer(act) for act in reading.acts])


def lane_for_viewer(lane: LaneState) -> LaneState:
    """Return a lane without what a remote or a person wrote about it."""
    return lane if lane.code in KINDS else lane._replace(detail="")


def act_for_viewer(act: Act) -> Act:
    """Return an act without its detail, which may hold a reason in a person's words."""
    return act._replace(detail="")
