"""When a lead is done: a pure function of its deliveries.

A lead's required connectors were fixed when its deliveries were made. All of them must have it before anything is
exported; if none was required, one delivered is enough. Dropping a connector takes it out of the required set.
"""

from dataclasses import dataclass
from typing import Literal

LeadState = Literal[
    "enriching", "delivering", "rejected", "exporting", "quarantined",
    "exported", "unexported", "elsewhere", "unwanted", "gone", "dropped", "forgotten",
]  # fmt: skip

UNSETTLED: tuple[LeadState, ...] = ("enriching", "delivering", "rejected", "exporting", "quarantined")
"""States that still need somebody or something."""

HOLDS_EXPORT: tuple[LeadState, ...] = ("enriching", "delivering", "rejected", "quarantined")
"""A row in one of these holds the export of its id, whatever became of the id's other rows."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How many of a lead's deliveries are in which state, required ones apart from best-effort ones."""

    required_pending: int = 0
    required_rejected: int = 0
    required_delivered: int = 0
    other_pending: int = 0
    other_rejected: int = 0
    other_delivered: int = 0
    dropped: int = 0


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
