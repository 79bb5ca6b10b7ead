import subprocess
import sys
from typing import Any

import pytest

from syncd.core.lead import Lead, parse_lead
from syncd.mapping import VARIABLES, Labels, variables

PROFILE: dict[str, Any] = {
    "xUserId": "2290114477",
    "handle": "mara_builds",
    "displayName": "Mara Oduya",
    "profileImageUrl": "https://pbs.example/x.jpg",
    "followerCount": 4310,
    "bio": "Shipping\nsmall dev tools. ",
}


def lead(profile: dict[str, Any] | None = None, **changes: Any) -> Lead:
    row = {
        "id": 90211,
        "streamId": 14,
        "trackedXAccountId": 3,
        "segmentId": 6,
        "matchConfidence": "high",
        "sourceType": "new_follower",
        "discoveredAt": "2026-06-11T09:15:00+02:00",
        "profile": PROFILE | (profile or {}),
    }
    parsed = parse_lead("main", row | changes)
    assert isinstance(parsed, tuple)
    return parsed[0]


def value(name: str, of: Lead, enrichment: dict[str, Any] | None = None) -> object:
    return variables(of, enrichment=enrichment, names=(name,))[name]


def test_every_variable_of_a_full_lead() -> None:
    subject = lead()
    labels = Labels(streams={14: "Founders"}, segments={6: "Makers"}, accounts={3: "indiehackers"})
    enrichment = {
        "email": {"address": "mara@Tools.example", "status": "verified"},
        "linkedin": {"url": "https://linkedin.example/in/mara"},
    }
    assert variables(subject, labels, enrichment, now=0.0) == {
        "id": 90211,
        "stream_id": 14,
        "stream_name": "Founders",
        "segment_id": 6,
        "segment_name": "Makers",
        "account_id": 3,
        "account_handle": "indiehackers",
        "match_confidence": "high",
        "source_type": "new_follower",
        "discovered_at": "2026-06-11T07:15:00Z",
        "handle": "mara_builds",
        "display_name": "Mara Oduya",
        "first_name": "Mara",
        "last_name": "Oduya",
        "bio": "Shipping\nsmall dev tools. ",
        "follower_count": 4310,
        "image_url": "https://pbs.example/x.jpg",
        "x_user_id": "2290114477",
        "x_url": "https://x.com/mara_builds",
        "email": "mara@Tools.example",
        "email_status": "verified",
        "email_domain": "tools.example",
        "linkedin_url": "https://linkedin.example/in/mara",
        "raw": subject.raw,
        "synced_at": "1970-01-01T00:00:00Z",
    }


def test_all_but_four_variables_of_an_empty_lead_are_null() -> None:
    parsed = parse_lead("main", {"id": 1, "discoveredAt": "2026-06-11T07:15:00Z", "profile": {}})
    assert isinstance(parsed, tuple)
    known = {name: found for name, found in variables(parsed[0]).items() if found is not None}
    assert known == {"id": 1, "discovered_at": "2026-06-11T07:15:00Z", "raw": parsed[0].raw}


def test_only_what_is_asked_for_is_computed() -> None:
    assert variables(lead(), names=("id", "bio")) == {"id": 90211, "bio": PROFILE["bio"]}
    assert variables(lead(), names=()) == {}
    assert set(variables(lead())) == set(VARIABLES)


@pytest.mark.parametrize("name", ["stream_name", "segment_name", "account_handle"])
def test_a_name_that_is_not_known_is_null_and_no_number_passes_for_it(name: str) -> None:
    assert value(name, lead()) is None


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("displayName", "display_name"),
        ("displayName", "first_name"),
        ("bio", "bio"),
        ("handle", "handle"),
        ("handle", "x_url"),
        ("xUserId", "x_user_id"),
        ("profileImageUrl", "image_url"),
    ],
)
def test_a_blank_text_is_null(key: str, name: str) -> None:
    assert value(name, lead({key: " \n"})) is None


@pytest.mark.parametrize(
    ("handle", "url"),
    [
        ("@mara", "https://x.com/mara"),
        ("a b/c?d#é.", "https://x.com/a%20b%2Fc%3Fd%23%C3%A9%2E"),
        ("@", None),
        (None, None),
    ],
)
def test_the_url_of_a_handle_holds_nothing_but_the_handle(handle: str | None, url: str | None) -> None:
    assert value("x_url", lead({"handle": handle})) == url


ENRICHED = {
    "email": {"address": "new@e.example", "status": "verified"},
    "linkedin": {"url": "https://l.example/new"},
}


@pytest.mark.parametrize(
    ("row", "profile", "enrichment", "email", "status"),
    [
        ({"email": "a@e.example"}, {}, None, "a@e.example", None),
        ({"email": {"address": " a@e.example ", "status": "any"}}, {}, None, "a@e.example", "any"),
        ({}, {"email": "p@e.example"}, None, "p@e.example", None),
        ({"email": "a@e.example"}, {"email": "p@e.example"}, None, "a@e.example", None),
        ({"email": {"address": "a@e.example", "status": "any"}}, {}, ENRICHED, "new@e.example", "verified"),
        ({"email": {"address": "a@e.example", "status": "any"}}, {}, {"email": None}, "a@e.example", "any"),
        (
            {"email": {"address": "a@e.example", "status": "verified"}},
            {},
            {"email": {"address": "b@e.example"}},
            "b@e.example",
            None,
        ),
        ({"email": "a@e.example", "emailStatus": "verified"}, {}, None, "a@e.example", "verified"),
        ({}, {"email": "a@e.example", "email_status": "guessed"}, None, "a@e.example", "guessed"),
        ({"email": "  "}, {}, {"email": {"address": ""}}, None, None),
        ({"email": "n/a"}, {}, None, None, None),
        ({"email": 7}, {"email": ["a@e.example"]}, {"email": "b@e.example"}, "b@e.example", None),
        ({"email": {"status": "verified"}}, {}, None, None, None),
    ],
)
def test_an_email_and_its_status_come_from_one_place_the_best_there_is(
    row: dict[str, Any],
    profile: dict[str, Any],
    enrichment: dict[str, Any] | None,
    email: str | None,
    status: str | None,
) -> None:
    found = variables(lead(profile, **row), enrichment=enrichment, names=("email", "email_status"))
    assert found == {"email": email, "email_status": status}


@pytest.mark.parametrize(
    ("row", "profile", "enrichment", "url"),
    [
        ({"linkedinUrl": "https://l.example/1"}, {}, None, "https://l.example/1"),
        ({"linkedin_url": " https://l.example/2 "}, {}, None, "https://l.example/2"),
        ({"linkedin": {"url": "https://l.example/3"}}, {}, None, "https://l.example/3"),
        ({}, {"linkedinUrl": "https://l.example/4"}, None, "https://l.example/4"),
        ({"linkedinUrl": "https://l.example/1"}, {}, ENRICHED, "https://l.example/new"),
        ({"linkedinUrl": "https://l.example/1"}, {}, {"linkedin": None}, "https://l.example/1"),
        ({"linkedinUrl": " ", "linkedin": 3}, {}, {"linkedin": {"url": None}}, None),
    ],
)
def test_a_linkedin_url_is_found_wherever_it_is_listed(
    row: dict[str, Any], profile: dict[str, Any], enrichment: dict[str, Any] | None, url: str | None
) -> None:
    assert value("linkedin_url", lead(profile, **row), enrichment) == url


def test_the_name_library_waits_for_the_first_name() -> None:
    program = "import sys, syncd.mapping; sys.exit('nameparser' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
