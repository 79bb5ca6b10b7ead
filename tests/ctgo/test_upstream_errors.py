"""Every refusal is one of the four failures, by one table."""

import pytest
from pydantic import SecretStr

from syncd.core.failure import CODES, Failure, Halt, Pause, Reject, Retry
from syncd.ctgo.errors import RULES, PerScope, quoted
from tests.ctgo.remote import KEY, Recorder, answering, failure_of, upstream
from tests.support.growing import LINEAR, growth

LIST, CAMPAIGN, LEAD, ENRICH = "list", "campaign", "lead", "enrich"


def ask(which: str, status: int, body: object, **headers: str) -> Failure:
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    client = answering(status, body, named)
    calls = {
        LIST: lambda: client.leads(since=None),
        CAMPAIGN: lambda: client.stream_leads(14, since=None),
        LEAD: lambda: client.export(90211),
        ENRICH: lambda: client.enrich(90211, ["email"], "any"),
    }
    return failure_of(calls[which])


FACT_SHEET: list[tuple[str, int, str, type[Failure], str, float | None]] = [
    # Section 6, the rows that calls of ours can meet.
    (LIST, 401, "Missing or invalid Authorization header. Use: Bearer <api_key>", Halt, "key_refused", None),
    (LIST, 401, "Invalid API key format.", Halt, "key_refused", None),
    (LEAD, 401, "Invalid or revoked API key.", Halt, "key_refused", None),
    (LIST, 429, "rate_limit_exceeded", Pause, "rate_limited", 60),
    (ENRICH, 429, "Too many requests", Pause, "rate_limited", 60),
    (ENRICH, 429, "credits_exhausted", Pause, "credits_exhausted", 3600),
    (ENRICH, 400, "no_team", Halt, "no_team", None),
    (ENRICH, 404, "lead_not_found", Reject, "not_found", None),
    (ENRICH, 404, "profile_missing", Reject, "not_found", None),
    (LEAD, 404, "Lead not found", Reject, "not_found", None),
    (CAMPAIGN, 404, "Stream not found", Reject, "not_found", None),
    (LIST, 403, "subscription_required", Halt, "subscription_required", None),
    (ENRICH, 403, "subscription_required", Halt, "subscription_required", None),
    (LIST, 403, "free_account_limit", Halt, "free_account_limit", None),
    (LIST, 403, "budget_exhausted", Pause, "budget_exhausted", 3600),
    (ENRICH, 403, "Monthly budget exhausted.", Pause, "budget_exhausted", 3600),
    (ENRICH, 503, "handle_lookup_failed", Pause, "upstream_unavailable", None),
    (CAMPAIGN, 400, "Stream is archived", Halt, "bad_request", None),
    (LEAD, 400, "Stream is archived", Reject, "stream_archived", None),
    (LEAD, 502, "Your card was declined.", Pause, "upstream_unavailable", None),
    (LIST, 410, "gone", Halt, "api_gone", None),
    (LIST, 410, "Lead not found", Halt, "api_gone", None),
    (LEAD, 410, "gone", Halt, "api_gone", None),
    (LEAD, 410, "Lead not found", Reject, "not_found", None),
    (LEAD, 409, "already_exported", Reject, "already_exported", None),
    (LEAD, 410, "already_exported", Reject, "already_exported", None),
    (LEAD, 423, "Already exported", Reject, "already_exported", None),
    (LEAD, 409, "conflict", Retry, "conflict", None),
    # The general meanings.
    (LIST, 400, "bad_request", Halt, "bad_request", None),
    (LEAD, 400, "bad_request", Reject, "bad_request", None),
    (ENRICH, 422, "cannot_process", Reject, "bad_request", None),
    (LIST, 422, "cannot_process", Halt, "bad_request", None),
    (LIST, 403, "forbidden", Halt, "forbidden", None),
    (LIST, 404, "Not found", Halt, "wrong_address", None),
    (LIST, 503, "maintenance", Pause, "upstream_unavailable", None),
    # The rest of the status codes.
    (LEAD, 402, "pay", Halt, "forbidden", None),
    (LEAD, 405, "method", Reject, "bad_request", None),
    (LIST, 418, "teapot", Halt, "bad_request", None),
    (LEAD, 408, "timeout", Pause, "upstream_unavailable", None),
    (LEAD, 425, "early", Pause, "upstream_unavailable", None),
    (LIST, 500, "boom", Pause, "upstream_unavailable", None),
    (LEAD, 504, "late", Pause, "upstream_unavailable", None),
    (LIST, 520, "cloud", Pause, "upstream_unavailable", None),
    (LIST, 301, "moved", Halt, "redirected", None),
    (LEAD, 307, "moved", Halt, "redirected", None),
    (LIST, 304, "same", Halt, "redirected", None),
    (LIST, 700, "what", Pause, "unexpected_answer", None),
]


@pytest.mark.parametrize(("which", "status", "error", "kind", "code", "after"), FACT_SHEET)
def test_a_refusal_is_the_failure_of_its_row(
    *, which: str, status: int, error: str, kind: type[Failure], code: str, after: float | None
) -> None:
    failure = ask(which, status, {"error": error})
    assert (type(failure), failure.code, failure.after) == (kind, code, after)
    assert str(status) in failure.detail
    assert failure.fix


