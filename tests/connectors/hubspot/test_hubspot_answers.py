"""What HubSpot's statuses and errors mean: the tables, row by row."""

import json
from typing import Any

import pytest

from connectors.hubspot.errors import Answer, Conflict, Gone, Missing, judge_call, judge_row
from connectors.hubspot.options import CODES
from syncd.connector import Failure, Halt, Pause, Reject, Retry

NOON = 1781179200.0
CODED = {"category": "VALIDATION_ERROR"}


def said(status: int, body: dict[str, Any] | None = None, zone: str = "", **headers: str) -> Failure | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return judge_call(Answer(status, body or {}, named), NOON, zone)


def invalid(name: str, error: str, value: str = "ada@example.com") -> dict[str, Any]:
    problem = {"isValid": False, "error": error, "name": name, "localizedErrorMessage": f"{value} is wrong"}
    return {
        "category": "VALIDATION_ERROR",
        "message": f"Property values were not valid: {json.dumps([problem])}",
    }


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, Halt, "hubspot_token_refused"),
        (402, Pause, "hubspot_bad_answer"),
        (403, Pause, "hubspot_bad_answer"),
        (404, Halt, "hubspot_wrong_address"),
        (302, Halt, "hubspot_wrong_address"),
        (405, Halt, "hubspot_wrong_address"),
        (423, Pause, "hubspot_locked"),
        (429, Pause, "hubspot_rate_limited"),
        (477, Pause, "hubspot_moving"),
        *((status, Pause, "hubspot_unavailable") for status in (408, 500, 502, 503, 504, 521, 523, 524)),
        *((status, Pause, "hubspot_edge_failed") for status in (522, 525, 526)),
    ],
)
def test_a_status_that_is_about_the_lane(status: int, kind: type[Failure], code: str) -> None:
    failure = said(status)
    assert isinstance(failure, kind)
    assert failure.code == code
    assert code in CODES


@pytest.mark.parametrize(
    ("message", "options"),
    [
        ("Mara was not one of the allowed options: [NEW, OPEN]", ", only: NEW, OPEN"),
        ('M was not one of the allowed options: [label: "New"\nvalue: "NEW"\n, label: "O"\nvalue: "OPEN"\n]', ", only: NEW, OPEN"),
        ("x was not one of the allowed options: [Mara] was not one of the allowed options: [NEW]", ", only: NEW"),
        ("Mara was not one of the allowed options", ""),
        ("Mara was not one of the allowed options: [NEW, OP", ""),
        ("Mara was not one of the allowed options: [NEW] but Ada", ""),
        (7, ""),
    ],
)  # fmt: skip
def test_the_options_that_there_are_stand_in_the_detail_and_the_leads_value_does_not(
    message: object, options: str
) -> None:
    problem = {"isValid": False, "error": "INVALID_OPTION", "name": "hs_lead_status", "message": message}
    refusal = {"message": f"Property values were not valid: {json.dumps([problem])}"}
    verdict = judge_row(refusal, ())
    assert isinstance(verdict, Reject)
    assert verdict.detail == f"property hs_lead_status: INVALID_OPTION{options}"


@pytest.mark.parametrize("status", [200, 207, 400, 409, 413, 422])
def test_a_status_that_is_about_what_was_asked(status: int) -> None:
    assert said(status) is None


def test_a_missing_object_is_no_wrong_address() -> None:
    assert said(404, {"category": "OBJECT_NOT_FOUND"}) is None


@pytest.mark.parametrize(
    ("status", "headers", "after"),
    [
        (423, {}, 2.0),
        (423, {"retry_after": "30"}, 30.0),
        (477, {"retry_after": "7200"}, 3600.0),
        (477, {}, 3600.0),
        (429, {"retry_after": "37"}, 37.0),
        (429, {}, 10.0),
        (429, {"x_hubspot_ratelimit_interval_milliseconds": "4000"}, 4.0),
        (429, {"retry_after": "-5"}, 10.0),
        (429, {"retry_after": "99999999999"}, 3600.0),
        (429, {"retry_after": "soon"}, 10.0),
        (429, {"retry_after": "Thu, 11 Jun 2026 12:00:40 GMT"}, 40.0),
        (503, {"retry_after": "60"}, 60.0),
        (503, {}, None),
    ],
)
def test_how_long_a_pause_lasts(status: int, headers: dict[str, str], after: float | None) -> None:
    failure = said(status, None, "", **headers)
    assert isinstance(failure, Pause)
    assert failure.after == after


def test_only_a_call_without_a_reason_makes_suspects() -> None:
    unexplained = {
        status for status in (423, 429, 477, 500, 525) if getattr(said(status), "unexplained", False)
    }
    assert unexplained == {500, 525}


@pytest.mark.parametrize(("zone", "hours"), [("US/Eastern", 16), ("Europe/Paris", 10), ("Asia/Kolkata", 6.5)])
def test_the_daily_quota_comes_back_at_midnight_of_the_portal(zone: str, hours: float) -> None:
    failure = said(429, {"policyName": "DAILY"}, zone)
    assert isinstance(failure, Pause)
    assert failure.code == "hubspot_daily_quota"
    assert failure.after == hours * 3600 + 5


def test_without_a_zone_the_daily_quota_is_looked_for_when_it_can_be_midnight_somewhere() -> None:
    failure = said(429, {"policyName": "DAILY"})
    assert failure is not None
    assert failure.after == 905


@pytest.mark.parametrize("status", [402, 403])
@pytest.mark.parametrize("body", [{"category": "FORBIDDEN"}, {"correlationId": "0-0"}])
def test_a_refusal_in_hubspots_own_words_halts(status: int, body: dict[str, Any]) -> None:
    failure = said(status, body)
    assert (type(failure), failure and failure.code) == (Halt, "hubspot_forbidden")


