"""Every error that the vendor documents, by its code: a kind, a sentence, and what to do."""

from collections.abc import Callable
from typing import Any

import pytest

from syncd.core.failure import Failure, Halt, Pause, Reject, Retry
from syncd.ctgo.campaigns.api import Api
from syncd.ctgo.campaigns.drafts import NewPair, NewSegment, NewStream, NewTemplate, Tier
from syncd.ctgo.campaigns.requests import Billing
from tests.ctgo.remote import KEY, failure_of
from tests.ctgo.stage import Stage, always

YES = Billing.ACCEPTED
DRAFT = NewStream(
    name="Founders",
    pairs=(NewPair.read({"accountHandle": "northwindlabs", "accountTier": "growth", "segmentId": 6}),),
)
STATE = {
    "GET /streams": (200, []),
    "GET /accounts": (200, {"active": [{"id": 3, "xHandle": "contoso", "tier": "growth"}], "sleeping": [{"id": 8, "xHandle": "z", "tier": "pro"}]}),
}  # fmt: skip

CREATE, SHOW, RUN, SEGMENT = "POST /streams", "GET /streams/14", "POST /streams/14/run", "POST /segments"
SLEEP, WAKE, TIER = "POST /accounts/3/sleep", "POST /accounts/8/wake", "POST /accounts/3/change-tier"
TEMPLATE, LOOKUP, ACCOUNTS = "POST /dm-templates", "POST /lookups/enrich", "GET /accounts"
CALLS: dict[str, Callable[[Api], Any]] = {
    CREATE: lambda api: api.streams.create(DRAFT, billing=YES),
    SHOW: lambda api: api.streams.show(14),
    RUN: lambda api: api.runs.start(14),
    SEGMENT: lambda api: api.segments.create(NewSegment(description="x")),
    SLEEP: lambda api: api.accounts.sleep(3, billing=YES),
    WAKE: lambda api: api.accounts.wake(8, billing=YES),
    TIER: lambda api: api.accounts.change_tier(3, Tier.PRO, billing=YES),
    TEMPLATE: lambda api: api.templates.create(NewTemplate(name="x", message_body="x")),
    LOOKUP: lambda api: api.lookups.enrich("mara"),
    ACCOUNTS: lambda api: api.accounts.list(),
}


def refused(which: str, status: int, body: Any) -> Failure:
    return failure_of(lambda: CALLS[which](Stage({**STATE, which: (status, body)}).api()))


DOCUMENTED: list[tuple[str, int, str, type[Failure], str, str]] = [
    (CREATE, 404, "handle_not_found", Reject, "handle_not_found", "there is no such account on X"),
    (CREATE, 422, "handle_protected", Reject, "handle_protected", "the X account is private"),
    (CREATE, 503, "handle_lookup_failed", Pause, "handle_lookup_failed", "does not work at the moment"),
    (CREATE, 403, "free_account_limit", Halt, "free_account_limit", "a free plan tracks one account"),
    (CREATE, 403, "subscription_required", Halt, "subscription_required", "has lapsed"),
    (WAKE, 403, "subscription_required", Halt, "subscription_required", "has lapsed"),
    (TIER, 403, "subscription_required", Halt, "subscription_required", "has lapsed"),
    (
        CREATE,
        400,
        "stream_cap_exceeded",
        Reject,
        "stream_cap_exceeded",
        "allows no further automated campaign",
    ),
    (CREATE, 400, "stream_name_taken", Reject, "request_refused", "stream_name_taken"),
    (CREATE, 404, "Saved search not found", Reject, "not_found", "Saved search not found"),
    (SEGMENT, 400, "orphan_label", Reject, "orphan_label", "labels that it does not know"),
    (SHOW, 404, "Stream not found", Reject, "not_found", "Stream not found"),
    (RUN, 404, "Stream not found", Reject, "not_found", "Stream not found"),
    (RUN, 400, "Stream is archived", Reject, "stream_archived", "the campaign is archived"),
    (RUN, 403, "budget_exhausted", Pause, "budget_exhausted", "budget_exhausted"),
    (SLEEP, 404, "Account not found", Reject, "not_found", "Account not found"),
    (WAKE, 404, "Account not found", Reject, "not_found", "Account not found"),
    (TIER, 404, "Account not found", Reject, "not_found", "Account not found"),
    (
        TIER,
        400,
        "Wake this account first to change its tier.",
        Reject,
        "account_sleeping",
        "the account sleeps",
    ),
    (TIER, 502, "Your card was declined.", Reject, "payment_failed", "Your card was declined."),
    (LOOKUP, 429, "credits_exhausted", Pause, "credits_exhausted", "credits_exhausted"),
    (LOOKUP, 400, "no_team", Halt, "no_team", "no_team"),
    (LOOKUP, 404, "profile_missing", Reject, "not_found", "profile_missing"),
    (TEMPLATE, 409, "conflict", Retry, "conflicting", "conflict"),
    (TEMPLATE, 400, "validation_error", Reject, "request_refused", "validation_error"),
    (ACCOUNTS, 401, "Invalid or revoked API key.", Halt, "key_refused", "for its tracked accounts."),
    (ACCOUNTS, 429, "rate_limited", Pause, "rate_limited", "rate_limited"),
    (ACCOUNTS, 404, "Not found", Halt, "wrong_address", "for its tracked accounts."),
    (TEMPLATE, 410, "gone", Halt, "api_gone", "gone"),
    (SHOW, 403, "forbidden", Halt, "forbidden", "forbidden"),
    (SHOW, 307, "moved", Halt, "redirected", "moved"),
    (SHOW, 502, "bad_gateway", Pause, "upstream_unavailable", "bad_gateway"),
]


