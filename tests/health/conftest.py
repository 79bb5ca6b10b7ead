"""A bench with one source and one connector, and the health app over its ledger."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from syncd.health.counters import Counting
from syncd.health.metrics import Exposition
from syncd.health.server import HealthApp, respond
from syncd.health.snapshot import MonitoredSource, Recent, ViewReader, Vitals
from syncd.http.listener import Response
from syncd.ledger import Ledger
from tests.support import Bench
from tests.support.virtual import Log

POLL = 60.0


def through(listener: Callable[[bytes], Response], asked: httpx.Request) -> httpx.Response:
    """A request as the listener hears it, and its answer as a client reads it."""
    path = asked.url.raw_path.decode()
    lines = [
        f"{asked.method} {path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in asked.headers.items()),
    ]
    head, *body = listener("\r\n".join(lines).encode()).answer
    first, *rest = head.decode().split("\r\n")
    headers = [(name, value) for name, colon, value in (line.partition(": ") for line in rest) if colon]
    return httpx.Response(int(first.split()[1]), headers=headers, content=b"".join(body))


class Health:
    """What a scraper and a load balancer see of a bench."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.hanging = ""
        self.held: tuple[str, str] | None = None
        bench.boot()
        self.ledger = Ledger.open_to_read(bench.path)
        watched = {
            name: MonitoredSource(context.budget.meter, lambda at: at + POLL, low_credits=20)
            for name, context in bench.life.contexts.items()
        }
        self.looker = ViewReader(
            self.ledger, bench.clock, watched, set(bench.places), lambda: Vitals(self.hanging, self.held)
        )
        self.counting = Counting()
        exposition = Exposition(self.looker.look, self.counting.read, Recent(bench.clock, 0.0))
        app = HealthApp(
            self.looker.look,
            exposition,
            lambda: self.hanging,
            lambda: set(watched),
            lambda: {"syncd.example"},
        )
        log = Log()
        self.client = httpx.Client(
            transport=httpx.MockTransport(
                lambda asked: through(partial(respond, app, bench.clock, log), asked)
            ),
            base_url="http://127.0.0.1:8377",
        )

    def metrics(self) -> dict[str, dict[tuple[str, ...], float]]:
        """Samples by name and label values, in the order of the labels' names."""
        found: dict[str, dict[tuple[str, ...], float]] = {}
        for family in text_string_to_metric_families(self.client.get("/metrics").text):
            for sample in family.samples:
                labels = tuple(value for _, value in sorted(sample.labels.items()))
                found.setdefault(sample.name, {})[labels] = sample.value
        return found

    def ready(self, source: str = "") -> tuple[int, list[Mapping[str, Any]]]:
        answer = self.client.get(f"/readyz/{source}" if source else "/readyz")
        body = json.loads(answer.text)
        assert body["ready"] == (answer.status_code == 200)
        return answer.status_code, body["reasons"]

    def codes(self, source: str = "") -> list[str]:
        return [reason["code"] for reason in self.ready(source)[1]]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


@pytest.fixture
def health(bench: Bench) -> Iterator[Health]:
    """Five leads, one source that exports, one connector `crm`; nothing pulled yet."""
    bench.ctgo(leads=5)
    bench.place()
    made = Health(bench)
    yield made
    made.client.close()
    made.ledger.close()
