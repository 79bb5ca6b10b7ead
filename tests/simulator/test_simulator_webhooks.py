"""The simulator's webhooks: documented filters, one subscription an address, and POSTs to real receivers."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from syncd.simulator.webhooks import post
from tests.simulator.conftest import Make, Simulator
from tests.support.patience import patience

PATH = "/api/v2/webhooks/subscribe"


class Inbox:
    """A receiver on loopback."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.status = 200
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                inbox.bodies.append(json.loads(sent) if sent else None)
                self.send_response(inbox.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    made = Inbox()
    yield made
    made.close()


def call(simulator: Simulator, method: str, body: Any) -> Any:
    return simulator.http.open(PATH, method=method, json=body, headers={"Authorization": "Bearer ctgo_test"})


def subscribe(simulator: Simulator, target: str, **filters: Any) -> int:
    said = call(simulator, "POST", {"targetUrl": target, **({"filterConfig": filters} if filters else {})})
    assert said.status_code == 201
    number: int = said.json["id"]
    return number


def sent(simulator: Simulator, n: int) -> dict[str, int]:
    """How many POSTs were answered how, once there are so many."""
    end = time.monotonic() + patience(20)
    while sum(simulator.world.subscriptions.answers.values()) < n:
        assert time.monotonic() < end
        threading.Event().wait(0.005)
    return dict(simulator.world.subscriptions.answers)


def test_the_same_address_keeps_its_id_and_gets_the_new_filter(make: Make) -> None:
    simulator = make(leads=0)
    first, other = (
        subscribe(simulator, "https://a.example/x", streamId=14),
        subscribe(simulator, "https://b.example/x"),
    )
    assert first != other
    assert subscribe(simulator, "https://a.example/x", accountId=3) == first
    assert [(it.id, it.filters) for it in simulator.world.subscriptions.all()] == [
        (first, {"accountId": 3}),
        (other, {}),
    ]


def test_one_is_removed_by_its_id_and_an_unknown_one_is_404(make: Make) -> None:
    simulator = make(leads=0)
    number = subscribe(simulator, "https://a.example/x")
    assert call(simulator, "DELETE", {"id": number}).status_code == 200
    assert call(simulator, "DELETE", {"id": number}).status_code == 404
    assert subscribe(simulator, "https://a.example/x") != number, "a new one is a new one"


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("POST", None),
        ("POST", []),
        ("POST", {}),
        ("POST", {"targetUrl": 7}),
        ("POST", {"targetUrl": "file:///etc/passwd"}),
        ("POST", {"targetUrl": "https://"}),
        ("POST", {"targetUrl": "http://[x"}),
        ("POST", {"targetUrl": "https://a.example", "filterConfig": 7}),
        ("DELETE", None),
        ("DELETE", {"id": "1"}),
        ("DELETE", {"id": True}),
    ],
)
def test_a_body_that_says_nothing_is_400(make: Make, method: str, body: Any) -> None:
    assert call(make(leads=0), method, body).status_code == 400


def test_without_a_key_nobody_subscribes(make: Make) -> None:
    simulator = make(leads=0)
    assert simulator.http.post(PATH, json={"targetUrl": "https://a.example"}).status_code == 401


@pytest.mark.parametrize(
    ("form", "read"),
    [("envelope", lambda it: it["leads"]), ("bare", lambda it: it), ("nothing", lambda _: None)],
)
def test_new_leads_are_posted_in_one_go(make: Make, inbox: Inbox, form: str, read: Any) -> None:
    simulator = make(leads=0, webhook_body=form)
    subscribe(simulator, inbox.url)
    made: Any = simulator.http.post("/_sim/leads", json={"count": 3}).json
    assert sent(simulator, 1) == {"200": 1}
    found = read(inbox.bodies[0])
    assert found is None if form == "nothing" else [it["id"] for it in found] == made["ids"]
    told: Any = simulator.http.get("/_sim/stats").json
    assert told["webhooks"] == {
        "subscriptions": 1,
        "deliveries": {"200": 1},
    }


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({"streamId": 14}, 1),
        ({"streamId": 15}, 0),
        ({"sourceType": "follower"}, 1),
        ({"sourceType": "liker"}, 0),
        ({"feedbackStatus": "good"}, 0),
        ({"segmentId": 6}, 0),
        ({"streamId": 14, "matchConfidence": "low"}, 0),
    ],
)
def test_filters_narrow_what_is_posted(make: Make, inbox: Inbox, filters: dict[str, Any], told: int) -> None:
    simulator = make(leads=0)
    subscribe(simulator, inbox.url, **filters)
    subscribe(simulator, inbox.url + "/all")
    simulator.world.add_leads(1, stream_id=14)
    assert sent(simulator, 1 + told) == {"200": 1 + told}


def test_filters_by_account_and_confidence_split_the_leads(make: Make, inbox: Inbox) -> None:
    simulator = make(leads=0)
    for confidence in ("high", "medium"):
        subscribe(simulator, f"{inbox.url}/{confidence}", matchConfidence=confidence)
    ids = simulator.world.add_leads(30)
    sent(simulator, 2)
    split = [{it["matchConfidence"] for it in body["leads"]} for body in inbox.bodies]
    assert sorted(map(sorted, split)) == [["high"], ["medium"]]
    assert sorted(it["id"] for body in inbox.bodies for it in body["leads"]) == ids


def test_leads_that_are_late_are_not_announced_before_they_are_listed(make: Make, inbox: Inbox) -> None:
    simulator = make(leads=0)
    subscribe(simulator, inbox.url)
    simulator.world.add_leads(1, listed_from=simulator.time() + 60)
    (on_time,) = simulator.world.add_leads(1)
    sent(simulator, 1)
    assert [it["id"] for it in inbox.bodies[0]["leads"]] == [on_time]


def test_a_receiver_that_is_away_refuses_or_redirects_misses_it(make: Make, inbox: Inbox) -> None:
    simulator = make(leads=0)
    subscribe(simulator, "http://127.0.0.1:9/nobody")
    simulator.world.add_leads(1)
    assert sent(simulator, 1) == {"failed": 1}
    inbox.status = 503
    assert post(inbox.url, b"{}") == "503"
    inbox.status = 302
    assert post(inbox.url, b"{}") == "302"
    assert len(inbox.bodies) == 2, "nothing is sent elsewhere, and nothing again"
