"""When a lead is done: a pure function of its deliveries.

A lead's required connectors were fixed when its deliveries were made. All of them must have it before anything is
exported; if none was required, one delivered is enough. Dropping a connector takes it out of the required set.
"""

from typing import Literal, NamedTuple

LeadState = Literal[
    "enriching", "delivering", "rejected", "exporting", "quarantined",
    "exported", "unexported", "elsewhere", "unwanted", "gone", "dropped", "forgotten",
]  # fmt: skip

UNSETTLED: tuple[LeadState, ...] = ("enriching", "delivering", "rejected", "exporting", "quarantined")
"""States that still need somebody or something."""

STANDING: tuple[LeadState, ...] = tuple(state for state in UNSETTLED if state != "delivering")
"""Unsettled, and not on its way to a connector: nearly every lead is on its way first, and few ever stand."""

HOLDS_EXPORT: tuple[LeadState, ...] = ("enriching", "delivering", "rejected", "quarantined")
"""A row in one of these holds the export of its id, whatever became of the id's other rows."""


class Standing(NamedTuple):
    """Which states a lead's deliveries are in, required ones apart from best-effort ones."""

    required_pending: bool = False
    required_rejected: bool = False
    required_delivered: bool = False
    other_pending: bool = False
    other_rejected: bool = False
    other_delivered: bool = False
    dropped: bool = False


def lead_state(standing: Standing, *, exports: bool) -> LeadState:
    """The state a lead is in once its deliveries stand so. `exports`: whether its source exports at all."""
    if standing.required_pending:
        return "delivering"
    if standing.required_rejected:
        return "rejected"
    if standing.required_delivered or standing.other_delivered:
        return "exporting" if exports else "unexported"
    if standing.other_pending:
        return "delivering"
    if standing.other_rejected:
        return "rejected"
    return "dropped" if standing.dropped else "unwanted"
