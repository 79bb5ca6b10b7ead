"""Feedback on a lead: what is sent, and which answers are a yes."""

import json

import pytest

from syncd.core.failure import Pause, Reject, Retry
from tests.ctgo.remote import Recorder, answering, failure_of, upstream


def sent(*args: object, **given: object) -> tuple[str, str, dict[str, object]]:
    app = Recorder(200, {"ok": True})
    upstream(app).feedback(*args, **given)  # type: ignore[arg-type]
    return app.seen[0]["REQUEST_METHOD"], app.seen[0]["PATH_INFO"], json.loads(app.bodies[0])


def test_a_good_one_names_lead_and_segment_and_no_reason() -> None:
    assert sent(90211, 6, "good") == (
        "POST", "/api/v2/leads/90211/feedback", {"segmentId": 6, "feedback": "good"}
    )  # fmt: skip


def test_a_bad_one_says_why() -> None:
    assert sent(90211, 6, "bad", reason="other", text="Not now.")[2] == {
        "segmentId": 6, "feedback": "bad", "badReason": "other", "badReasonFreeform": "Not now."
    }  # fmt: skip


@pytest.mark.parametrize("body", [{"ok": True}, {}, b"", [], {"success": True}])
@pytest.mark.parametrize("status", [200, 201, 204])
def test_any_success_is_a_yes(status: int, body: object) -> None:
    answering(status, body).feedback(1, 6, "good")


@pytest.mark.parametrize("body", [{"ok": False}, {"ok": None}, b"<html>sign in</html>"])
def test_a_success_that_says_no_and_a_login_page_are_not_a_yes(body: object) -> None:
    failure = failure_of(lambda: answering(200, body).feedback(1, 6, "good"))
    assert (type(failure), failure.code) == (Pause, "unexpected_answer")


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (404, {"error": "Lead not found"}, Reject, "not_found"),
        (404, {"error": "Saved search not found"}, Reject, "not_found"),
        (400, {"error": "invalid_body"}, Reject, "bad_request"),
        (409, {}, Retry, "conflict"),
    ],
)
def test_a_refusal_is_about_the_lead(status: int, body: object, kind: type, code: str) -> None:
    failure = failure_of(lambda: answering(status, body).feedback(1, 6, "good"))
    assert (type(failure), failure.code) == (kind, code)
