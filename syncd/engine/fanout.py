"""The connectors that get a new lead, and whether credits are worth spending on it first: pure.

Each connector's `where` decides, once, when the lead comes in. A lead is enriched when an output of the configuration is
missing on it, when `enrich.where` says yes, and when some connector may want it. A connector whose `where` needs what
enriching finds may: it is judged when enriching is over. All others are judged before, on the lead as it is listed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from syncd.core.enrichment import FRESH, HOUR, CreditBalance
from syncd.core.failure import Reject
from syncd.core.lead import Lead
from syncd.core.lead_state import DeliveryStates, LeadState, lead_state
from syncd.engine.names import Names, names_in
from syncd.ledger.deliveries.flood_gate import UNASKED
from syncd.ledger.leads.ingest import (
    NAME_UNKNOWN,
    NO_ANSWER,
    NOT_ENRICHED,
    WAITS_FOR_ANSWER,
    WAITS_FOR_NAME,
    Admission,
    NewDelivery,
)
from syncd.mapping import Filter, Labels, variables

GIVES = {
    "email": frozenset({"email", "email_status", "email_domain"}),
    "linkedin_url": frozenset({"linkedin_url"}),
}
"""By output, the variables that an answer may give a value."""
FOUND_OUT = frozenset[str]().union(*GIVES.values())
"""The variables that enriching may give a value."""


@dataclass(frozen=True)
class Enriching:
    """A source's `enrich` table, compiled. `outputs` are names of variables too."""

    outputs: Sequence[str]
    email_mode: str
    where: Filter
    per_day: int
    keep_credits: int
    when_exhausted: Literal["deliver", "hold"]

    @cached_property
    def uses(self) -> frozenset[str]:
        """The variables that deciding about a lead needs, besides those of the connectors."""
        return self.where.uses.union(self.outputs)

    def missing(self, values: Mapping[str, object]) -> tuple[str, ...]:
        """The outputs that the lead has no value for."""
        return tuple(output for output in self.outputs if values[output] is None)

    def must_know(self, team_credits: CreditBalance, now: float) -> bool:
        """True if the balance must be asked for first: often where some is to be kept, for others of the team spend too."""
        lasts = FRESH if self.keep_credits else HOUR
        return team_credits.balance is None or not 0 <= now - team_credits.reported_at < lasts


IsOpen = Callable[[Filter], bool]
"""Tells if a condition cannot be judged yet."""


def _verdict(where: Filter, values: Mapping[str, object]) -> bool | None:
    """Return the answer of a condition; None if it cannot be evaluated."""
    try:
        return where.accepts(values)
    except Reject:
        return None


def may_be_wanted(wheres: Iterable[Filter], values: Mapping[str, object], is_open: IsOpen) -> bool:
    """True if some connector wants the lead, or may once enriching is over."""
    return any(
        # A part that cannot be evaluated sets the lead aside: no reason to spend anything
        all(
            not part.uses.isdisjoint(FOUND_OUT) or is_open(part) or _verdict(part, values)
            for part in where.parts
        )
        for where in wheres
    )


def hangs_on(where: Filter, values: Mapping[str, object], unasked: Sequence[str], is_open: IsOpen) -> bool:
    """True if these outputs decide a `where`: it does not say yes without them, and nothing else says no."""
    needs = frozenset[str]().union(*(GIVES[output] for output in unasked))
    hangs = False
    for part in where.parts:
        needing = not part.uses.isdisjoint(needs)
        if is_open(part):
            hangs = hangs or needing
        elif not _verdict(part, values):
            if not needing:
                return False
            hangs = True
    return hangs


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
    names: Names | None = None
    enriching: Enriching | None = None

    @cached_property
    def connectors(self) -> Sequence[str]:
        """The names of the connectors."""
        return tuple(recipient.name for recipient in self.each)

    @cached_property
    def uses(self) -> frozenset[str]:
        """The variables that their conditions need."""
        mine = self.enriching.uses if self.enriching else frozenset[str]()
        return mine.union(*(recipient.where.uses for recipient in self.each))

    @property
    def labels(self) -> Labels:
        """The names that are known."""
        return self.names.labels if self.names else _NO_LABELS

    def is_open_for(self, lead: Lead) -> IsOpen:
        """Return the test if a condition needs a name of this lead that is not known yet."""
        names = self.names
        return lambda where: names is not None and names.unknown(lead, where.uses) is not None

    def wait_for_names(self, leads: Sequence[tuple[Lead, str]]) -> bool:
        """True if a page waits for moments, until names that decide about a lead on it have come."""
        names = self.names
        if names is None or names.due() is None or not names_in(self.uses):
            return False
        return any(names.unknown(lead, self.uses) for lead, _ in leads) and names.coming()

    @cached_property
    def unconditional(self) -> bool:
        """True if they take every lead as it is."""
        return self.enriching is None and all(recipient.where.accepts_all for recipient in self.each)

    @cached_property
    def usual(self) -> Sequence[NewDelivery]:
        """A delivery to each."""
        return tuple(NewDelivery(recipient.name, recipient.required) for recipient in self.each)

    @cached_property
    def usual_state(self) -> LeadState:
        """The state of a lead that all of them take."""
        return _state(self.usual, exports=self.exports)


