"""The passes over a source's listing: one under way, one put off, and those asked for."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from syncd.core.failure import Halt
from syncd.core.lead import Lead, Malformed
from syncd.engine.pull.pass_plan import Plan
from syncd.engine.pull.walk import Walk

LIVE, RECONCILE, CHECK = "live", "reconcile", "check"


class Batch(NamedTuple):
    """A page's rows, read; kept until they are in the ledger."""

    leads: Sequence[tuple[Lead, str]]
    malformed: Sequence[Malformed]
    last: bool


@dataclass(slots=True)
class Pass:
    """A pass under way: which listings are left, and what it has seen."""

    plan: Plan
    listings: deque[int]
    walk: Walk
    server_date: float | None = None
    newest: float | None = None
    new: int = 0
    requests: int = 0
    batch: Batch | None = None
    calm: bool = True
    """True while every finished listing ended with a calm round."""
    total: int | None = 0
    """Rows that the listings which are done count; None: one of them does not say."""
    unmet: int = 0
    """Of these, the rows that they did not list."""
    retrying: bool = False
    """True if this pass tries the listing of all campaigns again."""
    refused: Halt | None = None
    """The refusal of a campaign that was passed over."""
    answered: bool = False
    """True once a listing answered."""


@dataclass(slots=True)
class Passes:
    """Live first: a live pass puts off another one between two of its pages. Asked for twice, each is made once."""

    begin: Callable[[Plan], Pass]
    asked: dict[object, Callable[[], Plan]] = field(default_factory=dict)
    current: Pass | None = None
    put_off: Pass | None = None

    def turn(self) -> Pass | None:
        """The pass to go on with."""
        if self.current is None or (self.current.plan.kind != LIVE and self.current.batch is None):
            if LIVE in self.asked:
                # Made before anything is put off: it may fail
                live = self.begin(self.asked[LIVE]())
                del self.asked[LIVE]
                self.put_off, self.current = self.current or self.put_off, live
            elif self.current is None:
                self._take_next()
        return self.current

    def _take_next(self) -> None:
        if self.put_off is not None:
            self.current, self.put_off = self.put_off, None
        elif self.asked:
            key = RECONCILE if RECONCILE in self.asked else list(self.asked)[0]  # noqa: RUF015 - others ask meanwhile
            self.current = self.begin(self.asked[key]())
            del self.asked[key]

    def knows(self, plan: Plan) -> bool:
        """Tell if a pass with this plan, or for this window of the ledger, is under way or put off."""
        under_way = [it.plan for it in (self.current, self.put_off) if it is not None]
        return plan in under_way or (
            plan.window is not None and plan.window in {other.window for other in under_way}
        )

    def restart(self, *, current: bool) -> None:
        """Begin anew what was put off and would be wrong to go on with, and with `current` what is under way."""
        if current and self.current is not None:
            self.current = self._anew(self.current)
        if self.put_off is not None and self.put_off.plan.lifecycle == "new":
            self.put_off = self._anew(self.put_off)

    def _anew(self, old: Pass) -> Pass:
        """The same pass from its first page; what it found counts towards its limit."""
        new = self.begin(old.plan)
        new.new = old.new
        return new

    @property
    def holds_exports(self) -> bool:
        """True if a pass over un-exported leads has asked for a page: an export would shift its next pages."""
        return any(
            p is not None and p.plan.lifecycle == "new" and p.requests for p in (self.current, self.put_off)
        )

    @property
    def any(self) -> bool:
        """True if there is something to do."""
        return bool(self.current or self.put_off or self.asked)
