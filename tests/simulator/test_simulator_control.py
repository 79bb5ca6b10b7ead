"""The control surface, and failures ordered in advance."""

from typing import Any

import pytest

from syncd.simulator import Fault
from tests.simulator.conftest import START, Make, Simulator


def order(simulator: Simulator, verb: str, **body: Any) -> Any:
    return simulator.http.post(f"/_sim/{verb}", json=body)


def test_stats_tell_what_came_in(make: Make) -> None:
    simulator = make(leads=3, rate_limit=3)
    simulator.get("/leads")
    simulator.get("/streams/14/leads")
    simulator.post("/leads/90211/export")
    simulator.post("/leads/90212/export")
    simulator.get("/nothing", key="")
    assert simulator.http.get("/_sim/stats").json == {
        "requests": {
            "GET /api/v2/leads": {"200": 1},
            "GET /api/v2/streams/{id}/leads": {"200": 1},
            "GET unmatched": {"401": 1},
            "POST /api/v2/leads/{id}/export": {"200": 1, "429": 1},
        },
        "total": 5,
        "tooManyRequests": 1,
        "busiestMinute": 4,
        "exports": {"accepted": 1, "leads": 1, "byId": {"90211": 1}},
        "leads": {"listed": 3, "new": 2, "exported": 1},
        "credits": 31,
        "webhooks": {"subscriptions": 0, "deliveries": {}},
    }


def test_the_control_surface_needs_no_key_and_is_neither_counted_nor_limited(make: Make) -> None:
    simulator = make(rate_limit=1)
    for _ in range(5):
        assert simulator.http.get("/_sim/stats").status_code == 200
    assert simulator.world.requests == ()


def test_the_log_holds_each_request_with_its_arrival(make: Make) -> None:
    simulator = make(request_log=2)
    for instant in (START, START + 1, START + 2):
        simulator.time.instant = instant
        simulator.get("/leads", limit=1)
    noted = simulator.world.requests
    assert [(r.method, r.path, r.query, r.status, r.arrival, r.key) for r in noted] == [
        ("GET", "/api/v2/leads", "limit=1", 200, START + 1, "ctgo_test"),
        ("GET", "/api/v2/leads", "limit=1", 200, START + 2, "ctgo_test"),
    ]
    assert simulator.world.stats()["total"] == 3


def test_leads_can_be_added(make: Make) -> None:
    simulator = make(leads=0)
    assert order(simulator, "leads", count=2).json == {"ids": [90_211, 90_212]}
    assert sorted(simulator.ids()) == [90_211, 90_212]
    assert order(simulator, "leads", count="two").status_code == 400


def test_the_next_calls_of_a_route_fail_and_then_it_recovers(make: Make) -> None:
    simulator = make(leads=1)
    order(simulator, "fail", route="leads", times=2, status=503, body="busy", headers={"Retry-After": "7"})
    first = simulator.get("/leads")
    assert (first.status_code, first.text, first.headers["Retry-After"]) == (503, "busy", "7")
    assert simulator.get("/me").status_code == 200
    assert [simulator.get("/leads").status_code for _ in range(2)] == [503, 200]


@pytest.mark.parametrize(("after", "exported"), [(False, []), (True, [90_211])])
def test_a_failure_comes_before_or_after_the_call_took_effect(
    make: Make,
    after: bool,  # noqa: FBT001
    exported: list[int],
) -> None:
    simulator = make(leads=1)
    order(simulator, "fail", route="export", after_applying=after)
    assert simulator.post("/leads/90211/export").status_code == 500
    assert list(simulator.world.exported) == exported
    assert simulator.post("/leads/90211/export").status_code == 200


def test_a_failure_may_be_any_bytes_with_any_status(make: Make) -> None:
    simulator = make(leads=1)
    simulator.world.fail(
        Fault("*", status=200, body=b'{"leads":[\xff', headers={"Content-Type": "text/html"})
    )
    answer = simulator.get("/leads")
    assert (answer.status_code, answer.data, answer.content_type) == (200, b'{"leads":[\xff', "text/html")


def test_failures_are_served_in_order_and_a_route_goes_before_any(make: Make) -> None:
    simulator = make()
    for route, status in (("*", 502), ("me", 500), ("me", 503)):
        simulator.world.fail(Fault(route, status=status))
    assert [simulator.get("/me").status_code for _ in range(4)] == [500, 503, 502, 200]


def test_a_body_that_is_no_text_is_sent_as_json(make: Make) -> None:
    simulator = make()
    order(simulator, "fail", route="enrich", status=404, body={"error": "profile_missing"})
    assert simulator.post("/leads/90211/enrich").json == {"error": "profile_missing"}


@pytest.mark.parametrize("body", [{"route": "exports"}, {"rout": "export"}])
def test_a_failure_of_nothing_is_refused(make: Make, body: dict[str, Any]) -> None:
    assert order(make(), "fail", **body).status_code == 400


def test_revoking_kills_one_key_or_all_that_were_used(make: Make) -> None:
    simulator = make()
    simulator.get("/me", key="ctgo_a")
    order(simulator, "revoke", key="ctgo_b")
    assert [simulator.get("/me", key=key).status_code for key in ("ctgo_a", "ctgo_b")] == [200, 401]
    order(simulator, "revoke")
    assert [simulator.get("/me", key=key).status_code for key in ("ctgo_a", "ctgo_c")] == [401, 200]


def test_leads_may_be_added_to_one_campaign(make: Make) -> None:
    simulator = make(leads=0)
    order(simulator, "leads", count=3, streamId=15)
    assert {lead["streamId"] for lead in simulator.leads()} == {15}
    assert order(simulator, "leads", streamId=77).json == {"ids": []}


def test_time_can_be_advanced(make: Make) -> None:
    simulator = make(leads=0, leads_per_minute=6)
    assert order(simulator, "advance", seconds=60).json == {"ok": True, "now": START + 60}
    assert len(simulator.ids()) == 6
    assert simulator.get("/me").headers["Date"] == "Mon, 21 Sep 2026 14:14:20 GMT"


def test_a_budget_of_one_account_or_of_all_can_be_drained(make: Make) -> None:
    simulator = make()

    def left() -> list[tuple[int, int]]:
        accounts = simulator.get("/me").json["accounts"]
        return [(one["dailySync"]["remaining"], one["monthlyRetest"]["remaining"]) for one in accounts]

    order(simulator, "drain", accountId=3, budget="retest")
    assert left() == [(3, 0), (6, 120), (1, 12), (3, 40)]
    order(simulator, "drain")
    assert left() == [(0, 0)] * 4
    assert order(simulator, "drain", accountId=77).status_code == 404


def test_credits_can_be_set(make: Make) -> None:
    simulator = make()
    order(simulator, "credits", balance=2)
    assert simulator.get("/me").json["credits"]["balance"] == 2


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("advance", {"seconds": -1}),
        ("advance", {"second": 1}),
        ("drain", {"budget": "credits"}),
        ("sleep", {}),
        ("subscription", {"status": "gold"}),
        ("stripe", {"message": 7}),
        ("leads", {"count": True}),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(make: Make, verb: str, body: dict[str, Any]) -> None:
    assert order(make(), verb, **body).status_code == 400
