"""The names of campaigns, segments and tracked accounts: CTGO's lists, asked hourly at most and only when needed.

A lead bears numbers; mappings may want names. The lane `names:SOURCE` asks for the lists that some mapping or `where`
uses, in slots that pulls leave over, and keeps the answers in the ledger. Names decide nothing about a lead's safety, so
trouble with them is never trouble of a lane: a name that is not known is null.

What a *field* makes of a null is to leave itself out. A `where` that names one would say no to leads it was meant for, so
there a name that is not known is no null: the delivery waits (`name_unknown`) for the next list, and if that has no such
name either it is set aside visibly (`filter_failed`).
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from syncd.clock import Clock
from syncd.core.failure import Failure, Pause, Reject
from syncd.core.lead import Lead
from syncd.ctgo import Named, Upstream
from syncd.engine.budget import RequestBudget, Reservation
from syncd.engine.lane import AGAIN, IDLE, LaneTools, Next
from syncd.ledger import Ledger, Transaction
from syncd.ledger.lanes import load_lane
from syncd.ledger.sources import load_asked, load_names, save_names
from syncd.mapping import Labels

HOUR = 3600.0
AGAIN_AFTER = 300.0
"""Seconds after which a list that was not answered is asked for again."""
NAMES_SOON = 0.2
"""Seconds until it is worth looking whether names have come."""
PATIENCE = 15.0
"""Seconds that leads wait, once an hour at the most, for names that are being asked for."""

NAMES: Mapping[str, Named] = MappingProxyType(
    {"stream_name": "stream", "segment_name": "segment", "account_handle": "account"}
)
"""The variables that are names, and the list that each is on."""

_CALLED: Mapping[Named, str] = MappingProxyType(
    {"stream": "campaign", "segment": "segment", "account": "tracked account"}
)


def names_in(uses: Collection[str]) -> frozenset[Named]:
    """The lists that these variables need."""
    return frozenset(NAMES[variable] for variable in uses if variable in NAMES)


class Names:
    """The known names of one source; shared by its lanes and those that deliver its leads."""

    def __init__(self, source: str, kinds: Collection[Named], ledger: Ledger, clock: Clock) -> None:
        """`kinds`: the lists that some mapping or `where` needs."""
        self.source, self.kinds = source, tuple(sorted(kinds))
        self._ledger, self._clock = ledger, clock
        self._expected: float | None = None
        self.wanted = False
        """True if leads wait for names; the lane asks for none before."""
        with ledger.read() as connection:
            self._load(connection)

    def due(self) -> Named | None:
        """A list that may be asked for now."""
        return next((kind for kind in self.kinds if self._wait(kind) <= 0), None)

    def coming(self) -> bool:
        """True if an answer may come within moments: worth waiting for, but not for long."""
        if self.due() is None:
            self._expected = None
            return False
        self.wanted = True
        now = self._clock.monotonic()
        if self._expected is None:
            self._expected = now + PATIENCE
        return now < self._expected

    def unknown(self, lead: Lead, uses: Collection[str]) -> Named | None:
        """The kind of a name that these variables need, that the lead has a number for, and that nobody knows."""
        for kind in names_in(uses):
            number = getattr(lead, f"{kind}_id")
            if number is not None and number not in getattr(self.labels, f"{kind}s"):
                return kind
        return None

    def wait(self, kind: Named, since: float) -> float | None:
        """Seconds until a list may hold a name that is wanted since then; None: one did not, and none will."""
        at, failed = self._asked.get(kind, (0.0, ""))
        if at >= since and not failed:
            return None
        return max(1.0, self._wait(kind))

    def learnt(
        self, connection: Transaction, kind: Named, names: Mapping[int, str | None], failed: str = ""
    ) -> None:
        """Write the names on a list; part of a transaction."""
        save_names(connection, self.source, kind, names, self._clock.now(), failed=failed)
        self._load(connection)
        self._expected = None

    def _load(self, connection: Transaction) -> None:
        self.labels = Labels(*load_names(connection, self.source))
        self._asked = load_asked(connection, self.source)

    def _wait(self, kind: Named) -> float:
        """Seconds until a list may be asked for. An instant in the future was written before the clock went back."""
        at, failed = self._asked.get(kind, (0.0, ""))
        passed = self._clock.now() - at
        every = AGAIN_AFTER if failed else HOUR
        return every - passed if passed >= 0 else 0.0


class Naming:
    """The lane `names:SOURCE`: one list a step."""

    kind = "names"

    def __init__(
        self,
        names: Names,
        upstream: Upstream,
        budget: RequestBudget,
        tools: LaneTools,
        connectors: Collection[str],
    ) -> None:
        """`connectors`: whose lanes may wait for names."""
        self._names, self._upstream, self._budget, self._connectors = names, upstream, budget, connectors
        self._ledger, self._clock, self._log, self._wake, _ = tools

    @property
    def name(self) -> str:
        """The source's name."""
        return self._names.source

    def step(self) -> Next:
        """Ask for one list if one is due and somebody has asked for names."""
        kind = self._names.due()
        if kind is None or not self._names.wanted:
            self._names.wanted = False
            return IDLE
        with self._ledger.read() as connection:
            if load_lane(connection, "pull", self.name).wait(self._clock.now()) != 0:
                return IDLE  # the source is paused, halted or in trouble: names can wait
        with self._ledger.write() as connection:
            opened = self._budget.open(connection, 1, live=False)
        if not isinstance(opened, Reservation):
            return opened
        self._ask(kind, opened)
        return AGAIN

    def _ask(self, kind: Named, slots: Reservation) -> None:
        found: Mapping[int, str | None] = {}
        failed = ""
        try:
            found = slots.call(lambda: self._upstream.names(kind))
        except Failure as why:
            # A list that does not exist, or not for this account, has been answered: there are no names on it
            failed = why.code if isinstance(why, Pause) or why.code == "key_refused" else ""
            self._log.warning("names_not_listed", source=self.name, kind=kind, code=why.code)
        with self._ledger.write() as connection:
            self._names.learnt(connection, kind, found, failed)
            self._budget.close(connection, slots)
        for connector in self._connectors:
            self._wake("deliver", connector)


class NameUnknown(Exception):  # noqa: N818 - an answer: ask again when the next list is there
    """A `where` needs a name that a list may still hold. `seconds`: until that is worth asking."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.0f} s")
        self.seconds = seconds


def require_names(names: Names, lead: Lead, uses: Collection[str], since: float) -> None:
    """See that a `where` can be judged.

    `since`: when the lead was discovered. Raises NameUnknown, or Reject `filter_failed` for a name that CTGO does not have.
    """
    kind = names.unknown(lead, uses)
    if kind is None:
        return
    seconds = names.wait(kind, since)
    if seconds is None:
        number = getattr(lead, f"{kind}_id")
        raise Reject("filter_failed", f"where: CTGO tells no name of {_CALLED[kind]} {number}.")
    raise NameUnknown(seconds)
