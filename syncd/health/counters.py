"""Counters of what no ledger keeps: requests, outcomes, latencies. Counted since the start, as Prometheus likes it.

Plain numbers under a lock: what costs memory, Prometheus's client, is needed only by those who scrape. Label values are
configured names, states and statuses, so there are few; hosts are capped all the same.
"""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

MOST_HOSTS = 64
"""Further ones are counted together, as `other`."""

BUCKETS = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 6 * 3600.0, 86400.0, 7 * 86400.0)
"""Seconds from discovery to CRM: a poll, a few polls, an outage, a weekend."""

Outcomes = Mapping[tuple[str, str], int]
"""(what became of it, the failure's code) -> how many."""


@dataclass(slots=True)
class Latency:
    """A histogram: a count for each bucket, with one more for those above the last; and the sum of all, seconds."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0


class Counted(NamedTuple):
    """All counters at a moment. Keys are label values in the order of the names."""

    requests: Mapping[tuple[str, str], int]
    """By host and status."""
    pulls: Mapping[tuple[str, str], int]
    """By source and kind."""
    found: Mapping[tuple[str], int]
    """By source."""
    deliveries: Mapping[tuple[str, str], int]
    """By connector and outcome."""
    exports: Mapping[tuple[str, str], int]
    """By source and outcome."""
    feedback: Mapping[tuple[str, str], int]
    """By source and outcome."""
    messages: Mapping[tuple[str, str], int]
    """By kind and outcome."""
    pushes: Mapping[tuple[str, str], int]
    """By source and outcome; of what was refused nobody knows the source."""
    latency: Mapping[str, Latency]
    """By connector."""


class Counting:
    """The engine's observer. Its methods are called from any thread, cost microseconds and raise nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hosts: set[str] = set()
        self._requests: Counter[tuple[str, str]] = Counter()
        self._pulls: Counter[tuple[str, str]] = Counter()
        self._found: Counter[tuple[str]] = Counter()
        self._deliveries: Counter[tuple[str, str]] = Counter()
        self._exports: Counter[tuple[str, str]] = Counter()
        self._feedback: Counter[tuple[str, str]] = Counter()
        self._messages: Counter[tuple[str, str]] = Counter()
        self._pushes: Counter[tuple[str, str]] = Counter()
        self._latency: dict[str, Latency] = {}

    def expect(self, sources: Mapping[str, str], connectors: Iterable[str], pushed: Iterable[str]) -> None:
        """Have a series at 0 for what may come to be counted: what begins at 60 has not grown, to Prometheus.

        `sources`: with the host of each; `pushed`: those that have push.
        """
        with self._lock:
            for name, host in sources.items():
                self._known(host)
                self._found.setdefault((name,), 0)
                _zeros(self._pulls, name, ("live", "reconcile", "window"))
                _zeros(self._exports, name, ("delivered", "retried", "rejected"))
                _zeros(self._feedback, name, ("delivered", "retried", "rejected"))
            for name in connectors:
                _zeros(self._deliveries, name, ("delivered", "retried", "rejected", "waiting"))
                self._latency.setdefault(name, Latency())
            for kind in ("message", "heartbeat"):
                _zeros(self._messages, kind, ("sent", "failed"))
            for name in pushed:
                _zeros(self._pushes, name, ("taken",))
                _zeros(self._pushes, "", ("refused",))

    def _known(self, host: str) -> str:
        """The host, or what stands for it when there are too many."""
        if host not in self._hosts:
            if len(self._hosts) >= MOST_HOSTS:
                host = "other"
            self._hosts.add(host)
            _zeros(self._requests, host, ("200", "429"))
        return host

    def requested(self, source: str, host: str, status: int) -> None:
        """A request was answered; status 0: it was not."""
        del source  # hosts are what the answers are about, and fewer
        with self._lock:
            self._requests[self._known(host), str(status)] += 1

    def pulled(self, source: str, kind: str, new: int) -> None:
        """A pass over a source's leads ended well."""
        with self._lock:
            self._pulls[source, kind] += 1
            self._found[source,] += new

    def sent(self, connector: str, outcomes: Outcomes, latencies: Sequence[float]) -> None:
        """A call's outcomes are recorded. `latencies`: seconds from discovery, of each that was delivered."""
        with self._lock:
            for (outcome, _), n in outcomes.items():
                self._deliveries[connector, outcome] += n
            latency = self._latency.setdefault(connector, Latency())
            for seconds in latencies:
                latency.buckets[bisect_left(BUCKETS, seconds)] += 1
                latency.total += max(0.0, seconds)

    def exported(self, source: str, outcomes: Outcomes) -> None:
        """Exports' outcomes are recorded."""
        with self._lock:
            for (outcome, _), n in outcomes.items():
                self._exports[source, outcome] += n

    def fed_back(self, source: str, outcomes: Outcomes) -> None:
        """The outcomes of feedback are recorded."""
        with self._lock:
            for (outcome, _), n in outcomes.items():
                self._feedback[source, outcome] += n

    def messaged(self, kind: str, outcome: str) -> None:
        """A message or a ping was `sent`, or `failed`."""
        with self._lock:
            self._messages[kind, outcome] += 1

    def pushed(self, source: str, outcome: str) -> None:
        """A push to a source was `taken`; or something that was none was `refused`, and the source is empty."""
        with self._lock:
            self._pushes[source, outcome] += 1

    def read(self) -> Counted:
        """A copy of all of it."""
        with self._lock:
            return Counted(
                Counter(self._requests),
                Counter(self._pulls),
                Counter(self._found),
                Counter(self._deliveries),
                Counter(self._exports),
                Counter(self._feedback),
                Counter(self._messages),
                Counter(self._pushes),
                {name: Latency(list(it.buckets), it.total) for name, it in self._latency.items()},
            )


def _zeros(counter: Counter[tuple[str, str]], first: str, each: Iterable[str]) -> None:
    for second in each:
        counter.setdefault((first, second), 0)
