"""A source as its lanes see it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from syncd.core.flood_gate import Gates
from syncd.core.lane_state import Policy
from syncd.ctgo import Upstream
from syncd.engine.budget import RequestBudget
from syncd.engine.fanout import Recipients
from syncd.engine.lane import NOBODY, Observer

Start = Literal["new", "now", "all"]


@dataclass(slots=True)
class Flag:
    """Up while a pass over un-exported leads is between pages, and until the source's first pass is over.

    An export then would shift the pages to come, or mark rows on them that have the same id.
    """

    up: bool = False


@dataclass(frozen=True, slots=True)
class SourceContext:
    """One API key and all that is done with it. Durations in seconds; `stream_ids` empty means every campaign."""

    name: str
    upstream: Upstream
    budget: RequestBudget
    recipients: Recipients
    start: Start | float = "new"
    lookback: float = 3600.0
    reconcile_window: float = 30 * 86400.0
    stream_ids: Sequence[int] = ()
    policy: Policy = field(default_factory=Policy)
    gates: Gates = field(default_factory=Gates)
    paging_new: Flag = field(default_factory=Flag)
    observer: Observer = NOBODY

    @property
    def exports(self) -> bool:
        """True if its leads are exported."""
        return self.recipients.exports
