"""The metrics of the daemon for Prometheus, made when they are asked for.

Names follow https://prometheus.io/docs/practices/naming: base units, `_total` for counters. Label values are configured
names, states and codes; nothing of a lead is in them. A state that matters has a series also while it is 0, so that an
alert on it need not be told what absence means.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from syncd.health.view import Place, SourceView, View, reasons

MOST_FORMATS = 4
"""That are made within a second; who asks for a further one gets the plainest. Prometheus and a person want two."""

MOST_CODES = 40
"""Codes of one place; a plugin that makes up codes must not make series without end. The rest are `other`."""

DELIVERY_STATES = ("pending", "delivered", "rejected", "dropped")
EXPORT_STATES = ("pending", "delivered", "rejected", "shelved")
FEEDBACK_STATES = ("pending", "delivered", "rejected", "gone", "no_segment")
LANE_STATES = ("open", "paused", "halted")

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")


class _Everything(Collector):
    """Prometheus's collector over a look and what was counted."""

    def __init__(self, look: Callable[[], View], counted: Callable[[], Counted]) -> None:
        self._look, self._counted = look, counted

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not look."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics of one look and of the counters."""
        yield from families(self._look())
        yield from counters(self._counted())


class Exposition:
    """The answer to /metrics: our own metrics, and the process's memory, time and descriptors."""

    def __init__(
        self, look: Callable[[], View], counted: Callable[[], Counted], recent: Recent[bytes]
    ) -> None:
        """`recent`: keeps what was made, by its format."""
        self._registry = CollectorRegistry()
        self._registry.register(_Everything(look, counted))
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
    yield _of("syncd_build_info", "The program; always 1.", ["version"], [([__version__], 1.0)])
    yield _of("syncd_ready", "1 while /readyz says yes.", [], [([], float(not reasons(view)))])
    yield _of("syncd_ledger_readable", "1 while the ledger can be read.", [], [([], float(not view.broken))])
    yield from _sources(view.sources)
    yield from _pushes(view)
    yield from _rows(view)
    yield from _lanes(view)
    yield _of("syncd_ledger_size_bytes", "Size of the ledger's files.", ["file"],
              [([name], float(size)) for name, size in view.disk.files.items()])  # fmt: skip
    yield _of("syncd_disk_free_bytes", "Room on the ledger's disk.", [], [([], float(view.disk.free))])


def _sources(sources: Iterable[SourceView]) -> Iterator[Metric]:
    each = list(sources)
    yield _each("syncd_last_successful_pull_timestamp_seconds", "When the last clean pull ended.", each,
                lambda s: s.pulled_at)  # fmt: skip
    yield _each("syncd_last_successful_pull_age_seconds", "Since the last clean pull, by a clock that does not jump.",
                each, lambda s: s.age)  # fmt: skip
    yield _each("syncd_pull_patience_seconds", "The age at which a pull counts as stale.", each,
                lambda s: None if s.age is None else s.patience)  # fmt: skip
    yield _each(
        "syncd_requests_limit", "Requests a minute that the key may make.", each, lambda s: s.budget_limit
    )
    yield _each("syncd_requests_remaining", "Requests that the key's budget would allow now.", each,
                lambda s: s.budget_left)  # fmt: skip
    yield _each("syncd_leads_missing", "Un-exported leads that CTGO counts and the ledger does not hold.", each,
                lambda s: s.books.missing)  # fmt: skip
    yield _each("syncd_listing_restless", "Sweeps in a row that found no calm round.", each,
                lambda s: s.books.restless)  # fmt: skip
    yield _each("syncd_credits", "The team's balance of enrichment credits.", each, lambda s: s.credits)


