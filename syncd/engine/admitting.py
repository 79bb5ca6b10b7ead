"""Who wants a new lead: pure. Each connector's `where` decides, once, when the lead comes in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from syncd.failure import Reject
from syncd.lead import Lead
from syncd.ledger.ingesting import Admission, NewDelivery
from syncd.mapping import Filter, variables
from syncd.settling import Standing, lead_state


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
    uses = frozenset[str]().union(*(taker.where.uses for taker in takers))
    values = variables(lead, names=uses) if uses else {}
    deliveries = tuple(new for taker in takers if (new := _offered(taker, values)))
    standing = Standing(
        required_pending=any(d.required and not d.code for d in deliveries),
        required_rejected=any(d.required and d.code for d in deliveries),
        other_pending=any(not d.required and not d.code for d in deliveries),
        other_rejected=any(not d.required and d.code for d in deliveries),
    )
    return Admission(lead, payload, lead_state(standing, exports=exports), deliveries, marked_elsewhere)


def _offered(taker: Taker, values: Mapping[str, object]) -> NewDelivery | None:
    """The delivery that a connector's `where` asks for. One that cannot be evaluated is a visible no."""
    try:
        return NewDelivery(taker.name, taker.required) if taker.where.accepts(values) else None
    except Reject as why:
        return NewDelivery(taker.name, taker.required, why.code, why.detail)
