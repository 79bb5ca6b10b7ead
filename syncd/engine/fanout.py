"""The connectors that get a new lead: pure. Each connector's `where` decides, once, when the lead comes in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from syncd.core.failure import Reject
from syncd.core.lead import Lead
from syncd.core.lead_state import LeadState, Standing, lead_state
from syncd.engine.enrich.eligibility import Enriching, hangs_on, is_worth_it, may_be_wanted
from syncd.engine.names import Names, names_in
from syncd.ledger.deliveries.flood_gate import UNASKED
from syncd.ledger.leads.ingest import NAME_UNKNOWN, WAITS_FOR_ANSWER, WAITS_FOR_NAME, Admission, NewDelivery
from syncd.mapping import Filter, Labels, variables

_NO_LABELS = Labels()


class Recipient(NamedTuple):
    """A connector as admission sees it."""

    name: str
    required: bool
    where: Filter


@dataclass(frozen=True)
class Recipients:
    """A source's connectors. Without any `where` the answer is the same for every lead, and is worked out once."""

    each: Sequence[Recipient]
    exports: bool
    called: Names | None = None
    enriching: Enriching | None = None

    @cached_property
    def names(self) -> Sequence[str]:
        """Of the connectors."""
        return tuple(taker.name for taker in self.each)

    @cached_property
    def uses(self) -> frozenset[str]:
        """The variables that their conditions need."""
        mine = self.enriching.uses if self.enriching else frozenset[str]()
        return mine.union(*(taker.where.uses for taker in self.each))

    @property
    def labels(self) -> Labels:
        """The names that are known."""
        return self.called.labels if self.called else _NO_LABELS

    def wait_for_names(self, leads: Sequence[tuple[Lead, str]]) -> bool:
        """True if a page waits for moments, until names that decide about a lead on it have come."""
        names = self.called
        if names is None or names.due() is None or not names_in(self.uses):
            return False
        return any(names.unknown(lead, self.uses) for lead, _ in leads) and names.coming()

    @cached_property
    def unconditional(self) -> bool:
        """True if they take every lead as it is."""
        return self.enriching is None and all(taker.where.accepts_all for taker in self.each)

    @cached_property
    def usual(self) -> Sequence[NewDelivery]:
        """A delivery to each."""
        return tuple(NewDelivery(taker.name, taker.required) for taker in self.each)

    @cached_property
    def usual_state(self) -> LeadState:
        """The state of a lead that all of them take."""
        return _state(self.usual, exports=self.exports)


def admit(
    lead: Lead, payload: str, takers: Recipients, *, take_exported: bool, exported_here: bool
) -> Admission:
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
    values = variables(lead, takers.labels, names=takers.uses)
    if takers.enriching and is_to_enrich(lead, takers, takers.enriching, values):
        return Admission(lead, payload, "enriching", (), marked_elsewhere)
    state, deliveries = decide(lead, takers, values)
    return Admission(lead, payload, state, deliveries, marked_elsewhere)


def decide(
    lead: Lead, takers: Recipients, values: Mapping[str, object], unasked: Sequence[str] = ()
) -> tuple[LeadState, Sequence[NewDelivery]]:
    """The deliveries of a lead, and the state that it is in with them. `values`: of all that `takers.uses`.

    `unasked`: outputs that CTGO is still to be asked for. A connector whose `where` hangs on one waits for the answer.
    """
    deliveries = tuple(
        new for taker in takers.each if (new := _offered(taker, values, lead, takers.called, unasked))
    )
    return _state(deliveries, exports=takers.exports), deliveries


def is_to_enrich(lead: Lead, takers: Recipients, enriching: Enriching, values: Mapping[str, object]) -> bool:
    """True if credits may be worth spending on a lead: see `syncd.engine.enrich.eligibility`."""

    def is_open(where: Filter) -> bool:
        return takers.called is not None and takers.called.unknown(lead, where.uses) is not None

    return (
        bool(enriching.missing(values))
        and may_be_wanted(takers.each, values, is_open)
        and (is_open(enriching.where) or is_worth_it(enriching, values))
    )


def _offered(
    taker: Recipient, values: Mapping[str, object], lead: Lead, names: Names | None, unasked: Sequence[str]
) -> NewDelivery | None:
    """The delivery that a connector's `where` asks for. One that cannot be evaluated is a visible no."""

    def is_open(where: Filter) -> bool:
        return names is not None and names.unknown(lead, where.uses) is not None

    if unasked and hangs_on(taker.where, values, unasked, is_open):
        return NewDelivery(taker.name, taker.required, UNASKED, WAITS_FOR_ANSWER)
    if names and names.unknown(lead, taker.where.uses):
        return NewDelivery(taker.name, taker.required, NAME_UNKNOWN, WAITS_FOR_NAME)
    try:
        return NewDelivery(taker.name, taker.required) if taker.where.accepts(values) else None
    except Reject as why:
        return NewDelivery(taker.name, taker.required, why.code, why.detail)


def _state(deliveries: Sequence[NewDelivery], *, exports: bool) -> LeadState:
    states = {(d.required, d.state) for d in deliveries}
    standing = Standing(
        required_pending=(True, "pending") in states,
        required_rejected=(True, "rejected") in states,
        other_pending=(False, "pending") in states,
        other_rejected=(False, "rejected") in states,
    )
    return lead_state(standing, exports=exports)