def _pushes(view: View) -> Iterator[Metric]:
    """Without a series where no source has push: one that is never anything else would only puzzle."""
    each = {source.name: source.push for source in view.sources if source.push is not None}
    yield _of("syncd_push_listening", "1 while pushes can be received.", [],
              [([], float(not view.unserved))] if each else [])  # fmt: skip
    yield _of("syncd_push_subscribed", "1 while CTGO is subscribed to.", ["source"],
              [([name], float(it.subscribed)) for name, it in each.items()])  # fmt: skip
    yield _of("syncd_push_last_timestamp_seconds", "When a push last came.", ["source"],
              [([name], it.heard_at) for name, it in each.items() if it.heard_at is not None])  # fmt: skip


def _rows(view: View) -> Iterator[Metric]:
    watermarks = [([s.name], view.at - s.watermark) for s in view.sources if s.watermark is not None]
    yield _of(
        "syncd_watermark_age_seconds",
        "How far behind now everything has been pulled.",
        ["source"],
        watermarks,
    )
    yield _counts(view, "lead", "syncd_leads", "source", UNSETTLED)
    yield _counts(view, "delivery", "syncd_deliveries", "connector", DELIVERY_STATES)
    yield _counts(view, "export", "syncd_exports", "source", EXPORT_STATES)
    yield _counts(view, "feedback", "syncd_feedback", "source", FEEDBACK_STATES)
    # 0 for a connector that has nothing pending
    ages = dict.fromkeys(view.counts.get("delivery", {}), 0.0) | dict(view.oldest_pending)
    yield _of("syncd_oldest_pending_age_seconds", "Of the delivery that has been pending longest, since its ingest.",
              ["connector"], [([name], age) for name, age in ages.items()])  # fmt: skip
    yield _of("syncd_oldest_unsettled_lead_age_seconds", "Of the oldest lead that is not settled, since its ingest.",
              [], [([], view.oldest_unsettled or 0.0)])  # fmt: skip
    yield _of("syncd_rejected", "What is set aside, by code: rejected deliveries, exports and feedback, quarantined leads.",
              ["kind", "name", "code"], [([*key], float(n)) for key, n in _by_code(view.set_aside)])  # fmt: skip


def _by_code(places: Iterable[Place]) -> Iterable[tuple[tuple[str, str, str], int]]:
    """Most first, and no more codes of a place than `MOST_CODES`."""
    known: Counter[tuple[str, str]] = Counter()
    found: Counter[tuple[str, str, str]] = Counter()
    for place in places:
        known[place.kind, place.where] += 1
        proper = known[place.kind, place.where] <= MOST_CODES and _CODE.fullmatch(place.code)
        found[place.kind, place.where, place.code if proper else "other"] += place.n
    return found.items()


def _lanes(view: View) -> Iterator[Metric]:
    yield _of("syncd_lane_state", "1 for the state that a lane is in.", ["kind", "name", "state"],
              [([lane.kind, lane.name, state], float(lane.status == state))
               for lane in view.lanes for state in LANE_STATES])  # fmt: skip
    yield _of("syncd_lane_failures", "Failures in a row.", ["kind", "name"],
              [([lane.kind, lane.name], float(lane.failures)) for lane in view.lanes])  # fmt: skip


def _counts(view: View, kind: str, name: str, label: str, always: Iterable[str]) -> Metric:
    zeros = dict.fromkeys(always, 0)
    rows = [
        ([owner, state], float(n))
        for owner, states in view.counts.get(kind, {}).items()
        for state, n in (zeros | dict(states)).items()
    ]
    return _of(name, f"Rows of the ledger by state: {kind}.", [label, "state"], rows)


def _each(
    name: str, help_: str, sources: Iterable[SourceView], value: Callable[[SourceView], float | None]
) -> Metric:
    rows = [([source.name], found) for source in sources if (found := value(source)) is not None]
    return _of(name, help_, ["source"], rows)


def _of(name: str, help_: str, labels: list[str], rows: Iterable[tuple[list[str], float]]) -> Metric:
    family = GaugeMetricFamily(name, help_, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family