@pytest.mark.parametrize(("which", "status", "error", "kind", "code", "says"), DOCUMENTED)
def test_a_refusal_has_its_code_a_sentence_and_a_fix(
    *, which: str, status: int, error: str, kind: type[Failure], code: str, says: str
) -> None:
    failure = refused(which, status, {"error": error})
    assert (type(failure), failure.code) == (kind, code)
    assert f"answered {status} when asked" in failure.detail
    assert says in failure.detail
    assert failure.fix


def test_labels_that_ctgo_does_not_know_are_named() -> None:
    body = {
        "error": "orphan_label",
        "message": "Unknown labels.",
        "orphans": ["Foundr", {"category": "skill", "label": "Pyhton"}, 7],
    }
    assert refused(SEGMENT, 400, body).detail.endswith(
        "labels that it does not know (Foundr, skill: Pyhton)."
    )


@pytest.mark.parametrize("orphans", [None, "Foundr", {}, [], [7]])
def test_labels_of_another_shape_leave_the_message(orphans: object) -> None:
    body = {"error": "orphan_label", "message": "Unknown: Foundr", "orphans": orphans}
    assert refused(SEGMENT, 400, body).detail.endswith("(Unknown: Foundr).")


def test_an_act_repeats_the_message_cleaned_and_a_message_alone_will_do() -> None:
    body = {"error": "stream_odd", "message": f"Not {KEY} for noor@example.org\x1b[31m"}
    assert refused(CREATE, 400, body).detail.endswith(": stream_odd (Not … for … [31m)")
    assert refused(CREATE, 400, {"message": "Too long."}).detail.endswith(": Too long.")
    assert refused(CREATE, 400, {"error": "Too long.", "message": "Too long."}).detail.endswith(": Too long.")


@pytest.mark.parametrize("body", [b"", b"<html>502 Bad Gateway</html>", {}, b"[]"])
def test_a_502_without_a_word_is_not_stripes(body: object) -> None:
    assert refused(TIER, 502, body).code == "upstream_unavailable"


@pytest.mark.parametrize("body", [b"<html>", b"404 page not found"])
def test_a_404_that_is_not_ctgos_says_nothing_of_a_campaign(body: bytes) -> None:
    assert refused(SHOW, 404, body).code == "unexpected_answer"


def test_every_method_raises_one_of_the_four_for_every_status() -> None:
    for status in [*range(300, 600), 101, 600, 999]:
        for call in CALLS.values():
            failure = failure_of(lambda call=call, status=status: call(always(status, {"error": "x"})))  # type: ignore[misc]
            assert failure.fix, (status, failure)
