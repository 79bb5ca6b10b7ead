"""Listings: filters, pages, orders, and the shapes a client must be ready for."""

from typing import Any

import pytest

from syncd.simulator.instants import iso
from tests.simulator.conftest import START, Make, Simulator


def everything(
    simulator: Simulator, path: str = "/leads", size: int = 50, **filters: Any
) -> list[dict[str, Any]]:
    leads: list[dict[str, Any]] = []
    while True:
        body = simulator.get(path, limit=size, offset=len(leads), **filters).json
        leads += body["leads"]
        if not body["hasMore"]:
            assert body["total"] == len(leads)
            return leads


def test_a_lead_has_the_documented_members(make: Make) -> None:
    lead = make().leads(limit=1)[0]
    assert list(lead) == [
        "id",
        "streamId",
        "trackedXAccountId",
        "segmentId",
        "matchConfidence",
        "sourceType",
        "discoveredAt",
        "exportedAt",
        "profile",
    ]
    assert list(lead["profile"]) == [
        "xUserId",
        "handle",
        "displayName",
        "profileImageUrl",
        "followerCount",
        "bio",
    ]


@pytest.mark.parametrize("order", ["ascending", "descending", "id"])
@pytest.mark.parametrize("path", ["/leads", "/streams/14/leads"])
def test_pages_add_up_to_every_lead_once(make: Make, order: str, path: str) -> None:
    leads = everything(make(leads=230, order=order, repeats=0.2, repeat_ids="own"), path)
    assert len({lead["id"] for lead in leads}) == len(leads)


def test_the_default_page_has_100_leads_and_the_largest_500(make: Make) -> None:
    simulator = make(leads=600)
    assert (len(simulator.leads()), len(simulator.leads(limit=500))) == (100, 500)


def test_a_full_last_page_has_no_more(make: Make) -> None:
    simulator = make(leads=20)
    assert [simulator.get("/leads", limit=10, offset=at).json["hasMore"] for at in (0, 9, 10)] == [
        True,
        True,
        False,
    ]


def test_pages_beyond_the_end_are_empty(make: Make) -> None:
    assert make().get("/leads", offset=1_000).json == {"leads": [], "total": 130, "hasMore": False}


@pytest.mark.parametrize(
    ("order", "member", "turned"),
    [("ascending", "discoveredAt", False), ("descending", "discoveredAt", True), ("id", "id", False)],
)
def test_the_order_is_a_switch(make: Make, order: str, member: str, turned: bool) -> None:  # noqa: FBT001
    shown = [lead[member] for lead in make(order=order, repeats=0.3, repeat_ids="own").leads(limit=500)]
    assert shown == sorted(shown, reverse=turned)


def test_shuffled_is_another_order_at_every_request(make: Make) -> None:
    simulator = make(order="shuffled")
    first, second = simulator.ids(limit=500), simulator.ids(limit=500)
    assert first != second
    assert sorted(first) == sorted(second)
    assert len(simulator.ids(limit=100, offset=100)) == 30


@pytest.mark.parametrize(
    ("parameter", "member", "value"),
    [
        ("matchConfidence", "matchConfidence", "high"),
        ("matchConfidence", "matchConfidence", "medium"),
        ("accountId", "trackedXAccountId", 3),
        ("segmentId", "segmentId", 9),
        ("streamId", "streamId", 15),
    ],
)
def test_a_filter_selects_what_it_says(make: Make, parameter: str, member: str, value: Any) -> None:
    simulator = make()
    wanted = {lead["id"] for lead in simulator.leads(limit=500) if lead[member] == value}
    assert wanted
    assert set(simulator.ids(limit=500, **{parameter: value})) == wanted


def test_the_campaign_of_the_path_goes_before_a_filter(make: Make) -> None:
    assert {lead["streamId"] for lead in make().leads("/streams/14/leads", streamId=15)} == {14}


def test_lifecycle_splits_the_leads(make: Make) -> None:
    simulator = make(leads=5)
    lead = simulator.ids()[2]
    simulator.post(f"/leads/{lead}/export")
    assert simulator.ids(lifecycle="exported") == [lead]
    assert len(simulator.ids(lifecycle="new")) == 4
    assert len(simulator.ids()) == 5


