"""Exporting and enriching."""

from typing import Any

import pytest

from syncd.simulator import Export
from syncd.simulator.instants import iso
from tests.simulator.conftest import START, Make, Simulator

BOTH = {"requested_outputs": ["linkedin_url", "email"]}


def exported_at(simulator: Simulator, lead_id: int) -> list[str | None]:
    return [lead["exportedAt"] for lead in simulator.leads(limit=500) if lead["id"] == lead_id]


def test_an_export_sets_exported_at_and_is_remembered_with_its_instant_and_order(make: Make) -> None:
    simulator = make(leads=3, order="id")
    first, second, _ = simulator.ids()
    assert simulator.post(f"/leads/{second}/export").json == {"ok": True}
    simulator.time.instant += 5
    simulator.post(f"/leads/{first}/export")
    assert simulator.world.exported == {second: Export(START, 1), first: Export(START + 5, 2)}
    assert exported_at(simulator, first) == [iso(START + 5)]


def test_an_export_can_answer_204(make: Make) -> None:
    simulator = make(leads=1, export_status=204)
    answer = simulator.post(f"/leads/{simulator.ids()[0]}/export")
    assert (answer.status_code, answer.data) == (204, b"")


@pytest.mark.parametrize(("scope", "flipped"), [("id", 2), ("row", 1)])
def test_the_scope_of_an_export_is_all_rows_or_one(make: Make, scope: str, flipped: int) -> None:
    simulator = make(leads=1, repeats=1, export_scope=scope)
    simulator.post("/leads/90211/export")
    assert sum(instant is not None for instant in exported_at(simulator, 90_211)) == flipped
    simulator.post("/leads/90211/export")
    assert None not in exported_at(simulator, 90_211)


@pytest.mark.parametrize(
    ("repeat", "status", "instant"), [("ok", 200, START), ("again", 200, START + 9), ("conflict", 409, START)]
)
def test_a_second_export_is_harmless_or_moves_or_conflicts(
    make: Make, repeat: str, status: int, instant: float
) -> None:
    simulator = make(leads=1, export_repeat=repeat)
    simulator.post("/leads/90211/export")
    simulator.time.instant += 9
    assert simulator.post("/leads/90211/export").status_code == status
    assert exported_at(simulator, 90_211) == [iso(instant)]
    assert simulator.world.exported == {90_211: Export(START, 1)}


def test_a_strange_lead_is_404(make: Make) -> None:
    assert make().post("/leads/1/export").json == {"error": "lead_not_found", "message": "Lead not found"}
    assert make(errors="sentences").post("/leads/1/export").json == {"error": "Lead not found"}


def test_exporting_shifts_later_pages_of_new_leads(make: Make) -> None:
    simulator = make(leads=10, order="ascending")
    page = simulator.ids(lifecycle="new", limit=5)
    for lead in page:
        simulator.post(f"/leads/{lead}/export")
    assert simulator.ids(lifecycle="new", limit=5, offset=5) == []


def test_the_hook_hears_every_export_before_it_is_applied_even_a_refused_one(make: Make) -> None:
    simulator = make(leads=2, rate_limit=1, order="id")
    heard: list[tuple[int, bool]] = []
    simulator.world.on_export = lambda lead: heard.append((lead, lead in simulator.world.exported))
    simulator.post("/leads/90211/export")
    assert simulator.post("/leads/90212/export").status_code == 429
    assert simulator.post("/leads/90212/export", key="nonsense").status_code == 401
    assert heard == [(90_211, False), (90_212, False), (90_212, False)]


def test_what_the_hook_raises_reaches_the_test(make: Make) -> None:
    simulator = make(leads=1)

    def object_to(lead: int) -> None:
        raise AssertionError(lead)

    simulator.world.on_export = object_to
    with pytest.raises(AssertionError, match="90211"):
        simulator.post("/leads/90211/export")


def test_enriching_finds_contact_data_and_costs_credits(make: Make) -> None:
    simulator = make(leads=1, contact_rate=1, credits=9, credit_cost=2)
    person = simulator.world.listed()[0].person
    body = simulator.post("/leads/90211/enrich", BOTH).json
    assert body == {
        "leadId": 90_211,
        "x_profile_id": person.x_user_id,
        "result": {
            "ok": True,
            "kind": "resolved",
            "linkedin": {"url": person.linkedin, "confidence": "high"},
            "email": {"address": person.email, "status": person.email_status, "provider": "prospeo"},
        },
        "credits_remaining": 5,
        "contact_routes": [{"routeType": "linkedin_url", "value": person.linkedin, "confidence": "high"}],
    }
    assert simulator.get("/me").json["credits"]["balance"] == 5


