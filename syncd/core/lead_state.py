"""The state of a lead: a pure function of its deliveries.

A lead's required connectors are fixed when its deliveries are made. All of them must have the lead before it is
exported; if none is required, one delivery is enough. Dropping a connector takes it out of the required set.
"""

from typing import Literal, NamedTuple

LeadState = Literal[
    "enriching", "delivering", "rejected", "exporting", "quarantined",
    "exported", "unexported", "elsewhere", "unwanted", "gone", "dropped", "forgotten",
]  # fmt: skip

UNSETTLED: tuple[LeadState, ...] = ("enriching", "delivering", "rejected", "exporting", "quarantined")
"""States that still need somebody or something."""

STANDING: tuple[LeadState, ...] = tuple(state for state in UNSETTLED if state != "delivering")
"""Unsettled, and not on its way to a connector. Nearly every lead is on its way first; few ever stand still."""

HOLDS_EXPORT: tuple[LeadState, ...] = ("enriching", "delivering", "rejected", "quarantined")
"""A row in one of these states holds the export of its id, whatever state the id's other rows are in."""


class DeliveryStates(NamedTuple):
    """The states of a lead's deliveries, with required ones apart from best-effort ones."""

    required_pending: bool = False
    required_rejected: bool = False
    required_delivered: bool = False
    other_pending: bool = False
    other_rejected: bool = False
    other_delivered: bool = False
    dropped: bool = False


def lead_state(states: DeliveryStates, *, exports: bool) -> LeadState:
    """Return the state of a lead from those of its deliveries. `exports`: its source exports at all."""
    if states.required_pending:
        return "delivering"
    if states.required_rejected:
        return "rejected"
    if states.required_delivered or states.other_delivered:
        return "exporting" if exports else "unexported"
    if states.other_pending:
        return "delivering"
    if states.other_rejected:
        return "rejected"
    return "dropped" if states.dropped else "unwanted"
