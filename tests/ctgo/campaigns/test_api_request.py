"""Any request below the source's address, and none elsewhere."""

from typing import Any

import pytest

from syncd.ctgo.campaigns.api import may_bill
from syncd.ctgo.campaigns.drafts import DraftError
from syncd.ctgo.campaigns.requests import Billing
from tests.ctgo.remote import failure_of
from tests.ctgo.stage import Stage


@pytest.mark.parametrize(
    ("method", "path", "data"),
    [
        ("GET", "/streams/14/runs?limit=5&x=%2F%00", None),
        ("post", "/streams/14/run", None),
        ("PUT", "/dm-templates/7", {"name": "é"}),
        ("DELETE", "/webhooks/subscribe", {"id": 1}),
        ("PATCH", "/streams/14", []),
        ("POST", "/a.b/c_d/e-f/", 0),
    ],
)
def test_a_request_is_joined_to_the_address(method: str, path: str, data: Any) -> None:
    stage = Stage({f"{method.upper()} {path.partition('?')[0]}": (201, {"ok": True})})
    assert stage.api().request(method, path, data) == {"ok": True}
    assert stage.asked == [f"{method.upper()} {path}"]
    assert stage.sent == [data]
    assert len(stage.signals) == 1


ELSEWHERE = [
    "", "/", "streams", "//evil.example/x", "///evil.example", "http://evil.example/", "https://evil.example/api/v2/me",
    "/..", "/../v1/leads", "/streams/../me", "/streams/./me", "/streams/..", "/.hidden", "/streams//14", "\\\\evil", "/streams\\..\\me",
    "/%2e%2e/v1", "/streams/%2e%2e", "/%2f%2fevil.example", "/streams/14%0d%0aX: y", "/me\r\nX-Evil: 1", "/me\n", "/me\0", "/m e",
    "/me#x", "/me?a=b#c", "/me?a=b c", "/me?a=\n", "/me?é", "/é", "/me@evil.example", "@evil.example", ":80/x", "/me:80", "/me;x=1", "?a=b",
    "/streams/14/run?x=1\x7f",
]  # fmt: skip


@pytest.mark.parametrize("path", ELSEWHERE)
def test_what_could_lead_elsewhere_is_never_sent(path: str) -> None:
    stage = Stage({})
    with pytest.raises(DraftError, match="must begin with /"):
        stage.api().request("GET", path)
    assert stage.asked == []


@pytest.mark.parametrize(
    ("method", "data", "said"),
    [("HEAD", None, "method"), ("GET /x", None, "method"), ("", None, "method"), ("GET", {}, "no data"),
     ("POST", {"x": float("nan")}, "JSON"), ("POST", {"x": object()}, "JSON")],
)  # fmt: skip
def test_what_is_no_request_is_never_sent(method: str, data: Any, said: str) -> None:
    stage = Stage({})
    with pytest.raises(DraftError, match=said):
        stage.api().request(method, "/me", data)
    assert stage.asked == []


@pytest.mark.parametrize(
    ("method", "path", "data", "bills"),
    [
        ("GET", "/accounts", None, False),
        ("POST", "/accounts/3/wake", None, True),
        ("DELETE", "/accounts/3/", None, True),
        ("POST", "/Accounts/3/anything-new", None, True),
        ("POST", "/streams", {"pairs": [{"accountHandle": "x"}]}, True),
        ("PATCH", "/streams/14", {"pairs": [{"accounttier": "pro"}]}, True),
        ("PUT", "/new", [[{"newTier": "pro"}]], True),
        ("POST", "/streams", {"pairs": [{"accountId": 3}]}, False),
        ("POST", "/streams/14/run", None, False),
        ("POST", "/segments", {"description": "accountHandle"}, False),
    ],
)
def test_what_may_change_a_bill_is_seen_before_it_is_sent(
    method: str, path: str, data: Any, *, bills: bool
) -> None:
    assert may_bill(method, path, data) == bills
    stage = Stage({f"{method} {path}": (200, b"")})
    if bills:
        assert failure_of(lambda: stage.api().request(method, path, data)).code == "billing_not_accepted"
        assert stage.asked == []
    assert stage.api().request(method, path, data, billing=Billing.ACCEPTED) is None
    assert len(stage.asked) == 1


@pytest.mark.parametrize(
    ("body", "value"), [(b"", None), (b" ", None), ([1], [1]), ("x", "x"), (0, 0), ({}, {})]
)
def test_an_answer_of_any_shape_is_given_back(body: Any, value: Any) -> None:
    assert Stage({"GET /new": (200, body)}).api().request("GET", "/new") == value


@pytest.mark.parametrize("body", [b"<html>", b"{", b"NaN", b"\xff"])
def test_an_answer_that_is_no_json_is_a_failure(body: bytes) -> None:
    assert (
        failure_of(lambda: Stage({"GET /new": (200, body)}).api().request("GET", "/new")).code
        == "unexpected_answer"
    )


def test_a_refusal_names_the_request_without_its_query() -> None:
    failure = failure_of(
        lambda: Stage({"GET /new": (404, {"error": "Nope"})}).api().request("GET", "/new?token=secret")
    )
    assert failure.code == "not_found"
    assert failure.detail == "CTGO answered 404 when asked for GET /new: Nope"
