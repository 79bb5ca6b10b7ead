"""A row of a listing is a lead whatever is odd about it, unless nobody can tell which, for which campaign or about whom."""

import json
import re
import timeit
from typing import Any

import pytest

from syncd.core import texts
from syncd.core.lead import LARGEST_PAYLOAD, UNDATED, Lead, Malformed, parse_lead, read_lead
from syncd.mapping import variables
from syncd.testing.samples import raw_lead

ODD: list[Any] = [
    {"n": 1},
    [1],
    True,
    10**400,
    float("nan"),
    float("inf"),
    "9" * 5000,
    "the day before yesterday",
]
TEXTS = ("matchConfidence", "sourceType")
NUMBERS = ("trackedXAccountId",)
TIMES = ("discoveredAt", "exportedAt")


def row(profile: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    raw = raw_lead(1)
    return {**raw, **changes, "profile": {**raw["profile"], **(profile or {})}}


def read(raw: object) -> Lead:
    """The lead, which its payload gives again."""
    parsed = parse_lead("main", raw)
    assert not isinstance(parsed, Malformed), parsed.reason
    lead, payload = parsed
    assert read_lead("main", payload) == lead
    json.dumps(lead.raw, ensure_ascii=False, allow_nan=False).encode()
    assert "\0" not in str(lead)
    assert len(payload) <= LARGEST_PAYLOAD
    return lead


@pytest.mark.parametrize("odd", [it for it in ODD if not isinstance(it, str)], ids=lambda it: str(it)[:20])
@pytest.mark.parametrize("name", [*TEXTS, *NUMBERS, *TIMES])
def test_a_field_of_another_type_costs_that_field_alone(name: str, odd: Any) -> None:
    found, whole = read(row(**{name: odd})), read(row())
    assert found.key == whole.key
    assert found.profile == whole.profile


@pytest.mark.parametrize("odd", [{"n": 1}, [1], float("nan")], ids=str)
@pytest.mark.parametrize("name", ["handle", "displayName", "profileImageUrl", "followerCount", "bio"])
def test_so_does_one_in_the_profile(name: str, odd: Any) -> None:
    found, whole = read(row({name: odd})), read(row())
    gone = re.sub("[A-Z]", lambda it: "_" + it[0].lower(), name).replace("profile_image", "image")
    assert found.profile == whole.profile._replace(**{gone: None})


@pytest.mark.parametrize("odd", ["soon", None, {}, "9999-12-31T23:59:59-23:59", 10**400], ids=str)
def test_a_lead_that_does_not_say_when_it_was_found_is_null_there(odd: Any) -> None:
    found = read(row(discoveredAt=odd))
    assert found.discovered_at is UNDATED
    assert variables(found)["discovered_at"] is None


NOT_IDS: list[Any] = ["ninety", [7], {}, -1, 2**63, float("inf"), 1.5]
NOBODY: list[Any] = [None, [], "mara"]
NO_PERSON: list[Any] = [{}, ["7"], True, float("nan")]
BAD: list[tuple[dict[str, Any], str]] = [
    *(({name: odd}, name) for name in ("id", "streamId", "segmentId") for odd in NOT_IDS),
    *(({"profile": odd}, "profile") for odd in NOBODY),
    *(({"profile": {"xUserId": odd}}, "profile.xUserId") for odd in NO_PERSON),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "where"), BAD, ids=str)
def test_only_what_does_not_say_who_and_for_which_campaign_is_malformed(
    changes: dict[str, Any], where: str
) -> None:
    found = parse_lead("main", {**raw_lead(1), **changes})
    assert isinstance(found, Malformed)
    assert found.reason.startswith(f"{where}: ")


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("half \ud83d of it", "half \ufffd of it"), ("\udfff\ud800", "\ufffd\ufffd"), pytest.param("a\0b", "a\ufffdb", id="a NUL"),
        ("\x1b[31m\x07\x7f\x85", "\ufffd[31m\ufffd\ufffd\ufffd"), ("\b\f\v", "\ufffd\ufffd\ufffd"), ("tab\tand\r\nline", "tab\tand\r\nline"),
        ("whole 😀 \\ud83d \\u0000 ° é", "whole 😀 \\ud83d \\u0000 ° é"), ("x" * 10_001, "x" * 9_999 + "…"), ("x" * 10_000, "x" * 10_000),
        ("😀" * 3_000_000, "😀" * 9_999 + "…"),
    ],
    ids=lambda it: ascii(it[:20]),
)  # fmt: skip
def test_text_is_cleaned_by_the_rule_wherever_it_stands(text: str, cleaned: str) -> None:
    assert texts.clean_text(cleaned) == cleaned
    assert read(row({"bio": text})).profile.bio == cleaned
    assert read(row(news=[{"said": text}])).raw["news"] == [{"said": cleaned}]
    assert next(iter(read(row(news={text: 1})).raw["news"])) == cleaned


def test_the_text_as_it_came_is_kept_where_it_can_be() -> None:
    kept = parse_lead("main", row({"bio": "half \ud83d\0"}, score=float("nan")))
    assert not isinstance(kept, Malformed)
    assert json.loads(kept[1])["profile"]["bio"] == "half \ud83d\0"
    long = parse_lead("main", row({"bio": "x" * 20_000}))
    assert not isinstance(long, Malformed)
    assert json.loads(long[1])["profile"]["bio"] == "x" * 20_000


def test_of_a_row_that_is_too_large_the_small_parts_are_kept() -> None:
    found = read(row({"more": list(range(100_000))}, news=["x" * 9_000] * 100, email="m@x.example"))
    assert "news" not in found.raw
    assert found.raw["email"] == "m@x.example"
    assert found.raw["profile"] == raw_lead(1)["profile"]


def test_a_nesting_without_end_is_null() -> None:
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    assert read(row(news=deep)).profile == read(row()).profile


def test_cleaning_takes_linear_time() -> None:
    def seconds(n: int) -> float:
        raw = {str(number): "\ud800\0" * 10 for number in range(n)}
        return min(timeit.repeat(lambda: texts.clean(raw), number=1, repeat=5))

    assert seconds(20_000) < 200 * seconds(1000)
