"""The metrics of the daemon for Prometheus, made when they are asked for.

Names follow https://prometheus.io/docs/practices/naming: base units, `_total` for counters. Label values are configured
names, states and codes; nothing of a lead is in them. A state that matters has a series also while it is 0, so that an
alert on it needs no rule for its absence.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from syncd import __version__
from syncd.core.lead_state import UNSETTLED
from syncd.health.counters import BUCKETS, Counted, Latency
from syncd.health.snapshot import Recent
from syncd.health.view import BackupView, Place, SourceView, View, reasons

MOST_FORMATS = 4
"""That are made within a second; who asks for a further one gets the plainest. Prometheus and a person want two."""

MOST_CODES = 40
"""Codes of one place; a plugin that makes up codes must not make series without end. The rest are `other`."""

DELIVERY_STATES = ("pending", "delivered", "rejected", "dropped")
EXPORT_STATES = ("pending", "delivered", "rejected", "shelved")
FEEDBACK_STATES = ("pending", "delivered", "rejected", "gone", "no_segment")
LANE_STATES = ("open", "paused", "halted")

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")


class _Collector(Collector):
    """Collects the metrics of a view and of the counters."""

    def __init__(self, look: Callable[[], View], counted: Callable[[], Counted]) -> None:
        self._look, self._counted = look, counted

    def describe(self) -> Iterable[Metric]:
        """Return nothing: registering must not read the ledger."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield all metrics."""
        yield from families(self._look())
        yield from counters(self._counted())


class Exposition:
    """The answer to /metrics: our own metrics, and the process's memory, time and descriptors."""

    def __init__(
        self, look: Callable[[], View], counted: Callable[[], Counted], recent: Recent[bytes]
    ) -> None:
        """`recent`: keeps what was made, by its format."""
        self._registry = CollectorRegistry()
        self._registry.register(_Collector(look, counted))
        ProcessCollector(registry=self._registry)
        self._recent = recent

    def __call__(self, accept: str) -> tuple[str, bytes]:
        """The content type and the body, in the format that an `Accept` header asks for."""
        encode, content_type = choose_encoder(accept)
        if not self._recent.has(content_type, MOST_FORMATS):
            encode, content_type = choose_encoder("")
        return content_type, self._recent.get(content_type, lambda: encode(self._registry))


def counters(counted: Counted) -> Iterator[Metric]:
    """The metrics of what was counted."""
    for name, help_, labels, rows in (
        ("requests", "Requests to CTGO by host and status; status 0: no answer.", ("host", "status"), counted.requests),
        ("pulls", "Passes over a source's leads that ended well.", ("source", "kind"), counted.pulls),
        ("leads_found", "Leads that were new here.", ("source",), counted.found),
        ("delivery_outcomes", "What became of deliveries that were tried.", ("connector", "outcome"), counted.deliveries),
        ("export_outcomes", "What became of exports that were tried.", ("source", "outcome"), counted.exports),
        ("feedback_outcomes", "What became of feedback that was tried.", ("source", "outcome"), counted.feedback),
        ("alert_messages", "Messages to the webhook and pings of the heartbeat.", ("kind", "outcome"), counted.messages),
        ("pushes", "Pushes that were taken, and requests to their address that were none.", ("source", "outcome"), counted.pushes),
    ):  # fmt: skip
        yield _counter(f"syncd_{name}", help_, labels, rows)
    yield _latencies(counted.latency)


def _counter(name: str, help_: str, labels: Iterable[str], rows: Mapping[Any, int]) -> Metric:
    """`rows`: by the labels' values, a tuple."""
    family = CounterMetricFamily(name, help_, labels=list(labels))
    for values, n in rows.items():
        family.add_metric(list(values), float(n))
    return family


def _latencies(latency: Mapping[str, Latency]) -> Metric:
    name, help_ = "syncd_delivery_latency_seconds", "From a lead's discovery to its delivery."
    family = HistogramMetricFamily(name, help_, labels=["connector"])
    bounds = [*map(str, BUCKETS), "+Inf"]
    for connector, it in latency.items():
        family.add_metric(
            [connector], list(zip(bounds, map(float, accumulate(it.buckets)), strict=True)), it.total
        )
    return family