@pytest.mark.parametrize(("edge", "kept"), [("exclusive", 2), ("inclusive", 3)])
def test_since_has_an_edge_that_is_a_switch(make: Make, edge: str, kept: int) -> None:
    simulator = make(leads=5, since=edge, order="ascending")
    instant = simulator.leads()[2]["discoveredAt"]
    assert len(simulator.ids(since=instant)) == kept


@pytest.mark.parametrize("form", ["{}Z", "{}+00:00", "{}.000Z", "{}"])
def test_since_is_read_with_and_without_an_offset(make: Make, form: str) -> None:
    simulator = make(leads=5, order="ascending")
    instant = simulator.leads()[2]["discoveredAt"].removesuffix("Z")
    assert len(simulator.ids(since=form.format(instant))) == 2


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("limit", "501"),
        ("limit", "0"),
        ("limit", "many"),
        ("offset", "-1"),
        ("since", "yesterday"),
        ("lifecycle", "old"),
        ("matchConfidence", "full"),
        ("segmentId", "six"),
        ("summary", "yes"),
    ],
)
def test_a_bad_parameter_is_refused_or_survived(make: Make, parameter: str, value: str) -> None:
    refused = make().get("/leads", **{parameter: value})
    assert refused.status_code == 400
    assert refused.json == {"error": "invalid_parameter", "message": f"Invalid value for {parameter}"}
    assert make(bad_parameters="lenient").get("/leads", **{parameter: value}).status_code == 200


def test_a_lenient_limit_is_clamped(make: Make) -> None:
    simulator = make(leads=600, bad_parameters="lenient")
    assert len(simulator.leads(limit=9_999)) == 500
    assert len(simulator.leads(limit=-3)) == 1


def test_a_summary_counts_within_the_filters_or_without_them(make: Make) -> None:
    for filtered in (True, False):
        simulator = make(summary_filtered=filtered)
        since = iso(START - 1_200)
        within: dict[str, Any] = {"since": since} if filtered else {}
        counts = simulator.get("/streams/14/leads", summary="true", since=since).json
        counted = simulator.leads("/streams/14/leads", limit=500, **within)
        assert counts == {
            "highFitCount": sum(lead["matchConfidence"] == "high" for lead in counted),
            "mediumFitCount": sum(lead["matchConfidence"] == "medium" for lead in counted),
        }


def test_the_cross_campaign_route_can_ignore_paging(make: Make) -> None:
    simulator = make(leads_route="ignored")
    first, second = simulator.get("/leads", limit=10), simulator.get("/leads", limit=10, offset=10)
    assert first.json == second.json
    assert (len(first.json["leads"]), first.json["hasMore"]) == (100, True)


def test_the_cross_campaign_route_can_have_other_shapes_while_campaigns_keep_theirs(make: Make) -> None:
    without = make(leads_route="without_has_more")
    assert sorted(without.get("/leads").json) == ["leads", "total"]
    assert isinstance(make(leads_route="bare").get("/leads").json, list)
    missing = make(leads_route="missing")
    assert missing.get("/leads").status_code == 404
    assert missing.get("/streams/14/leads").json["hasMore"] is False


def test_contact_data_appears_where_the_switch_says(make: Make) -> None:
    plain = make().leads(limit=1)[0]
    assert "email" not in plain
    assert "email" not in plain["profile"]
    assert {"email", "emailStatus", "linkedinUrl"} <= make(contact_in_listings="lead").leads(limit=1)[
        0
    ].keys()
    assert "linkedinUrl" in make(contact_in_listings="profile").leads(limit=1)[0]["profile"]


def test_instants_can_have_milliseconds_that_since_compares_with(make: Make) -> None:
    simulator = make(leads=0, times="milliseconds", order="ascending")
    for instant in (START + 0.001, START + 0.0019, START + 0.5):
        simulator.time.instant = instant
        simulator.world.add_leads(1)
    shown = [lead["discoveredAt"] for lead in simulator.leads()]
    assert shown[0].endswith(":20.001Z")
    assert len(simulator.ids(since=shown[1])) == 1
