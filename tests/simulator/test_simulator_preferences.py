"""Templates, notifications, look-ups, and leads in groups."""

from typing import Any

import pytest

from syncd.simulator.instants import iso
from tests.simulator.conftest import START, Make, Simulator

HELLO = {"name": "Hello", "messageBody": "Hi {name}"}


def test_a_template_is_made_read_written_anew_and_thrown_away(make: Make) -> None:
    simulator = make()
    answer = simulator.post("/dm-templates", HELLO)
    template = {"id": 1, **HELLO, "createdAt": iso(START), "updatedAt": iso(START)}
    assert (answer.status_code, answer.json) == (201, {"template": template})
    simulator.wait(60)
    changed = simulator.send("PUT", "/dm-templates/1", {**HELLO, "messageBody": "Hey"}).json["template"]
    assert changed == {**template, "messageBody": "Hey", "updatedAt": iso(START + 60)}
    assert simulator.get("/dm-templates/1").json == {"template": changed}
    assert simulator.get("/dm-templates").json == {"templates": [changed]}
    assert simulator.send("DELETE", "/dm-templates/1").json == {"deleted": True}
    assert simulator.get("/dm-templates").json == {"templates": []}
    assert simulator.post("/dm-templates", HELLO).json["template"]["id"] == 2


def test_a_name_of_a_template_is_taken_once(make: Make) -> None:
    simulator = make()
    for name in ("Hello", "Other"):
        assert simulator.post("/dm-templates", {**HELLO, "name": name}).status_code == 201
    for answer in (simulator.post("/dm-templates", HELLO), simulator.send("PUT", "/dm-templates/2", HELLO)):
        assert (answer.status_code, answer.json["error"]) == (409, "template_exists")
    assert simulator.send("PUT", "/dm-templates/1", HELLO).status_code == 200


@pytest.mark.parametrize(
    "body",
    [{}, {"name": "x"}, {"name": "", "messageBody": "x"}, {"name": "x" * 101, "messageBody": "x"},
     {"name": "x", "messageBody": "x" * 2_001}],
)  # fmt: skip
def test_a_template_needs_both_and_has_limits(make: Make, body: Any) -> None:
    simulator = make()
    simulator.post("/dm-templates", HELLO)
    assert simulator.post("/dm-templates", body).status_code == 400
    assert simulator.send("PUT", "/dm-templates/1", body).status_code == 400


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_strange_template_is_404(make: Make, method: str) -> None:
    answer = make().send(method, "/dm-templates/7", HELLO if method == "PUT" else None)
    assert (answer.status_code, answer.json["error"]) == (404, "template_not_found")


def test_of_notification_settings_only_what_is_named_changes(make: Make) -> None:
    simulator = make()
    assert simulator.get("/notification-settings").json == {
        "summaryFrequency": "daily",
        "channels": {"email": True, "telegram": False},
    }
    after = {"summaryFrequency": "daily", "channels": {"email": True, "telegram": True}}
    assert simulator.send("PUT", "/notification-settings", {"channels": {"telegram": True}}).json == after
    assert simulator.get("/notification-settings").json == after
    assert simulator.send("PUT", "/notification-settings", {"summaryFrequency": "hourly"}).status_code == 400


def test_a_handle_is_looked_up_for_credits_and_remembered(make: Make) -> None:
    simulator = make(leads=1, contact_rate=1, credits=9)
    person = simulator.world.listed()[0].person
    body = simulator.post("/lookups/enrich", {"handle": f"@{person.handle}"}).json
    assert body["x_profile_id"] == person.x_user_id
    assert body["result"]["linkedin"]["url"] == person.linkedin
    assert body["credits_remaining"] == 7
    assert simulator.post("/lookups/enrich-email", {"handle": "somebody"}).json["credits_remaining"] == 6
    links, emails = (
        simulator.get(f"/lookups/{kind}/history").json["history"] for kind in ("enrich", "enrich-email")
    )
    assert [(one["handle"], one["createdAt"]) for one in links] == [(person.handle, iso(START))]
    assert [(one["handle"], one["result"]["kind"]) for one in emails] == [("somebody", "resolved")]


def test_a_stranger_is_the_same_at_every_look_and_paid_once(make: Make) -> None:
    simulator = make(contact_rate=1)
    asked = [simulator.post("/lookups/enrich-email", {"handle": "somebody"}).json for _ in range(2)]
    assert asked[0] == asked[1]


