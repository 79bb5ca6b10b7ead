"""Campaigns: created in one call or not at all, changed, archived; segments and their labels."""

from typing import Any

import pytest

from syncd.simulator.instants import iso
from tests.simulator.conftest import START, Make, Simulator

FOUNDERS = {"description": "Founders of small tools", "appliedSearchFilters": {"job_role": ["founder"]}}
NEW = {"accountHandle": "newcomer", "accountTier": "growth", "segment": FOUNDERS}
OLD = {"accountId": 3, "segmentId": 9}


def stream(simulator: Simulator, stream_id: int) -> dict[str, Any]:
    shown: dict[str, Any] = simulator.get(f"/streams/{stream_id}").json["stream"]
    return shown


def tracked(simulator: Simulator) -> dict[str, dict[str, Any]]:
    body = simulator.get("/accounts").json
    return {one["xHandle"]: one for one in (*body["active"], *body["sleeping"])}


def test_a_campaign_is_created_with_its_accounts_segments_and_pairs_in_one_call(make: Make) -> None:
    simulator = make()
    answer = simulator.post("/streams", {"name": "Mine", "pairs": [OLD, NEW]})
    assert (answer.status_code, answer.json) == (
        201,
        {
            "id": 17,
            "accounts": [
                {
                    "handle": "newcomer",
                    "accountId": 13,
                    "accountCreated": True,
                    "billingDelta": "stripe_quantity_incremented",
                }
            ],
            "segments": [{"segmentId": 14, "segmentCreated": True}],
        },
    )
    shown = stream(simulator, 17)
    assert (shown["name"], shown["isActive"], shown["isArchived"], shown["createdAt"]) == (
        "Mine",
        True,
        False,
        iso(START),
    )
    assert shown["pairs"] == [
        {"pairId": 77, "accountId": 3, "accountHandle": "northwindlabs", "segmentId": 9},
        {"pairId": 78, "accountId": 13, "accountHandle": "newcomer", "segmentId": 14},
    ]
    assert 17 in [one["id"] for one in simulator.get("/streams").json["streams"]]
    assert tracked(simulator)["newcomer"]["tier"] == "growth"
    assert tracked(simulator)["newcomer"]["assignedSegmentIds"] == [14]
    segment = simulator.get("/segments").json["segments"][-1]
    assert (segment["id"], segment["appliedSearchFilters"]) == (14, {"job_role": ["Founder"]})
    assert segment["linkedStreamCount"] == 1


def test_an_account_that_is_tracked_already_is_found_by_its_handle_and_costs_nothing(make: Make) -> None:
    simulator = make()
    pair = {"accountHandle": "@NorthWindLabs", "segmentId": 9}
    assert simulator.post("/streams", {"pairs": [pair]}).json["accounts"] == [
        {"handle": "northwindlabs", "accountId": 3, "accountCreated": False}
    ]


def test_a_new_handle_in_two_pairs_is_one_account(make: Make) -> None:
    simulator = make()
    pairs = [{"accountHandle": "newcomer", "segmentId": segment} for segment in (6, 9)]
    assert len(simulator.post("/streams", {"pairs": pairs}).json["accounts"]) == 1
    assert tracked(simulator)["newcomer"]["tier"] == "starter"


@pytest.mark.parametrize(
    ("pairs", "name"),
    [
        ([OLD], "DevRel · @northwindlabs"),
        ([OLD, {"accountId": 3, "segmentId": 6}], "DevRel · @northwindlabs"),
        ([OLD, {"accountId": 8, "segmentId": 9}], "DevRel · 2 accounts"),
    ],
)
def test_a_campaign_without_a_name_gets_one(make: Make, pairs: list[Any], name: str) -> None:
    simulator = make()
    assert stream(simulator, simulator.post("/streams", {"pairs": pairs}).json["id"])["name"] == name