@pytest.mark.parametrize(
    "body", [b"", b"<html>no</html>", b"{", b"[]", b"null", {"error": None}, {"error": {"code": 7}}]
)
@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "key_refused"), (429, "rate_limited"), (500, "upstream_unavailable")],
)
def test_the_status_decides_when_the_body_says_nothing(status: int, code: str, body: object) -> None:
    assert ask(LEAD, status, body).code == code


@pytest.mark.parametrize(
    "body", [b"", b"<html>Request blocked</html>", b"{", b"[]", {"message": "Forbidden"}]
)
@pytest.mark.parametrize("status", [402, 403])
@pytest.mark.parametrize("which", [LIST, CAMPAIGN, LEAD, ENRICH])
def test_a_403_without_ctgos_words_is_nobodys_word_on_the_key(which: str, status: int, body: object) -> None:
    failure = ask(which, status, body)
    assert isinstance(failure, Pause)
    assert (failure.code, failure.unexplained) == ("unexpected_answer", True)


def test_a_code_may_sit_inside_an_object() -> None:
    body = {"error": {"code": "credits_exhausted", "message": "Top up."}}
    assert ask(ENRICH, 429, body).code == "credits_exhausted"


def test_an_exhausted_budget_may_be_told_by_the_message_alone() -> None:
    body = {"error": "forbidden", "message": "Your daily budget is exhausted."}
    assert ask(ENRICH, 403, body).code == "budget_exhausted"


def test_a_missing_subscription_is_never_taken_for_a_budget() -> None:
    body = {"error": "subscription_required", "message": "Budget exhausted: subscribe."}
    assert ask(LIST, 403, body).code == "subscription_required"


@pytest.mark.parametrize("which", [LEAD, CAMPAIGN, ENRICH])
def test_a_404_that_is_not_ctgos_own_settles_nothing(which: str) -> None:
    for body in (b"<!doctype html><title>404</title>", b"404 page not found", b'"lost"'):
        failure = ask(which, 404, body)
        assert (type(failure), failure.code) == (Pause, "unexpected_answer")


def test_a_404_too_large_to_be_ctgos_settles_nothing() -> None:
    assert ask(LEAD, 404, {"error": "x" * 70_000}).code == "unexpected_answer"


def test_a_bare_404_means_that_the_lead_is_gone() -> None:
    assert ask(LEAD, 404, b"").code == "not_found"


def test_every_code_of_the_table_has_a_fix() -> None:
    rules = [part for rule in RULES.values() for part in (rule if isinstance(rule, PerScope) else [rule])]
    assert {rule.code for rule in rules if rule} <= set(CODES)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_is_unexplained_and_waits_as_long_as_it_asks(status: int) -> None:
    failure = ask(LIST, status, {}, Retry_After="120")
    assert isinstance(failure, Pause)
    assert (failure.unexplained, failure.after) == (True, 120)


def test_a_rate_limit_is_explained() -> None:
    failure = ask(LIST, 429, {}, Retry_After="7")
    assert isinstance(failure, Pause)
    assert (failure.unexplained, failure.after) == (False, 7)


def test_exhausted_credits_wait_an_hour_whatever_retry_after_says() -> None:
    assert ask(ENRICH, 429, {"error": "credits_exhausted"}, Retry_After="7").after == 3600


def test_a_redirect_is_not_followed() -> None:
    app = Recorder(302, {}, [("Location", "https://elsewhere.example/")])
    assert failure_of(upstream(app).me).code == "redirected"
    assert len(app.seen) == 1


@pytest.mark.parametrize("which", [LIST, CAMPAIGN, LEAD, ENRICH])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 503])
@pytest.mark.parametrize(
    "said",
    [
        "cannot serve Noor Canary now",
        "hooks.example/ctgo/pushTOKENpushTOKENpushTOKENpushTOKENpush42 is taken",
        "pushTOKENpushTOKENpushTOKENpushTOKENpush42",
        f"Bad key {KEY} of noor@example.org\x1b[31m\n\u202e at https://x.example/?q=1",
    ],
)
def test_what_lanes_are_told_repeats_no_sentence_of_ctgos(which: str, status: int, said: str) -> None:
    """It is in the log, the ledger, health, `status` and alerts."""
    for body in ({"error": said, "message": said}, {"error": {"code": said, "message": said}}):
        detail = ask(which, status, body).detail
        assert not [word for word in said.split() if len(word) > 4 and word in detail], detail


def test_a_code_of_ctgos_is_told() -> None:
    assert (
        ask(LIST, 400, {"error": "bad_request"}).detail
        == "CTGO answered 400 when asked for leads: bad_request"
    )


def test_a_quotation_holds_no_key_no_address_and_no_control_character() -> None:
    said = f"Bad key {KEY} of noor@example.org\x1b[31m\n\u202e at https://x.example/?q=1 " + "long " * 60
    quote = quoted(said, SecretStr(KEY))
    assert len(quote) <= 120
    assert quote.isprintable()
    assert all(word not in quote for word in (KEY, "Canary", "noor", "x.example"))


@pytest.mark.parametrize("piece", ["a", "a@", "@", "https://", "ctgo_", "a ", "\x00", "a@b https://c "])
def test_a_long_refusal_is_read_in_a_time_that_grows_as_it_does(piece: str) -> None:
    """One without blanks and without an @ held the interpreter for many seconds, and with it health and every lane."""
    assert growth(lambda text: quoted(text, SecretStr("hunter2")), piece) < LINEAR


def test_a_key_of_any_shape_is_blotted_out() -> None:
    assert quoted("bad key: hunter2!", SecretStr("hunter2")) == "bad key: …!"
