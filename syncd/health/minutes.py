"""Flow that the ledger's tally does not have: requests and latencies, what waits at each hour, and the days of plots."""

from collections.abc import Iterator
from datetime import tzinfo

from syncd.health.counters import BUCKETS, Counted, Counting
from syncd.ledger import Ledger, flow
from syncd.ledger.flow import HOUR, Arrival

LATENCIES = (*(f"{bound:g}" for bound in BUCKETS), "inf")
"""The states of latencies: each bucket's upper bound in seconds."""


class FlowMinutes:
    """Writes once a minute what was counted since the last minute; what a death leaves unwritten is lost."""

    def __init__(self, counting: Counting) -> None:
        """`counting`: the counters that the engine reports to."""
        self._counting, self._written = counting, Counted()
        self._hour = self._day = 0

    def write(self, ledger: Ledger, now: float, zone: tzinfo) -> None:
        """Write it; note what waits when an hour begins, and fold the hours when a day begins in `zone`."""
        counted = self._counting.read()
        hour, day = int(now // HOUR), flow.midnight(now, zone)
        with ledger.write() as connection:
            flow.add(connection, _gained(self._written, counted), now)
            if hour != self._hour:
                flow.note_levels(connection, now)
            if day != self._day:
                flow.fold(connection, now, zone)
        self._written, self._hour, self._day = counted, hour, day


def _gained(before: Counted, after: Counted) -> Iterator[Arrival]:
    """Yield what the counters gained."""
    for (source, status), n in (after.of_sources - before.of_sources).items():
        yield "request", status, source, n
    for connector, latency in after.latency.items():
        old = before.latency[connector].buckets if connector in before.latency else [0] * len(LATENCIES)
        for state, n, was in zip(LATENCIES, latency.buckets, old, strict=True):
            if n > was:
                yield "latency", state, connector, n - was
