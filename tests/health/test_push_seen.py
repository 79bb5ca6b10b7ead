"""Push as health tells of it: whether it is subscribed, when one last came, and that readiness does not hang on it."""

import json
from dataclasses import replace

import pytest

from syncd.core.lane_state import LaneState
from syncd.ledger import subscriptions
from syncd.ledger.lanes import save_lane
from syncd.ledger.subscriptions import Subscription
from tests.health.conftest import Health

AT = 1_790_000_000.0


@pytest.fixture
def pushed(health: Health) -> Health:
    """The source has push."""
    health.looker.sources = {name: replace(it, push=True) for name, it in health.looker.sources.items()}
    health.bench.once()
    return health


def keep(health: Health, it: Subscription) -> None:
    with health.bench.ledger.write() as connection:
        subscriptions.save(connection, it)


def told(health: Health, path: str = "/readyz") -> object:
    return json.loads(health.client.get(path).text).get("push")


def test_without_push_nothing_is_said_of_it(health: Health) -> None:
    health.bench.once()
    assert told(health) is None
    assert {name for name in health.metrics() if name.startswith("syncd_push_")} == set()


def test_it_says_whether_it_is_subscribed_and_when_one_last_came(pushed: Health) -> None:
    assert told(pushed) == {"main": {"subscribed": False, "heard_at": None}}
    assert pushed.metrics()["syncd_push_subscribed"] == {("main",): 0.0}
    assert "syncd_push_last_timestamp_seconds" not in pushed.metrics()
    keep(pushed, Subscription("main", "secret-token", "d", 7, AT, heard_at=AT + 60))
    assert (
        told(pushed)
        == told(pushed, "/readyz/main")
        == {"main": {"subscribed": True, "heard_at": "2026-09-21T14:14:20Z"}}
    )
    metrics = pushed.metrics()
    assert metrics["syncd_push_subscribed"] == {("main",): 1.0}
    assert metrics["syncd_push_last_timestamp_seconds"] == {("main",): AT + 60}
    assert "secret-token" not in pushed.client.get("/metrics").text + pushed.client.get("/readyz").text


def test_trouble_with_push_is_none_of_readiness(pushed: Health) -> None:
    with pushed.bench.ledger.write() as connection:
        save_lane(connection, LaneState("push", "main", "paused", "push_failed", since=AT, until=AT * 2))
    pushed.looker.unserved = lambda: "Pushes cannot be received: in use."
    assert pushed.codes() == []
    assert pushed.metrics()["syncd_push_listening"] == {(): 0.0}
    assert pushed.metrics()["syncd_lane_state"]["push", "main", "paused"] == 1.0
    pushed.looker.unserved = str
    assert pushed.metrics()["syncd_push_listening"] == {(): 1.0}


def test_pushes_are_counted_and_what_was_none_too(pushed: Health) -> None:
    for source, outcome in (("main", "taken"), ("main", "taken"), ("", "refused")):
        pushed.counting.pushed(source, outcome)
    # In the order of the labels' names
    assert pushed.metrics()["syncd_pushes_total"] == {("taken", "main"): 2.0, ("refused", ""): 1.0}
