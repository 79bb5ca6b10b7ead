"""Subscribing and unsubscribing, as the vendor's page says, and what answers to them come to."""

import json

import pytest

from syncd.core.failure import Failure, Halt, Pause, Retry
from syncd.core.lead import LARGEST_ID
from syncd.ctgo import Signals
from syncd.simulator import Options, World, create_app
from tests.ctgo.remote import Recorder, answering, failure_of, upstream

TARGET = "https://hooks.example.com/ctgo/token"


def test_it_sends_the_address_and_only_filters_that_there_are() -> None:
    far = Recorder(201, {"id": 7})
    webhooks = upstream(far)
    assert webhooks.subscribe(TARGET) == 7
    assert webhooks.subscribe(TARGET, {"streamId": 14, "matchConfidence": "high"}) == 7
    assert [json.loads(body) for body in far.bodies] == [
        {"targetUrl": TARGET},
        {"targetUrl": TARGET, "filterConfig": {"streamId": 14, "matchConfidence": "high"}},
    ]
    assert {(it["REQUEST_METHOD"], it["PATH_INFO"]) for it in far.seen} == {
        ("POST", "/api/v2/webhooks/subscribe")
    }
    assert {it["CONTENT_TYPE"] for it in far.seen} == {"application/json"}


def test_the_id_goes_in_the_body_of_a_delete() -> None:
    far = Recorder(200, {"whatever": True})
    assert upstream(far).unsubscribe(7)
    assert far.bodies == [b'{"id": 7}']
    assert (far.seen[0]["REQUEST_METHOD"], far.seen[0]["CONTENT_TYPE"]) == ("DELETE", "application/json")


@pytest.mark.parametrize("status", [200, 201, 204])
def test_any_success_is_one(status: int) -> None:
    assert answering(status, b"").unsubscribe(7)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"7",
        b"<html>",
        {"id": None},
        {"id": "7"},
        {"id": 7.5},
        {"id": True},
        {"id": 0},
        {"id": LARGEST_ID + 1},
    ],
)
def test_an_answer_without_an_id_is_no_subscription(body: object) -> None:
    why = failure_of(lambda: answering(201, body).subscribe(TARGET))
    assert (type(why), why.code) == (Pause, "unexpected_answer")
    assert TARGET not in why.detail


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (401, {"error": "Invalid or revoked API key."}, Halt, "key_refused"),
        (403, {"error": "subscription_required"}, Halt, "subscription_required"),
        (403, {"error": "something_else"}, Halt, "forbidden"),
        (404, {"error": "Not found"}, Halt, "wrong_address"),
        (400, {"error": "invalid_body"}, Halt, "bad_request"),
        (409, {"error": "conflict"}, Retry, "conflict"),
        (410, {"error": "gone"}, Halt, "api_gone"),
        (429, {"error": "rate_limited"}, Pause, "rate_limited"),
        (500, {}, Pause, "upstream_unavailable"),
    ],
)
def test_a_refusal_is_by_the_same_table(status: int, body: object, kind: type[Failure], code: str) -> None:
    why = failure_of(lambda: answering(status, body).subscribe(TARGET))
    assert (type(why), why.code) == (kind, code)


def test_one_that_is_not_there_is_gone_but_a_strangers_404_says_nothing() -> None:
    assert not answering(404, {"error": "Subscription not found"}).unsubscribe(7)
    why = failure_of(lambda: answering(404, b"<html>no such page</html>").unsubscribe(7))
    assert (type(why), why.code) == (Pause, "unexpected_answer")


def test_each_request_is_counted() -> None:
    seen: list[Signals] = []
    webhooks = upstream(Recorder(201, {"id": 7}, [("X-RateLimit-Remaining", "41")]), seen)
    webhooks.subscribe(TARGET)
    webhooks.unsubscribe(7)
    assert [(it.status, it.remaining) for it in seen] == [(201, 41), (201, 41)]


def test_the_simulator_understands_it() -> None:
    world = World(Options(leads=0))
    webhooks = upstream(create_app(world.options, world=world))
    number = webhooks.subscribe(TARGET, {"streamId": 14})
    assert webhooks.subscribe(TARGET) == number
    assert [(it.target, it.filters) for it in world.subscriptions.all()] == [(TARGET, {})]
    assert webhooks.unsubscribe(number)
    assert not webhooks.unsubscribe(number)
    assert world.subscriptions.all() == ()
