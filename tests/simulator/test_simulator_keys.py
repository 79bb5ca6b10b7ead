"""Keys, removed paths, and what surrounds every answer."""

import pytest

from tests.simulator.conftest import Make

MISSING = "Missing or invalid Authorization header. Use: Bearer <api_key>"


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (None, MISSING),
        ("Basic Zm9v", MISSING),
        ("Bearer", MISSING),
        ("Bearer sk_live_1", "Invalid API key format."),
        ("Bearer ctgo_", "Invalid API key format."),
        ("Bearer ctgo_dead", "Invalid or revoked API key."),
        ("Bearer ctgo_stranger", "Invalid or revoked API key."),
    ],
)
def test_a_key_that_is_not_let_in_gets_one_of_three_sentences(
    make: Make, header: str | None, sentence: str
) -> None:
    simulator = make(api_keys=frozenset({"ctgo_good", "ctgo_dead"}), revoked_keys=frozenset({"ctgo_dead"}))
    answer = simulator.http.get("/api/v2/me", headers={"Authorization": header} if header else {})
    assert (answer.status_code, answer.json) == (401, {"error": sentence})


def test_any_key_of_the_right_shape_is_let_in_when_none_is_named(make: Make) -> None:
    assert make().get("/me", key="ctgo_whatever").status_code == 200


def test_a_revoked_key_is_dead_and_others_live(make: Make) -> None:
    simulator = make()
    assert simulator.get("/me", key="ctgo_a").status_code == 200
    simulator.world.revoke("ctgo_a")
    assert simulator.get("/me", key="ctgo_a").status_code == 401
    assert simulator.get("/me", key="ctgo_b").status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_v1_is_gone_and_points_to_the_migration_guide(make: Make, method: str) -> None:
    answer = make().http.open("/api/v1/feedback", method=method)
    assert answer.status_code == 410
    assert "migration-v1-to-v2" in answer.text


def test_an_unknown_path_and_a_wrong_method_are_json(make: Make) -> None:
    simulator = make()
    assert (simulator.get("/nothing").status_code, simulator.get("/nothing").json) == (
        404,
        {"error": "not_found", "message": "Not found"},
    )
    assert simulator.post("/me").status_code == 405


def test_an_unknown_path_needs_a_key_too(make: Make) -> None:
    assert make().http.get("/api/v2/nothing").status_code == 401


def test_the_date_is_the_clock(make: Make) -> None:
    assert make().get("/me").headers["Date"] == "Mon, 21 Sep 2026 14:13:20 GMT"


def test_latency_is_spent_after_the_call_took_effect(make: Make) -> None:
    simulator = make(latency=0.25)
    lead = simulator.ids(limit=1)[0]
    simulator.post(f"/leads/{lead}/export")
    assert simulator.slept == [0.25, 0.25]
    assert lead in simulator.world.exported


def test_me_shows_credits_and_the_tracked_accounts(make: Make) -> None:
    body = make(credits=4).get("/me").json
    assert body["credits"] == {
        "balance": 4,
        "lowBalanceThreshold": 10,
        "isLow": True,
        "autoTopupEnabled": False,
    }
    assert body["accounts"][0]["xHandle"] == "northwindlabs"


def test_campaigns_segments_and_accounts_agree_with_the_leads(make: Make) -> None:
    simulator = make()
    streams = simulator.get("/streams").json["streams"]
    segments = {segment["id"] for segment in simulator.get("/segments").json["segments"]}
    accounts = {account["id"] for account in simulator.get("/accounts").json["active"]}
    pairs = {(s["id"], pair["accountId"], pair["segmentId"]) for s in streams for pair in s["pairs"]}
    found = {
        (lead["streamId"], lead["trackedXAccountId"], lead["segmentId"])
        for lead in simulator.leads(limit=500)
    }
    assert found == pairs
    assert {segment for _, _, segment in pairs} <= segments
    assert {account for _, account, _ in pairs} <= accounts


def test_one_campaign_is_shown_by_its_id_and_a_strange_one_is_404(make: Make) -> None:
    simulator = make()
    assert simulator.get("/streams/14").json["stream"]["name"] == "Indie founders"
    assert simulator.get("/streams/999").status_code == 404


def test_campaigns_can_come_bare(make: Make) -> None:
    simulator = make(stream_envelope="bare")
    assert [stream["id"] for stream in simulator.get("/streams").json] == [14, 15, 16]
    assert simulator.get("/streams/15").json["id"] == 15


def test_archived_campaigns_hide_where_the_switches_say(make: Make) -> None:
    hidden = make(archived_campaigns=1, archived_in_leads=False)
    assert len(hidden.get("/streams").json["streams"]) == 2
    assert {lead["streamId"] for lead in hidden.leads(limit=500)} == {14, 15}
    assert hidden.leads("/streams/16/leads")
    shown = make(archived_campaigns=1, archived_in_streams=True)
    assert [s["isArchived"] for s in shown.get("/streams").json["streams"]] == [False, False, True]
    assert {lead["streamId"] for lead in shown.leads(limit=500)} == {14, 15, 16}


def test_undocumented_errors_are_codes_or_sentences(make: Make) -> None:
    assert make().get("/streams/9/leads").json == {"error": "stream_not_found", "message": "Stream not found"}
    assert make(errors="sentences").get("/streams/9/leads").json == {"error": "Stream not found"}
