"""A row for each answer of Apollo's, and what it means."""

import json

import pytest

from connectors.apollo.api import BULK_UPDATE, CREATE, FIELDS, SEARCH, SHOW, UPDATE
from connectors.apollo.errors import AbsentError, RemovedError, limited, plain, read
from connectors.apollo.options import CODES
from connectors.apollo.rate_limit import Rest
from syncd.connector import Failure, Halt, Pause, Refused
from syncd.http.answer import Answer

NOW = 1_781_179_200.0  # Thu, 11 Jun 2026 12:00:00 GMT
SENT = {"contacts": [{"first_name": "Ada", "email": "ada@lovelace.example"}]}


def meaning(
    endpoint: object, status: int, body: object = "", sent: object = SENT, about: str = "", **headers: str
) -> BaseException:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is, is looked at
        read(endpoint, Answer(status, named, raw), sent, NOW, about)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize(
    ("endpoint", "status", "body", "kind", "code"),
    [
        (CREATE, 401, "Invalid API key. See https://docs", Halt, "apollo_key_refused"),
        (CREATE, 401, {"error_code": "INVALID_ACCESS_TOKEN"}, Halt, "apollo_key_refused"),
        (CREATE, 403, {"error": "x", "error_code": "API_INACCESSIBLE"}, Halt, "apollo_scope_missing"),
        (SEARCH, 403, {"message": "only available to Apollo users on paid plans."}, Halt, "apollo_plan"),
        (SEARCH, 403, {"error": "You do not have permission to access lists"}, Halt, "apollo_permission"),
        (CREATE, 403, {"error": "Something new"}, Halt, "apollo_forbidden"),
        (CREATE, 403, "<html>", Pause, "apollo_unexpected_answer"),
        (CREATE, 403, "", Pause, "apollo_unexpected_answer"),
        (SHOW, 403, {"message": "You do not have permission"}, Pause, "apollo_unexpected_answer"),
        (CREATE, 401, "<html>", Pause, "apollo_unexpected_answer"),
        (CREATE, 422, "<html>", Pause, "apollo_unexpected_answer"),
        (CREATE, 422, "Title is not valid", Refused, "apollo_invalid"),
        (UPDATE, 422, "x" * 1001, Pause, "apollo_unexpected_answer"),
        (CREATE, 400, "Bad Request", Pause, "apollo_unexpected_answer"),
        (SEARCH, 422, "", Pause, "apollo_unexpected_answer"),
        (CREATE, 400, "<html>", Pause, "apollo_unexpected_answer"),
        (CREATE, 406, "<html>", Pause, "apollo_unexpected_answer"),
        (SHOW, 404, "<html>", Pause, "apollo_unexpected_answer"),
        (CREATE, 404, "", Halt, "apollo_wrong_address"),
        (CREATE, 405, {"error": "odd"}, Halt, "apollo_refused_call"),
        (CREATE, 302, "", Halt, "apollo_redirected"),
        (CREATE, 429, {"message": "600 times per hour"}, Pause, "apollo_rate_limited"),
        (CREATE, 429, {"message": "6000 times per day"}, Pause, "apollo_daily_limit"),
        (CREATE, 400, {"error_message": "bad"}, Refused, "apollo_invalid"),
        (CREATE, 413, "", Refused, "apollo_invalid"),
        (CREATE, 422, {"error": "Title is odd"}, Refused, "apollo_invalid"),
        (UPDATE, 422, {"error": "Title is odd"}, Refused, "apollo_invalid"),
        (BULK_UPDATE, 422, {"error_details": {"field": "title"}}, Refused, "apollo_invalid"),
        (
            CREATE,
            422,
            {"error": "Parameters misconfigured. abc is not a valid ID"},
            Halt,
            "apollo_setting_invalid",
        ),
        (
            CREATE,
            422,
            {"error": "Please limit your array to 100 contacts or fewer."},
            Halt,
            "apollo_refused_call",
        ),
        (CREATE, 422, {"error": "contact_attributes is missing"}, Halt, "apollo_refused_call"),
        (SEARCH, 422, {"error": "odd"}, Halt, "apollo_refused_call"),
        (SHOW, 422, {"error": "You are not authorized to view this page."}, Refused, "apollo_contact_hidden"),
        (SHOW, 403, {"error": "You are not authorized to view this page."}, Refused, "apollo_contact_hidden"),
        (SHOW, 422, {"error": "odd"}, Refused, "apollo_invalid"),
        (FIELDS, 400, {"error": "odd"}, Halt, "apollo_refused_call"),
        (CREATE, 500, {"error": "An error occurred"}, Pause, "apollo_unavailable"),
        (SEARCH, 503, "", Pause, "apollo_unavailable"),
        (CREATE, 408, "", Pause, "apollo_unavailable"),
        (CREATE, 200, "<html>log in</html>", Pause, "apollo_unexpected_answer"),
        (CREATE, 200, "[]", Pause, "apollo_unexpected_answer"),
        (CREATE, 204, "", Pause, "apollo_unexpected_answer"),
        (CREATE, 200, "[" * 100_000, Pause, "apollo_unexpected_answer"),
    ],
)
def test_an_answer_means(endpoint: object, status: int, body: object, kind: type, code: str) -> None:
    found = meaning(endpoint, status, body)
    assert isinstance(found, Failure | Refused)
    assert (type(found), found.code) == (kind, code)
    assert code in CODES


