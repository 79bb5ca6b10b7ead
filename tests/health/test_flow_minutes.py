"""Requests, latencies and levels: written once a minute beside what the ledger counts itself."""

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest

from syncd.health.counters import Counting
from syncd.health.minutes import FlowMinutes
from syncd.ledger import Ledger, flow
from syncd.ledger.flow import DAY, HOUR, Range
from tests.ledger.rows import NOW, admission, put

AT = int(NOW // HOUR) * HOUR


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "syncd.db") as opened:
        yield opened


def test_a_minute_writes_what_the_counters_gained_and_an_hour_what_waits(ledger: Ledger) -> None:
    counting = Counting()
    minutes = FlowMinutes(counting)
    counting.requested("main", "ctgo", 200)
    counting.sent("crm", {("delivered", ""): 2}, [7.0, 9e9])
    put(ledger, admission(1))
    minutes.write(ledger, NOW, UTC)
    counting.requested("main", "ctgo", 200)
    counting.requested("main", "ctgo", 429)
    put(ledger, admission(2))
    minutes.write(ledger, NOW + 60, UTC)
    minutes.write(ledger, NOW + HOUR, UTC)
    with ledger.read() as connection:
        lately = Range("hour", AT, AT + 2 * HOUR)
        assert flow.by_state(connection, lately, "request") == {"200": {AT: 2}, "429": {AT: 1}}
        assert flow.by_state(connection, lately, "request", ["other"]) == {}
        assert flow.by_state(connection, lately, "latency") == {"15": {AT: 1}, "inf": {AT: 1}}
        assert flow.by_name(connection, lately, "level", "delivery") == {"crm": {AT: 1, AT + HOUR: 2}}


def test_a_day_that_is_over_is_folded(ledger: Ledger) -> None:
    counting = Counting()
    minutes = FlowMinutes(counting)
    counting.requested("main", "ctgo", 200)
    minutes.write(ledger, NOW, UTC)
    minutes.write(ledger, NOW + DAY, UTC)
    with ledger.read() as connection:
        assert flow.by_time(connection, Range("day", 0, NOW + DAY), "request", "200") == {
            flow.midnight(NOW): 1
        }