def families(view: View) -> Iterator[Metric]:
    """The metrics of a view."""
    sources = view.sources
    yield _gauge("build_info", "The program; always 1.", ["version"], [([__version__], 1)])
    for name, help_, value in (
        ("ready", "1 while /readyz says yes.", not reasons(view)),
        ("ledger_readable", "1 while the ledger can be read.", not view.broken),
        ("disk_free_bytes", "Room on the ledger's disk.", view.disk.free),
        ("oldest_unsettled_lead_age_seconds", "Of the oldest lead that is not settled, since its ingest.", view.oldest_unsettled or 0),
    ):  # fmt: skip
        yield _gauge(name, help_, [], [([], value)])
    of_source: Sequence[tuple[str, str, Callable[[SourceView], float | None]]] = (
        ("last_successful_pull_timestamp_seconds", "When the last clean pull ended.", lambda s: s.pulled_at),
        ("last_successful_pull_age_seconds", "Since the last clean pull, by a clock that does not jump.", lambda s: s.age),
        ("pull_patience_seconds", "The age at which a pull counts as stale.", lambda s: None if s.age is None else s.patience),
        ("requests_limit", "Requests a minute that the key may make.", lambda s: s.budget_limit),
        ("requests_remaining", "Requests that the key's budget would allow now.", lambda s: s.budget_left),
        ("leads_missing", "Un-exported leads that CTGO counts and the ledger does not hold.", lambda s: s.books.missing),
        ("listing_restless", "Sweeps in a row that found no calm round.", lambda s: s.books.restless),
        ("credits", "The team's balance of enrichment credits.", lambda s: s.credits),
        ("watermark_age_seconds", "How far behind now everything has been pulled.", lambda s: None if s.watermark is None else view.at - s.watermark),
        ("push_subscribed", "1 while CTGO is subscribed to.", lambda s: s.push.subscribed if s.push else None),
        ("push_last_timestamp_seconds", "When a push last came.", lambda s: s.push.heard_at if s.push else None),
    )  # fmt: skip
    for name, help_, of in of_source:
        rows = [([source.name], found) for source in sources if (found := of(source)) is not None]
        yield _gauge(name, help_, ["source"], rows)
    # No series where no source has push: one that is never anything else would only puzzle
    pushed = any(source.push for source in sources)
    yield _gauge(
        "push_listening", "1 while pushes can be received.", [], [([], not view.unserved)] if pushed else []
    )
    yield from _of_backups(view.backup)
    yield _gauge("ledger_size_bytes", "Size of the ledger's files.", ["file"],
                 [([name], size) for name, size in view.disk.files.items()])  # fmt: skip
    yield from _rows(view)


def _of_backups(backup: BackupView) -> Iterator[Metric]:
    """No series where there never was a backup, and where none is asked for."""
    made = [] if backup.made_at is None else [((), backup.made_at)]
    yield _gauge("last_backup_timestamp_seconds", "When the ledger was last backed up.", [], made)
    failing = [] if backup.failure is None else [((), float(bool(backup.failure)))]
    yield _gauge("backup_failing", "1 while the daily backup fails.", [], failing)


def _rows(view: View) -> Iterator[Metric]:
    yield _counts(view, "lead", "leads", "source", UNSETTLED)
    yield _counts(view, "delivery", "deliveries", "connector", DELIVERY_STATES)
    yield _counts(view, "export", "exports", "source", EXPORT_STATES)
    yield _counts(view, "feedback", "feedback", "source", FEEDBACK_STATES)
    # 0 for a connector that has nothing pending
    ages = dict.fromkeys(view.counts.get("delivery", {}), 0.0) | dict(view.oldest_pending)
    yield _gauge("oldest_pending_age_seconds", "Of the delivery that has been pending longest, since its ingest.",
                 ["connector"], [([name], age) for name, age in ages.items()])  # fmt: skip
    yield _gauge("rejected", "What is set aside, by code: rejected deliveries, exports and feedback, quarantined leads.",
                 ["kind", "name", "code"], _by_code(view.set_aside))  # fmt: skip
    yield _gauge("lane_state", "1 for the state that a lane is in.", ["kind", "name", "state"],
                 [([lane.kind, lane.name, state], lane.status == state)
                  for lane in view.lanes for state in LANE_STATES])  # fmt: skip
    yield _gauge("lane_failures", "Failures in a row.", ["kind", "name"],
                 [([lane.kind, lane.name], lane.failures) for lane in view.lanes])  # fmt: skip


def _by_code(places: Iterable[Place]) -> Iterable[tuple[tuple[str, str, str], int]]:
    """Most first, and no more codes of a place than `MOST_CODES`."""
    known: Counter[tuple[str, str]] = Counter()
    found: Counter[tuple[str, str, str]] = Counter()
    for place in places:
        known[place.kind, place.where] += 1
        proper = known[place.kind, place.where] <= MOST_CODES and _CODE.fullmatch(place.code)
        found[place.kind, place.where, place.code if proper else "other"] += place.n
    return found.items()


def _counts(view: View, kind: str, name: str, label: str, always: Iterable[str]) -> Metric:
    zeros = dict.fromkeys(always, 0)
    rows = [
        ([owner, state], n)
        for owner, states in view.counts.get(kind, {}).items()
        for state, n in (zeros | dict(states)).items()
    ]
    return _gauge(name, f"Rows of the ledger by state: {kind}.", [label, "state"], rows)


def _gauge(name: str, help_: str, labels: list[str], rows: Iterable[tuple[Sequence[str], float]]) -> Metric:
    family = GaugeMetricFamily(f"syncd_{name}", help_, labels=labels)
    for values, value in rows:
        family.add_metric(list(values), float(value))
    return family
