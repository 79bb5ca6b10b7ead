"""The decision if credits are worth spending on a lead, before one is spent: pure.

A lead is enriched when an output of the configuration is missing on it, when `enrich.where` says yes, and when somebody
may want it. A connector whose `where` needs what enriching finds may: it is judged when enriching is over. All others
are judged before, on the lead as it is listed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

from syncd.core.enrichment import FRESH, HOUR, CreditBalance, hindrance
from syncd.core.failure import Pause, Reject
from syncd.mapping import Filter

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

    def hindrance(
        self, team_credits: CreditBalance, outputs: int, asked_today: int, now: float
    ) -> Pause | None:
        """Return the reason why nothing may be asked now: see `syncd.core.enrichment`."""
        return hindrance(
            team_credits,
            outputs,
            asked_today=asked_today,
            per_day=self.per_day,
            keep_credits=self.keep_credits,
            now=now,
        )

    def must_know(self, team_credits: CreditBalance, now: float) -> bool:
        """True if the balance must be asked for first: often where some is to be kept, for others of the team spend too."""
        lasts = FRESH if self.keep_credits else HOUR
        return team_credits.balance is None or not 0 <= now - team_credits.told_at < lasts


class HasWhere(Protocol):
    """A connector as far as it matters here."""

    @property
    def where(self) -> Filter: ...  # noqa: D102


def may_be_wanted(
    takers: Sequence[HasWhere], values: Mapping[str, object], is_open: Callable[[Filter], bool]
) -> bool:
    """True if some connector wants the lead, or may once enriching is over. `is_open`: it cannot be judged yet."""
    return any(all(_may_want(part, values, is_open) for part in taker.where.parts) for taker in takers)


def _may_want(where: Filter, values: Mapping[str, object], is_open: Callable[[Filter], bool]) -> bool:
    if not where.uses.isdisjoint(FOUND_OUT) or is_open(where):
        return True
    try:
        return where.accepts(values)
    except Reject:  # it would be set aside: no reason to spend anything
        return False


def hangs_on(
    where: Filter,
    values: Mapping[str, object],
    unasked: Sequence[str],
    is_open: Callable[[Filter], bool],
) -> bool:
    """True if these outputs decide a `where`: it does not say yes without them, and nothing else says no.

    `is_open`: a condition cannot be judged yet for another reason.
    """
    needs = frozenset[str]().union(*(GIVES[output] for output in unasked))
    hangs = False
    for part in where.parts:
        needing = not part.uses.isdisjoint(needs)
        if is_open(part):
            hangs = hangs or needing
        elif not _accepts(part, values):
            if not needing:
                return False
            hangs = True
    return hangs


def _accepts(where: Filter, values: Mapping[str, object]) -> bool:
    try:
        return where.accepts(values)
    except Reject:
        return False


def is_worth_it(enriching: Enriching, values: Mapping[str, object]) -> bool:
    """True if `enrich.where` says yes, or cannot be evaluated: the lane evaluates it again, visibly."""
    try:
        return enriching.where.accepts(values)
    except Reject:
        return True