def test_a_slot_is_chosen_where_none_is_named_and_everything_else_is_kept(make: Make) -> None:
    simulator = make()
    setup = {
        "syncTimes": ["06:45", "18:00"],
        "timezone": "Europe/Paris",
        "autoEnrichEmail": True,
        "emailMode": "verified",
        "emailDigestOverride": "weekly",
        "telegramOverride": True,
        "deliveryDestination": "leads_plus_webhook",
        "webhookUrl": "https://hooks.example/a",
        "csvEmailRecipients": {"to": ["a@example.org"], "format": "full"},
    }
    shown = stream(simulator, simulator.post("/streams", {"pairs": [OLD], **setup}).json["id"])
    assert shown.items() >= setup.items()
    plain = stream(simulator, simulator.post("/streams", {"pairs": [OLD]}).json["id"])
    assert plain["syncTimes"][0][-2:] in {"00", "15", "30", "45"}


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"accountHandle": "nobody_here"}, 404, "handle_not_found"),
        ({"accountHandle": "not a handle"}, 404, "handle_not_found"),
        ({"accountHandle": "locked_larry"}, 422, "handle_protected"),
        ({"accountId": 77}, 404, "Account not found"),
        ({"segmentId": 77}, 404, "Saved search not found"),
    ],
)
def test_what_is_not_to_be_had_refuses_the_whole_call(
    make: Make, change: dict[str, Any], status: int, error: str
) -> None:
    simulator = make()
    before = [simulator.get(path).json for path in ("/streams", "/accounts", "/segments")]
    bad = {**({"segmentId": 6} if "segmentId" not in change else {"accountId": 3}), **change}
    answer = simulator.post("/streams", {"pairs": [NEW, bad]})
    assert (answer.status_code, answer.json["error"]) == (status, error)
    assert [simulator.get(path).json for path in ("/streams", "/accounts", "/segments")] == before


def test_a_look_up_that_fails_is_503_until_x_answers_again(make: Make) -> None:
    simulator = make()
    simulator.order("lookups", failures=2)
    answers = [simulator.post("/streams", {"pairs": [NEW]}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 201]
    assert answers[0].json["error"] == "handle_lookup_failed"


def test_labels_without_a_match_are_named(make: Make) -> None:
    simulator = make()
    labels = {"job_role": ["Foundr", "Founder"], "star_sign": ["Leo"]}
    for path, body in (
        ("/segments", {"description": "x", "appliedSearchFilters": labels}),
        (
            "/streams",
            {"pairs": [{"accountId": 3, "segment": {"description": "x", "appliedSearchFilters": labels}}]},
        ),
    ):
        answer = simulator.post(path, body)
        assert (answer.status_code, answer.json["error"]) == (400, "orphan_label")
        assert answer.json["orphans"] == ["Foundr", "Leo"]


def test_a_free_user_tracks_one_account_and_one_who_lapsed_creates_nothing(make: Make) -> None:
    for subscription, error in (("free_user", "free_account_limit"), ("past_due", "subscription_required")):
        simulator = make(subscription=subscription)
        answer = simulator.post("/streams", {"pairs": [NEW]})
        assert (answer.status_code, answer.json["error"]) == (403, error)
    assert make(subscription="free_user").post("/streams", {"pairs": [OLD]}).status_code == 201
    assert make(subscription="trialing").post("/streams", {"pairs": [NEW]}).status_code == 201


def test_a_tier_has_a_cap_of_campaigns_for_an_account(make: Make) -> None:
    simulator = make()
    pairs = {"pairs": [{"accountId": 11, "segmentId": 9}]}
    assert [simulator.post("/streams", pairs).status_code for _ in range(3)] == [201, 201, 400]
    assert simulator.post("/streams", pairs).json["error"] == "stream_cap_exceeded"
    simulator.send("DELETE", "/streams/17")
    assert simulator.post("/streams", pairs).status_code == 201


def test_stripe_fails_in_its_own_words_and_nothing_is_made(make: Make) -> None:
    simulator = make()
    simulator.order("stripe", message="Your card has expired.")
    answer = simulator.post("/streams", {"pairs": [NEW]})
    assert (answer.status_code, answer.json) == (502, {"error": "Your card has expired."})
    assert "newcomer" not in tracked(simulator)
    assert simulator.post("/streams", {"pairs": [NEW]}).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"pairs": []},
        {"pairs": [OLD] * 51},
        {"pairs": [OLD, OLD]},
        {"pairs": [OLD, {"accountHandle": "northwindlabs", "segmentId": 9}]},
        {"pairs": [{"accountId": 3}]},
        {"pairs": [{"segmentId": 6}]},
        {"pairs": [{"accountId": "3", "segmentId": 6}]},
        {"pairs": [{"accountId": True, "segmentId": 6}]},
        {"pairs": [{"accountId": 3, "segment": {}}]},
        {"pairs": [{**OLD, "accountTier": "top"}]},
        {"pairs": [OLD], "syncTimes": ["07:20"]},
        {"pairs": [OLD], "syncTimes": ["07:15\n"]},
        {"pairs": [OLD], "timezone": "Mars/Olympus"},
        {"pairs": [OLD], "emailMode": "sure"},
        {"pairs": [OLD], "csvEmailRecipients": {}},
    ],
)
def test_a_body_that_is_not_as_described_is_400(make: Make, body: Any) -> None:
    answer = make().post("/streams", body)
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_body")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "body: must be object"),
        ({}, "body: must contain ['pairs'] properties"),
        ({"pairs": [{"accountId": 3}]}, "pairs[0]: must have segmentId or segment"),
        ({"pairs": [{**OLD, "accountId": "3"}]}, "pairs[0].accountId: must be integer"),
        ({"pairs": [OLD], "timezone": "Mars/Olympus"}, "timezone: must be time-zone"),
    ],
)
def test_a_400_names_the_member(make: Make, body: Any, message: str) -> None:
    assert make().post("/streams", body).json["message"] == message