@pytest.mark.parametrize(("charged", "left"), [(False, 8), (True, 6)])
def test_enriching_again_costs_if_the_switch_says_so(make: Make, charged: bool, left: int) -> None:  # noqa: FBT001
    simulator = make(leads=1, contact_rate=1, credits=10, charge_repeats=charged)
    simulator.post("/leads/90211/enrich", BOTH)
    assert simulator.post("/leads/90211/enrich", BOTH).json["credits_remaining"] == left


@pytest.mark.parametrize(
    ("missing", "result"),
    [
        ("null", {"ok": False, "kind": "not_found", "linkedin": None, "email": None}),
        ("absent", {"ok": False, "kind": "not_found"}),
    ],
)
def test_nothing_found_is_null_or_absent(make: Make, missing: str, result: dict[str, Any]) -> None:
    simulator = make(leads=1, contact_rate=0, missing_contact=missing, credits=5)
    body = simulator.post("/leads/90211/enrich", BOTH).json
    assert (body["result"], body["credits_remaining"]) == (result, 5)


def test_nothing_found_can_cost_credits(make: Make) -> None:
    simulator = make(leads=1, contact_rate=0, charge_when_empty=True, credits=5)
    assert simulator.post("/leads/90211/enrich", BOTH).json["credits_remaining"] == 3


def test_the_verified_mode_leaves_out_likely_emails(make: Make) -> None:
    simulator = make(leads=60, contact_rate=1, credits=1_000)
    for row in simulator.world.listed():
        body = simulator.post(
            f"/leads/{row.id}/enrich", {"requested_outputs": ["email"], "email_mode": "verified"}
        ).json
        assert (body["result"]["email"] is not None) == (row.person.email_status == "verified")


def test_credits_run_out_with_a_429_that_is_no_rate_limit(make: Make) -> None:
    simulator = make(leads=2, contact_rate=1, credits=3)
    assert simulator.post("/leads/90211/enrich", BOTH).status_code == 200
    refused = simulator.post("/leads/90212/enrich", BOTH)
    assert (refused.status_code, refused.json["error"]) == (429, "credits_exhausted")
    assert "Retry-After" not in refused.headers
    assert simulator.world.credits == 1


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"requested_outputs": []},
        {"requested_outputs": ["phone"]},
        {"requested_outputs": "email"},
        {"requested_outputs": ["email"], "email_mode": "sure"},
        {"requested_outputs": [{}]},
    ],
)
def test_a_body_that_asks_for_nothing_known_is_400(make: Make, body: Any) -> None:
    assert make(leads=1).post("/leads/90211/enrich", body).status_code == 400


def test_enriching_needs_a_lead_and_a_team(make: Make) -> None:
    assert make(errors="sentences").post("/leads/1/enrich", BOTH).json["error"] == "lead_not_found"
    assert make(team=False).post("/leads/90211/enrich", BOTH).json["error"] == "no_team"


def test_an_x_profile_may_be_missing_and_costs_nothing(make: Make) -> None:
    simulator = make(leads=1, profile_missing_rate=1.0)
    refused = simulator.post("/leads/90211/enrich", BOTH)
    assert (refused.status_code, refused.json["error"]) == (404, "profile_missing")
    assert simulator.world.credits == 31


def test_the_balance_may_be_told_nowhere(make: Make) -> None:
    simulator = make(leads=1, credits_told=False)
    assert "credits_remaining" not in simulator.post("/leads/90211/enrich", BOTH).json
    assert "credits" not in simulator.get("/me").json


def test_credits_may_be_topped_up_by_themselves_and_a_refusal_may_say_when_to_come_back(make: Make) -> None:
    simulator = make(leads=1, auto_topup=True, credits_retry_after=7, credits=0)
    assert simulator.get("/me").json["credits"]["autoTopupEnabled"] is True
    assert simulator.post("/leads/90211/enrich", BOTH).headers["Retry-After"] == "7"
    assert "Retry-After" not in make(leads=1, credits=0).post("/leads/90211/enrich", BOTH).headers
