"""What only the engine sees go by: requests, outcomes, how long a lead took. Counted since the start, as Prometheus likes it.

Label values are configured names, states and statuses, so there are few; hosts are capped all the same.
"""

from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

MOST_HOSTS = 64
"""Further ones are counted together, as `other`."""

BUCKETS = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 6 * 3600.0, 86400.0, 7 * 86400.0)
"""Seconds from discovery to CRM: a poll, a few polls, an outage, a weekend."""


Outcomes = Mapping[tuple[str, str], int]
"""(what became of it, the failure's code) -> how many."""


class Counting:
    """The engine's observer. Its methods are called from any thread, cost microseconds and raise nothing."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._hosts: set[str] = set()
        self._requests = Counter(
            "syncd_requests", "Requests by host and status; status 0: no answer.", ["host", "status"], registry=registry
        )  # fmt: skip
        self._pulls = Counter(
            "syncd_pulls",
            "Passes over a source's leads that ended well.",
            ["source", "kind"],
            registry=registry,
        )
        self._found = Counter("syncd_leads_found", "Leads that were new here.", ["source"], registry=registry)
        self._deliveries = Counter(
            "syncd_delivery_outcomes", "What became of deliveries that were tried.", ["connector", "outcome"],
            registry=registry,
        )  # fmt: skip
        self._exports = Counter(
            "syncd_export_outcomes", "What became of exports that were tried.", ["source", "outcome"], registry=registry
        )  # fmt: skip
        self._latency = Histogram(
            "syncd_delivery_latency_seconds", "From a lead's discovery to its delivery.", ["connector"],
            buckets=BUCKETS, registry=registry,
        )  # fmt: skip
        self._messages = Counter(
            "syncd_alert_messages", "Messages to the webhook and pings of the heartbeat.", ["kind", "outcome"],
            registry=registry,
        )  # fmt: skip

    def requested(self, source: str, host: str, status: int) -> None:
        """A request was answered; status 0: it was not."""
        del source  # hosts are what the answers are about, and fewer
        if host not in self._hosts:
            if len(self._hosts) >= MOST_HOSTS:
                host = "other"
            self._hosts.add(host)
        self._requests.labels(host, str(status)).inc()

    def pulled(self, source: str, kind: str, new: int) -> None:
        """A pass over a source's leads ended well."""
        self._pulls.labels(source, kind).inc()
        self._found.labels(source).inc(new)

    def sent(self, connector: str, outcomes: Outcomes, latencies: Sequence[float]) -> None:
        """A call's outcomes are recorded. `latencies`: seconds from discovery, of each that was delivered."""
        for (outcome, _), n in outcomes.items():
            self._deliveries.labels(connector, outcome).inc(n)
        histogram = self._latency.labels(connector)
        for seconds in latencies:
            histogram.observe(max(0.0, seconds))

    def exported(self, source: str, outcomes: Outcomes) -> None:
        """Exports' outcomes are recorded."""
        for (outcome, _), n in outcomes.items():
            self._exports.labels(source, outcome).inc(n)

    def told(self, kind: str, *, sent: bool) -> None:
        """A message or a ping was sent, or not."""
        self._messages.labels(kind, "sent" if sent else "failed").inc()
