"""Who wants a new lead: pure. Each connector's `where` decides, once, when the lead comes in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

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


@dataclass(frozen=True)
class Takers:
    """A source's connectors. Without any `where` the answer is the same for every lead, and is worked out once."""

    each: Sequence[Taker]
    exports: bool

    @cached_property
    def names(self) -> Sequence[str]:
        """Of the connectors."""
        return tuple(taker.name for taker in self.each)

    @cached_property
    def uses(self) -> frozenset[str]:
        """The variables that their conditions need."""
        return frozenset[str]().union(*(taker.where.uses for taker in self.each))

    @cached_property
    def unconditional(self) -> bool:
        """Whether they take every lead."""
        return all(taker.where.accepts_all for taker in self.each)

    @cached_property
    def usual(self) -> Sequence[NewDelivery]:
        """A delivery to each."""
        return tuple(NewDelivery(taker.name, taker.required) for taker in self.each)

    @cached_property
    def usual_state(self) -> LeadState:
        """The state of a lead that all of them take."""
        return _state(self.usual, exports=self.exports)


def admit(lead: Lead, payload: str, takers: Takers, *, take_exported: bool, exported_here: bool) -> Admission:
    """Decide about a lead, should it be new.

    A lead that somebody else marked as exported is *elsewhere*: theirs, not ours. `exported_here` says that the mark
    is this ledger's own, set through another row of the same id, so this row is still owed to the connectors;
    `take_exported` (start = "all") that the user wants them whoever marked them.
    """
    marked_elsewhere = lead.exported_at is not None and not exported_here
    if marked_elsewhere and not take_exported:
        return Admission(lead, payload, "elsewhere")
    if takers.unconditional:
        return Admission(lead, payload, takers.usual_state, takers.usual, marked_elsewhere)
    values = variables(lead, names=takers.uses)
    deliveries = tuple(new for taker in takers.each if (new := _offered(taker, values)))
    return Admission(lead, payload, _state(deliveries, exports=takers.exports), deliveries, marked_elsewhere)


def _offered(taker: Taker, values: Mapping[str, object]) -> NewDelivery | None:
    """The delivery that a connector's `where` asks for. One that cannot be evaluated is a visible no."""
    try:
        return NewDelivery(taker.name, taker.required) if taker.where.accepts(values) else None
    except Reject as why:
        return NewDelivery(taker.name, taker.required, why.code, why.detail)


def _state(deliveries: Sequence[NewDelivery], *, exports: bool) -> LeadState:
    standing = Standing(
        required_pending=any(d.required and not d.code for d in deliveries),
        required_rejected=any(d.required and d.code for d in deliveries),
        other_pending=any(not d.required and not d.code for d in deliveries),
        other_rejected=any(not d.required and d.code for d in deliveries),
    )
    return lead_state(standing, exports=exports)