def test_what_is_unexplained_is_said_to_be_so() -> None:
    for status, body in ((500, ""), (408, ""), (200, "no"), (403, "<html>"), (422, "")):
        found = meaning(CREATE, status, body)
        assert isinstance(found, Pause)
        assert found.unexplained


def test_a_contact_that_is_not_there_and_one_that_was_deleted_are_told_apart() -> None:
    for absent in (
        meaning(SHOW, 404),
        meaning(UPDATE, 404),
        meaning(SHOW, 422, {"error": "Oops! This contact does not exist in Apollo."}),
        meaning(UPDATE, 422, {"error": "Parameters misconfigured. c7 is not a valid ID"}, about="c7"),
    ):
        assert isinstance(absent, AbsentError)
    for removed in (
        meaning(UPDATE, 422, {"error": "Cannot update contact as it is deleted."}),
        meaning(SHOW, 422, {"error": "This contact has been deleted."}),
    ):
        assert isinstance(removed, RemovedError)


@pytest.mark.parametrize(
    ("answer", "code", "unexplained"),
    [
        (Answer(trouble="unsent"), "apollo_unreachable", False),
        (Answer(trouble="untrusted"), "apollo_unreachable", False),
        (Answer(trouble="late"), "apollo_unavailable", True),
        (Answer(200, trouble="broken"), "apollo_unavailable", True),
        (Answer(200, unread="too_large"), "apollo_unavailable", True),
    ],
)
def test_what_never_left_blames_nobody(answer: Answer, code: str, *, unexplained: bool) -> None:
    with pytest.raises(Pause) as caught:
        read(CREATE, answer, SENT, NOW)
    assert (caught.value.code, caught.value.unexplained) == (code, unexplained)


@pytest.mark.parametrize(
    ("window", "after"), [("minute", 60.0), ("hour", 900.0), ("day", 3600.0), ("fortnight", None)]
)
def test_without_a_retry_after_the_window_decides(window: str, after: float | None) -> None:
    found = meaning(CREATE, 429, {"message": f"600 times per {window}"})
    assert isinstance(found, Pause)
    assert found.after == after


def test_retry_after_wins_over_the_window() -> None:
    found = meaning(CREATE, 429, {"message": "6000 times per day"}, retry_after="1234")
    assert isinstance(found, Pause)
    assert found.after == 1234.0


def test_a_missing_scope_is_named() -> None:
    found = meaning(CREATE, 403, {"error_code": "API_INACCESSIBLE"})
    assert "api/v1/contacts/bulk_create" in str(found)


def test_a_rest_that_the_headers_asked_for_says_how_long() -> None:
    assert limited(CREATE, Rest(12.0, "hour")).after == 12.0
    assert limited(CREATE, Rest(12.0, "day")).code == "apollo_daily_limit"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ada has an invalid title", "… has an invalid title"),
        ("The address ada@lovelace.example is taken by Bob", "The address … is taken by …"),
        ("Parameters misconfigured. 66ab is not a valid ID", "Parameters misconfigured. … is not a valid ID"),
        ("", "it does not say why"),
    ],
)
def test_of_a_text_only_plain_words_are_shown(text: str, shown: str) -> None:
    assert plain(text, SENT) == shown


def test_the_field_that_is_at_fault_is_named() -> None:
    body = {"error": "Invalid", "error_details": {"field": "title", "message": "too long"}}
    assert str(meaning(CREATE, 422, body)).endswith("answered 422 for title: Invalid too long")