def test_a_change_replaces_the_pairs_and_keeps_those_that_stay(make: Make) -> None:
    simulator = make()
    before = stream(simulator, 14)["pairs"]
    kept = {name: before[0][name] for name in ("accountId", "segmentId")}
    answer = simulator.send("PATCH", "/streams/14", {"pairs": [kept, NEW], "name": "Other"})
    assert answer.json["pairsDiff"] == {
        "addedAccounts": [
            {
                "handle": "newcomer",
                "accountId": 13,
                "accountCreated": True,
                "billingDelta": "stripe_quantity_incremented",
            }
        ],
        "addedSegments": [{"segmentId": 14, "segmentCreated": True}],
    }
    after = stream(simulator, 14)
    assert (after["name"], after["pairs"][0], len(after["pairs"])) == ("Other", before[0], 2)


def test_a_change_of_anything_else_says_nothing_of_pairs_and_nulls_take_overrides_away(make: Make) -> None:
    simulator = make()
    change = {"emailDigestOverride": "off", "timezone": "Europe/Paris"}
    assert simulator.send("PATCH", "/streams/14", change).json == {"id": 14}
    assert simulator.send("PATCH", "/streams/14", {"emailDigestOverride": None}).json == {"id": 14}
    shown = stream(simulator, 14)
    assert (shown["emailDigestOverride"], shown["timezone"]) == (None, "Europe/Paris")


def test_a_refused_change_changes_nothing(make: Make) -> None:
    simulator = make()
    before = stream(simulator, 14)
    bad = {"name": "Other", "pairs": [NEW, {"accountHandle": "locked_larry", "segmentId": 6}]}
    assert simulator.send("PATCH", "/streams/14", bad).status_code == 422
    assert stream(simulator, 14) == before