def admit(
    lead: Lead, payload: str, recipients: Recipients, *, take_exported: bool, exported_here: bool
) -> Admission:
    """Decide about a lead, should it be new.

    A lead that somebody else marked as exported is *elsewhere*: theirs, not ours. `exported_here` says that the mark
    is this ledger's own, set through another row of the same id, so this row is still owed to the connectors;
    `take_exported` (start = "all") that the user wants them whoever marked them.
    """
    marked_elsewhere = lead.exported_at is not None and not exported_here
    if marked_elsewhere and not take_exported:
        return Admission(lead, payload, "elsewhere")
    if recipients.unconditional:
        return Admission(lead, payload, recipients.usual_state, recipients.usual, marked_elsewhere)
    values = variables(lead, recipients.labels, names=recipients.uses)
    if recipients.enriching and is_to_enrich(lead, recipients, recipients.enriching, values):
        return Admission(lead, payload, "enriching", (), marked_elsewhere)
    state, deliveries = decide(lead, recipients, values)
    return Admission(lead, payload, state, deliveries, marked_elsewhere)


def decide(
    lead: Lead,
    recipients: Recipients,
    values: Mapping[str, object],
    unasked: Sequence[str] = (),
    failed: str = "",
) -> tuple[LeadState, Sequence[NewDelivery]]:
    """Decide the deliveries of a lead, and the state that it is in with them. `values`: of all that `recipients.uses`.

    `unasked`: outputs that CTGO is still to be asked for. A connector whose `where` hangs on one waits for the answer; if
    `failed` says why there will be none, its delivery is set aside.
    """
    is_open = recipients.is_open_for(lead)
    deliveries = tuple(
        new for recipient in recipients.each if (new := _offered(recipient, values, is_open, unasked, failed))
    )
    return _state(deliveries, exports=recipients.exports), deliveries


def is_to_enrich(
    lead: Lead, recipients: Recipients, enriching: Enriching, values: Mapping[str, object]
) -> bool:
    """True if credits may be worth spending on a lead: see the module. The lane evaluates `enrich.where` again, visibly."""
    is_open = recipients.is_open_for(lead)
    return (
        bool(enriching.missing(values))
        and may_be_wanted((it.where for it in recipients.each), values, is_open)
        and (is_open(enriching.where) or _verdict(enriching.where, values) is not False)
    )


def _offered(
    recipient: Recipient, values: Mapping[str, object], is_open: IsOpen, unasked: Sequence[str], failed: str
) -> NewDelivery | None:
    """The delivery that a connector's `where` asks for. One that cannot be evaluated is a visible no."""
    code = detail = ""
    if unasked and hangs_on(recipient.where, values, unasked, is_open):
        code, detail = (NOT_ENRICHED, NO_ANSWER.format(failed)) if failed else (UNASKED, WAITS_FOR_ANSWER)
    elif is_open(recipient.where):
        code, detail = NAME_UNKNOWN, WAITS_FOR_NAME
    else:
        try:
            if not recipient.where.accepts(values):
                return None
        except Reject as why:
            code, detail = why.code, why.detail
    return NewDelivery(recipient.name, recipient.required, code, detail)


def _state(deliveries: Sequence[NewDelivery], *, exports: bool) -> LeadState:
    states = {(d.required, d.state) for d in deliveries}
    standing = DeliveryStates(
        required_pending=(True, "pending") in states,
        required_rejected=(True, "rejected") in states,
        other_pending=(False, "pending") in states,
        other_rejected=(False, "rejected") in states,
    )
    return lead_state(standing, exports=exports)
