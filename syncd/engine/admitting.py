"""Who wants a new lead: pure. Each connector's `where` decides, once, when the lead comes in."""

from collections.abc import Sequence
from dataclasses import dataclass

from syncd.failure import Reject
from syncd.lead import Lead
from syncd.ledger.ingesting import Admission, NewDelivery
from syncd.mapping import Filter, variables
from syncd.settling import LeadState, Standing, lead_state


@dataclass(frozen=True, slots=True)
class Taker:
    """A connector as admission sees it."""

    name: str
    required: bool
    where: Filter


def admit(
    lead: Lead,
    payload: str,
    takers: Sequence[Taker],
    *,
    exports: bool,
    take_exported: bool,
    exported_here: bool,
) -> Admission:
    """Decide about a lead, should it be new.

    A lead that somebody else marked as exported is *elsewhere*: theirs, not ours. `exported_here` says that the mark
    is this ledger's own, set through another row of the same id, so this row is still owed to the connectors;
    `take_exported` (start = "all") that the user wants them whoever marked them.
    """
    marked_elsewhere = lead.exported_at is not None and not exported_here
    if marked_elsewhere and not take_exported:
        return Admission(lead, payload, "elsewhere")
    values = variables(lead, names=frozenset[str]().union(*(taker.where.uses for taker in takers)))
    deliveries = []
    for taker in takers:
        try:
            if taker.where.accepts(values):
                deliveries.append(NewDelivery(taker.name, taker.required))
        except Reject as why:
            deliveries.append(NewDelivery(taker.name, taker.required, why.code, why.detail))
    return Admission(lead, payload, _state(deliveries, exports=exports), deliveries, marked_elsewhere)


def _state(deliveries: Sequence[NewDelivery], *, exports: bool) -> LeadState:
    def n(*, required: bool, rejected: bool) -> int:
        return sum(d.required is required and bool(d.code) is rejected for d in deliveries)

    standing = Standing(
        required_pending=n(required=True, rejected=False),
        required_rejected=n(required=True, rejected=True),
        other_pending=n(required=False, rejected=False),
        other_rejected=n(required=False, rejected=True),
    )
    return lead_state(standing, exports=exports)