def test_an_archived_campaign_is_kept_unlisted_and_can_be_restored(make: Make) -> None:
    simulator = make()
    leads = simulator.ids("/streams/14/leads", limit=500)
    assert simulator.send("DELETE", "/streams/14").json == {"archived": True}
    shown = stream(simulator, 14)
    assert (shown["isActive"], shown["isArchived"]) == (False, True)
    assert [one["id"] for one in simulator.get("/streams").json["streams"]] == [15, 16]
    assert simulator.ids("/streams/14/leads", limit=500) == leads
    assert set(leads) <= set(simulator.ids(limit=500))
    simulator.send("PATCH", "/streams/14", {"isActive": True, "isArchived": False})
    assert [one["id"] for one in simulator.get("/streams").json["streams"]] == [14, 15, 16]


def test_leads_of_an_archived_campaign_may_vanish_from_the_list_of_all_and_come_back(make: Make) -> None:
    simulator = make(archived_in_leads=False)
    every = simulator.ids(limit=500)
    theirs = set(simulator.ids("/streams/14/leads", limit=500))
    simulator.send("DELETE", "/streams/14")
    assert set(simulator.ids(limit=500)) == set(every) - theirs
    simulator.post(f"/leads/{min(theirs)}/export")
    assert set(simulator.ids("/streams/14/leads", limit=500)) == theirs
    simulator.send("PATCH", "/streams/14", {"isActive": True, "isArchived": False})
    assert simulator.ids(limit=500) == every


def test_a_paused_campaign_is_listed_or_not_and_no_leads_come_to_it(make: Make) -> None:
    simulator = make(campaigns=1, leads=0, leads_per_minute=60)
    simulator.send("PATCH", "/streams/14", {"isActive": False})
    simulator.wait(60)
    assert simulator.ids() == []
    simulator.send("PATCH", "/streams/14", {"isActive": True})
    simulator.wait(60)
    assert len(simulator.ids()) == 60
    for listed in (True, False):
        other = make(paused_in_streams=listed)
        other.send("PATCH", "/streams/14", {"isActive": False})
        assert (14 in [one["id"] for one in other.get("/streams").json["streams"]]) is listed


def test_leads_come_to_a_new_campaign_too(make: Make) -> None:
    simulator = make(campaigns=1, leads=0, leads_per_minute=60)
    simulator.post("/streams", {"pairs": [OLD]})
    simulator.wait(60)
    assert {lead["streamId"] for lead in simulator.leads()} == {14, 15}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/streams/77"),
        ("PATCH", "/streams/77"),
        ("DELETE", "/streams/77"),
        ("POST", "/streams/77/run"),
        ("POST", "/streams/77/re-test"),
        ("GET", "/streams/77/runs"),
        ("GET", "/streams/77/runs/401"),
        ("GET", "/streams/77/leads"),
    ],
)
def test_a_strange_campaign_is_404(make: Make, method: str, path: str) -> None:
    answer = make().send(method, path, {} if method == "PATCH" else None)
    assert (answer.status_code, answer.json["message"]) == (404, "Stream not found")


def test_segments_are_listed_without_archived_ones_unless_asked_for(make: Make) -> None:
    simulator = make()
    assert [one["id"] for one in simulator.get("/segments").json["segments"]] == [6, 9, 10, 13]
    every = simulator.get("/segments", excludeArchived="false").json["segments"]
    assert [one["id"] for one in every] == [6, 9, 10, 13, 4]
    assert simulator.get("/segments", excludeArchived="no").status_code == 400
    assert make(bad_parameters="lenient").get("/segments", excludeArchived="no").status_code == 200


def test_a_segment_is_created_and_shown_as_it_was_sent(make: Make) -> None:
    simulator = make()
    body = {
        "description": "x",
        "name": "X",
        "genderValues": ["female"],
        "followerCountTiers": ["10k_to_100k"],
    }
    answer = simulator.post("/segments", body)
    assert (answer.status_code, answer.json) == (201, {"id": 14, "userFacingId": "seg_14"})
    assert simulator.get("/segments").json["segments"][-1].items() >= body.items()
    assert make(created_status=200).post("/segments", body).status_code == 200
