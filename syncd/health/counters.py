"""Counters of what no ledger keeps: requests, outcomes, latencies. Counted since the start, as Prometheus likes it.

Plain numbers under a lock: what costs memory, Prometheus's client, is needed only by those who scrape. Label values are
configured names, states and statuses, so there are few; hosts are capped all the same.
"""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from syncd.engine.lane import Observer, Outcomes

MOST_HOSTS = 64
"""Further ones are counted together, as `other`."""

BUCKETS = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 6 * 3600.0, 86400.0, 7 * 86400.0)
"""Seconds from discovery to CRM: a poll, a few polls, an outage, a weekend."""


@dataclass(slots=True)
class Latency:
    """A histogram: a count for each bucket, with one more for those above the last; and the sum of all, seconds."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0


@dataclass(slots=True)
class Counted:
    """All counters. A key holds label values in the order that the comment gives."""

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)  # host, status
    of_sources: Counter[tuple[str, str]] = field(
        default_factory=Counter
    )  # source, status; no metric: hosts are fewer
    pulls: Counter[tuple[str, str]] = field(default_factory=Counter)  # source, kind
    found: Counter[tuple[str]] = field(default_factory=Counter)  # source
    deliveries: Counter[tuple[str, str]] = field(default_factory=Counter)  # connector, outcome
    exports: Counter[tuple[str, str]] = field(default_factory=Counter)  # source, outcome
    feedback: Counter[tuple[str, str]] = field(default_factory=Counter)  # source, outcome
    messages: Counter[tuple[str, str]] = field(default_factory=Counter)  # kind, outcome
    pushes: Counter[tuple[str, str]] = field(
        default_factory=Counter
    )  # source, empty if it was refused; outcome
    latency: dict[str, Latency] = field(default_factory=dict)  # connector


class Counting(Observer):
    """The engine's observer. Its methods are called from any thread, cost microseconds and raise nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hosts: set[str] = set()
        self._counted = Counted()

    def expect(self, sources: Mapping[str, str], connectors: Iterable[str], pushed: Iterable[str]) -> None:
        """Have a series at 0 for what may come to be counted: what begins at 60 has not grown, to Prometheus.

        `sources`: with the host of each; `pushed`: those that have push.
        """
        counted = self._counted
        with self._lock:
            for name, host in sources.items():
                self._known(host)
                counted.found.setdefault((name,), 0)
                _zeros(counted.pulls, name, ("live", "reconcile", "window"))
                _zeros(counted.exports, name, ("delivered", "retried", "rejected"))
                _zeros(counted.feedback, name, ("delivered", "retried", "rejected"))
            for name in connectors:
                _zeros(counted.deliveries, name, ("delivered", "retried", "rejected", "waiting"))
                counted.latency.setdefault(name, Latency())
            for kind in ("message", "heartbeat"):
                _zeros(counted.messages, kind, ("sent", "failed"))
            for name in pushed:
                _zeros(counted.pushes, name, ("taken",))
                _zeros(counted.pushes, "", ("refused",))

    def _known(self, host: str) -> str:
        """Return the host, or `other` when there are too many."""
        if host not in self._hosts:
            if len(self._hosts) >= MOST_HOSTS:
                host = "other"
            self._hosts.add(host)
            _zeros(self._counted.requests, host, ("200", "429"))
        return host

    def requested(self, source: str, host: str, status: int) -> None:
        """Count a request; status 0: it was not answered."""
        with self._lock:
            self._counted.of_sources[source, str(status)] += 1
            self._counted.requests[self._known(host), str(status)] += 1

    def pulled(self, source: str, kind: str, new: int) -> None:
        """Count a pass over a source's leads that ended well."""
        with self._lock:
            self._counted.pulls[source, kind] += 1
            self._counted.found[source,] += new

    def sent(self, connector: str, outcomes: Outcomes, latencies: Sequence[float]) -> None:
        """Count a call's outcomes. `latencies`: seconds from discovery, of each that was delivered."""
        self._add(self._counted.deliveries, connector, outcomes)
        with self._lock:
            latency = self._counted.latency.setdefault(connector, Latency())
            for seconds in latencies:
                latency.buckets[bisect_left(BUCKETS, seconds)] += 1
                latency.total += max(0.0, seconds)

    def exported(self, source: str, outcomes: Outcomes) -> None:
        """Count exports."""
        self._add(self._counted.exports, source, outcomes)

    def fed_back(self, source: str, outcomes: Outcomes) -> None:
        """Count feedback."""
        self._add(self._counted.feedback, source, outcomes)

    def messaged(self, kind: str, outcome: str) -> None:
        """Count a message or a ping that was `sent`, or `failed`."""
        self._add(self._counted.messages, kind, {(outcome, ""): 1})

    def pushed(self, source: str, outcome: str) -> None:
        """Count a push that was `taken`; or `refused`, and the source is empty."""
        self._add(self._counted.pushes, source, {(outcome, ""): 1})

    def read(self) -> Counted:
        """Return a copy of all counters."""
        with self._lock:
            return deepcopy(self._counted)

    def _add(self, counter: Counter[tuple[str, str]], name: str, outcomes: Outcomes) -> None:
        with self._lock:
            for (outcome, _), n in outcomes.items():
                counter[name, outcome] += n


def _zeros(counter: Counter[tuple[str, str]], first: str, seconds: Iterable[str]) -> None:
    for second in seconds:
        counter.setdefault((first, second), 0)