@pytest.mark.parametrize("body", [{}, {"message": "Forbidden"}, {"category": None, "correlationId": ""}])
def test_a_refusal_in_others_words_says_nothing_of_the_token(body: dict[str, Any]) -> None:
    failure = said(403, body)
    assert isinstance(failure, Pause)
    assert failure.unexplained


def test_missing_scopes_are_named() -> None:
    body = {
        "category": "MISSING_SCOPES",
        "errors": [{"context": {"requiredGranularScopes": ["crm.objects.contacts.write", "bad <script>"]}}],
    }
    failure = said(403, body)
    assert failure is not None
    assert failure.code == "hubspot_scopes_missing"
    assert failure.detail == "the token lacks scopes: crm.objects.contacts.write"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("INVALID_EMAIL", "hubspot_email_invalid"),
        ("INVALID_OPTION", "hubspot_option_missing"),
        ("PROPERTY_VALUE_TOO_LONG", "hubspot_value_too_long"),
        ("REQUIRED_FIELD", "hubspot_value_required"),
        ("INVALID_LONG", "hubspot_value_refused"),
        ("SOMETHING_NEW", "hubspot_value_refused"),
    ],
)
def test_a_bad_value_is_its_leads_fault(error: str, code: str) -> None:
    verdict = judge_row(invalid("jobtitle", error), ())
    assert isinstance(verdict, Reject)
    assert verdict.code == code
    assert verdict.detail == f"property jobtitle: {error}"


def test_a_fixed_value_that_is_refused_is_the_mappings_fault() -> None:
    verdict = judge_row(invalid("hs_lead_status", "INVALID_OPTION"), {"hs_lead_status"})
    assert isinstance(verdict, Halt)
    assert verdict.code == "hubspot_constant_refused"


def test_a_property_that_does_not_exist_outweighs_a_bad_value() -> None:
    both = [{"error": "INVALID_EMAIL", "name": "email"}, {"error": "PROPERTY_DOESNT_EXIST", "name": "score"}]
    assert judge_row({**CODED, "message": f"x: {json.dumps([*both, *both])}"}, ()) == Missing(("score",))


def test_a_property_that_hubspot_sets_itself_halts() -> None:
    verdict = judge_row(invalid("createdate", "READ_ONLY_VALUE"), ())
    assert isinstance(verdict, Halt)
    assert verdict.code == "hubspot_property_read_only"


def test_problems_are_read_from_the_list_of_errors_too() -> None:
    errors = [{"code": "PROPERTY_DOESNT_EXIST", "context": {"propertyName": ["score"]}}]
    assert judge_row({**CODED, "message": "Property values were not valid", "errors": errors}, ()) == Missing(
        ("score",)
    )


@pytest.mark.parametrize(
    ("error", "existing"),
    [
        ({"category": "CONFLICT", "message": "Contact already exists. Existing ID: 151"}, "151"),
        ({"category": "CONFLICT", "message": "exists", "context": {"existingId": ["151"]}}, "151"),
        ({"category": "CONFLICT", "message": "exists", "context": {"existingId": "151"}}, "151"),
        ({"category": "CONFLICT", "message": "exists", "context": {"existingId": ["x"]}}, ""),
        ({"category": "CONFLICT", "message": "Existing ID: 151", "context": {"existingId": []}}, "151"),
        ({"category": "OBJECT_ALREADY_EXISTS", "message": ""}, ""),
        ({"error": "CONTACT_EXISTS", "message": "Contact already exists"}, ""),
        ({"category": "VALIDATION_ERROR", "message": "It has that value (existing object id 77)"}, "77"),
        (invalid("ctgo_x_user_id", "CONFLICTING_UNIQUE_VALUE"), ""),
    ],
)
def test_a_conflict_in_all_its_spellings(error: dict[str, Any], existing: str) -> None:
    verdict = judge_row(error, ())
    assert verdict == Conflict(existing)


@pytest.mark.parametrize(
    "message",
    [
        "Unable to perform update/upsert by non-unique 0-1 property 'ctgo_x_user_id'",
        "idProperty ctgo_x_user_id is not a property",
    ],
)
def test_a_key_that_is_not_unique_halts(message: str) -> None:
    verdict = judge_row({**CODED, "message": message}, ())
    assert isinstance(verdict, Halt)
    assert verdict.code == "hubspot_key_not_unique"


@pytest.mark.parametrize(
    ("category", "kind"),
    [
        ("VALIDATION_ERROR", Reject),
        ("RATE_LIMITS", Pause),
        ("MISSING_SCOPES", Halt),
        ("INTERNAL", Retry),
        ("", Retry),
    ],
)
def test_a_category_alone(category: str, kind: type[Failure]) -> None:
    assert isinstance(judge_row({"category": category}, ()), kind)


def test_an_object_that_is_not_there() -> None:
    assert judge_row({"category": "OBJECT_NOT_FOUND"}, ()) == Gone()


def test_no_detail_repeats_a_value() -> None:
    hostile = [
        invalid("email", "INVALID_EMAIL"),
        invalid("ada@example.com", "ada@example.com"),
        {**CODED, "message": "ada@example.com is bad"},
        {"category": "ada@example.com", "message": "ada@example.com"},
    ]
    for error in hostile:
        verdict = judge_row(error, ())
        assert isinstance(verdict, Failure)
        assert "ada@" not in f"{verdict}{verdict.detail}"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"message": None},
        {"errors": "x"},
        {"errors": [1, {}]},
        {"message": "[{"},
        {"message": "x [{}, 3]"},
    ],
)
def test_any_field_may_be_missing_or_odd(body: dict[str, Any]) -> None:
    assert judge_row(body, ()) is not None
    assert isinstance(said(500, body), Pause)
