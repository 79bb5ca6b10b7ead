"""The daemon at one moment, for those who look from outside: health, alerts, the line in `systemctl status`."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from syncd.ledger import LedgerError
from syncd.settings import Settings
from syncd.workers.pool import LaneView

STUCK = 600.0
"""Seconds past its due time, or in one step, after which a lane is wedged. A request's own time-outs end well before."""


class SourceView(NamedTuple):
    """The freshness of a source. Monotonic seconds.

    `pulled`: when a live pass last ended well in this process, None: not yet; `next_pull`: when the next is due; `every`:
    seconds between two, None for a cron line.
    """

    name: str
    pulled: float | None
    next_pull: float | None
    every: float | None


class Snapshot(NamedTuple):
    """See the module. `now` is wall time; `monotonic` and `begun` (when it started) are not."""

    now: float
    monotonic: float
    begun: float
    settings: Settings
    lanes: Sequence[LaneView]
    sources: Mapping[str, SourceView]
    ledger: LedgerError | None
    """The reason why no lane is stepped at present."""
    stopping: bool

    @property
    def stuck(self) -> Sequence[LaneView]:
        """Lanes that are wedged. While the ledger is waited for, only those that were in a step before."""
        return [
            lane
            for lane in self.lanes
            if lane.late(self.monotonic) > STUCK and (self.ledger is None or lane.since is not None)
        ]