def test_history_is_newest_first_and_in_numbers(make: Make) -> None:
    simulator = make(credits=100)
    for name in ("a", "b", "c"):
        simulator.post("/lookups/enrich", {"handle": name, "requested_outputs": ["linkedin_url"]})
    told = simulator.get("/lookups/enrich/history", limit=2).json["history"]
    assert [one["handle"] for one in told] == ["c", "b"]


@pytest.mark.parametrize(
    ("options", "handle", "status", "error"),
    [
        ({}, "nobody_here", 404, "handle_not_found"),
        ({}, "locked_larry", 422, "handle_protected"),
        ({"credits": 0}, "somebody", 429, "credits_exhausted"),
        ({"team": False}, "somebody", 400, "no_team"),
        ({"profile_missing_rate": 1.0}, "somebody", 404, "profile_missing"),
    ],
)
def test_a_look_up_is_refused_as_enriching_is(
    make: Make, options: dict[str, Any], handle: str, status: int, error: str
) -> None:
    simulator = make(**options)
    for path in ("/lookups/enrich", "/lookups/enrich-email"):
        answer = simulator.post(path, {"handle": handle})
        assert (answer.status_code, answer.json["error"]) == (status, error)


def test_a_segment_is_proposed_from_free_text_or_made_of_it(make: Make) -> None:
    text = {"description": "Women who are founders and write Python"}
    proposed = {
        **text,
        "name": None,
        "genderValues": ["female"],
        "appliedSearchFilters": {"job_role": ["Founder"], "skill": ["Python"]},
        "followerCountTiers": [],
    }
    simulator = make(segment_from_text="draft")
    assert simulator.post("/lookups/segments/from-description", text).json == {"segment": proposed}
    assert len(simulator.get("/segments").json["segments"]) == 4
    assert simulator.post("/segments", proposed).status_code == 201
    other = make()
    made = other.post("/lookups/segments/from-description", text).json["segment"]
    assert other.get("/segments").json["segments"][-1].items() >= made.items()


def test_a_key_revokes_itself_and_no_other(make: Make) -> None:
    simulator = make()
    simulator.get("/me", key="ctgo_a")
    simulator.get("/me", key="ctgo_b")
    assert simulator.send("DELETE", "/lookups/api-keys/2", key="ctgo_a").status_code == 404
    assert simulator.send("DELETE", "/lookups/api-keys/1", key="ctgo_a").json == {"revoked": True}
    assert [simulator.get("/me", key=key).status_code for key in ("ctgo_a", "ctgo_b")] == [401, 200]


def grouped(simulator: Simulator, **parameters: Any) -> Any:
    return simulator.get("/leads", groupBy="stream", **parameters).json


def test_leads_come_in_groups_and_a_page_stays_a_page(make: Make) -> None:
    simulator = make()
    page, groups = simulator.get("/leads", limit=50).json, grouped(simulator, limit=50)
    assert (groups["total"], groups["hasMore"]) == (page["total"], page["hasMore"])
    assert {one["streamName"] for one in groups["groups"]} == {
        "Indie founders",
        "DevRel and friends",
        "Design engineers",
    }
    for group in groups["groups"]:
        assert group["leads"] == [lead for lead in page["leads"] if lead["streamId"] == group["streamId"]]
    by_id = make(grouped="map").get("/leads", groupBy="stream", limit=50).json
    assert by_id["groups"] == {str(one["streamId"]): one["leads"] for one in groups["groups"]}


def test_a_summary_in_groups_counts_each_campaign(make: Make) -> None:
    simulator = make()
    for group in grouped(simulator, summary="true")["groups"]:
        counts = simulator.get(f"/streams/{group['streamId']}/leads", summary="true").json
        assert group.items() >= counts.items()
    assert [one["streamId"] for one in grouped(simulator, summary="true", streamId=15)["groups"]] == [15]


def test_groups_are_by_stream_or_refused_or_not_simulated(make: Make) -> None:
    assert make().get("/leads", groupBy="segment").status_code == 400
    assert make(grouped="refused").get("/leads", groupBy="stream").status_code == 501
    assert "leads" in make().get("/streams/14/leads", groupBy="stream").json
