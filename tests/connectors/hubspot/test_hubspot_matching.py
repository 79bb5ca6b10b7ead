"""Which part of an answer is whose, and what is written to whom: the pure parts."""

from typing import Any

import pytest

from connectors.hubspot.identity import (
    Contact,
    Kind,
    Plan,
    Row,
    Target,
    absent,
    first_of_each,
    found_for,
    read_results,
    target_of,
    text,
)
from syncd.connector import Delivery, Field
from syncd.core.lead import parse_lead


def delivery(n: int, **fields: object) -> Delivery:
    parsed = parse_lead(
        "main", {"id": n, "discoveredAt": "2026-06-11T07:15:00Z", "profile": {"xUserId": f"{n}0"}}
    )
    assert isinstance(parsed, tuple)
    return Delivery(n, parsed[0], fields, f"{n}0")


def target(n: int, kind: Kind = "key") -> Target:
    one = delivery(n)
    return Target(
        Row(n, one, f"a{n}@x.example", f"t{n}"),
        kind,
        {"key": f"{n}0", "email": f"a{n}@x.example", "id": f"{n}00"}[kind],
    )


def result(id_: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "new": True, **more}


@pytest.mark.parametrize(
    "said",
    [
        {"objectWriteTraceId": "t2"},
        {"properties": {"ctgo_x_user_id": "20"}},
        {"properties": {"email": "A2@X.example"}},
    ],
)
def test_a_result_is_known_by_its_trace_or_its_key(said: dict[str, Any]) -> None:
    found = read_results([target(1, "email"), target(2, "email")], {"results": [result("7", **said)]})
    assert found.done == {2: "7"}
    assert found.unmentioned == {1}
    assert not found.stray
    assert found.created == {"7"}


def test_a_result_alone_belongs_to_the_row_alone_unless_it_says_otherwise() -> None:
    assert read_results([target(1)], {"results": [result("7")]}).done == {1: "7"}
    assert read_results([target(1)], {"results": [result("7", objectWriteTraceId="t9")]}).done == {}
    assert read_results([target(1), target(2)], {"results": [result("7"), result("8")]}).done == {}


def test_a_row_with_an_error_is_not_done_whatever_the_results_say() -> None:
    body = {
        "results": [result("7", objectWriteTraceId="t1"), result("8", objectWriteTraceId="t2")],
        "errors": [{"category": "X", "context": {"objectWriteTraceId": ["t1"]}}],
        "numErrors": 1,
    }
    found = read_results([target(1), target(2)], body)
    assert (found.done, set(found.failed), found.stray) == ({2: "8"}, {1}, True)


@pytest.mark.parametrize(("counted", "stray"), [(1, False), (2, True), (None, False)])
def test_more_errors_than_are_told_of_leave_the_rest_undecided(counted: int | None, *, stray: bool) -> None:
    body = {"results": [], "errors": [{"context": {"objectWriteTraceId": ["t1"]}}], "numErrors": counted}
    assert read_results([target(1), target(2)], body).stray is stray


def test_an_error_that_names_nobody_is_the_only_rows_or_nobodys() -> None:
    body = {"errors": [{"category": "X"}], "numErrors": 1}
    assert set(read_results([target(1)], body).failed) == {1}
    both = read_results([target(1), target(2)], body)
    assert (dict(both.failed), both.stray, sorted(both.unmentioned)) == ({}, True, [1, 2])


def test_contacts_are_found_by_id_key_and_every_address() -> None:
    contacts = [
        Contact("100", {}),
        Contact("55", {"ctgo_x_user_id": "20"}),
        Contact("66", {"email": "main@x.example", "hs_additional_emails": "b@x.example;A3@x.example"}),
    ]
    found = found_for([target(1, "id"), target(2), target(3, "email"), target(4)], contacts)
    assert {place: contact.id for place, contact in found.items()} == {1: "100", 2: "55", 3: "66"}


@pytest.mark.parametrize(
    ("body", "gone"),
    [
        ({}, False),
        ({"errors": [{"category": "OBJECT_NOT_FOUND", "context": {"ids": ["10", "20"]}}]}, True),
        ({"errors": [{"category": "OBJECT_NOT_FOUND", "context": {"ids": ["10"]}}]}, False),
        ({"errors": [{"category": "OBJECT_NOT_FOUND"}], "numErrors": 2}, True),
        ({"errors": [{"category": "OBJECT_NOT_FOUND"}], "numErrors": 1}, False),
        ({"errors": [{"category": "INTERNAL", "context": {"ids": ["10", "20"]}}]}, False),
    ],
)
def test_not_there_is_believed_only_when_it_is_said(body: dict[str, Any], *, gone: bool) -> None:
    assert absent([target(1), target(2)], body) is gone


def test_one_call_never_repeats_an_id() -> None:
    first, later = first_of_each([target(1), target(2), target(1), target(1, "id")])
    assert [each.id for each in first] == ["10", "20", "100"]
    assert [each.id for each in later] == ["10"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("é", "é"),
        ("a\0b\ud83d", "a\ufffdb\ufffd"),
        (True, "true"),
        (0, "0"),
        (1.5, "1.5"),
        (["a", 2], "a;2"),
        ({"a": ["é"]}, '{"a": ["é"]}'),
    ],
)
def test_every_value_is_text(value: object, written: str) -> None:
    assert text(value) == written


PLAN = Plan(
    {
        "phone": Field(value="{{ id }}"),
        "firstname": Field(value="{{ id }}", policy="if_empty"),
        "lifecyclestage": Field(value="lead", policy="create_only"),
    }
)
MAPPED = {"phone": "1", "firstname": "Ada", "lifecyclestage": "lead"}


def written(kind: Kind, contact: dict[str, str] | None) -> dict[str, str]:
    row = PLAN.rows([delivery(1, **MAPPED)])[0]
    there = None if contact is None else Contact("9", contact)
    properties = PLAN.input(Target(row, kind, "9", there, looked=True))["properties"]
    assert isinstance(properties, dict)
    return properties


def test_a_new_contact_gets_everything() -> None:
    assert written("key", None) == {**MAPPED, "ctgo_x_user_id": "10"}


@pytest.mark.parametrize("kind", ["id", "key"])
def test_what_is_there_decides_what_is_written(kind: Kind) -> None:
    assert written(kind, {}) == {"phone": "1", "firstname": "Ada", "ctgo_x_user_id": "10"}
    there = {"firstname": "Grace", "lifecyclestage": "customer", "phone": "9", "ctgo_x_user_id": "10"}
    assert written(kind, there) == {"phone": "1", "ctgo_x_user_id": "10"}


def test_by_email_the_set_is_complete_with_what_was_there() -> None:
    there = {"firstname": "Grace", "lifecyclestage": "customer"}
    assert written("email", there) == {"phone": "1", **there, "ctgo_x_user_id": "10"}


def test_an_aim_falls_back_from_the_id_to_the_address_to_the_key() -> None:
    row = target(1).row
    assert (target_of(row, row.fallback).kind, target_of(row, row.fallback).id) == ("email", "a1@x.example")
    bare = row._replace(email="")
    assert (target_of(bare).kind, target_of(bare).id) == ("key", "10")
