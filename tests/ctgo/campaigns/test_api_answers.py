"""Answers of the wider API: both forms where the vendor shows two, unknown fields kept, nonsense a failure."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from syncd.core.failure import Pause, Reject
from syncd.ctgo.campaigns.api import Api
from syncd.ctgo.campaigns.drafts import NewSegment, NewTemplate, StreamChanges, Tier
from syncd.ctgo.campaigns.requests import Billing
from syncd.ctgo.campaigns.runs import Run
from tests.ctgo.remote import failure_of
from tests.ctgo.stage import always

YES = Billing.ACCEPTED
RUN = {
    "id": 501, "streamId": 14, "streamName": "Indie founders", "trackedXAccountId": 3, "xHandle": "northwindlabs",
    "segmentId": 6, "segmentName": "Sellers", "source": "manual", "status": "running", "mode": "sync-then-search",
    "triggeredAt": "2026-06-11T07:00:00Z", "completedAt": None, "newFollowersCount": 40, "candidatesPassedCount": 5,
    "mediumFitCount": 2, "enrichedCount": 0, "errorMessage": None,
    "progressLog": [{"step": "fetch_followers", "message": "Fetched 40", "timestamp": "2026-06-11T07:00:09.120Z"}],
}  # fmt: skip
ACCOUNT = {
    "id": 3, "xHandle": "NorthwindLabs", "tier": "growth", "isActive": True, "profileImageUrl": "https://x.example/y.jpg",
    "lastKnownFollowerCount": 9100, "lastKnownTweetCount": 812, "tags": [], "addedAt": "2026-03-01T00:00:00Z",
    "assignedSegmentIds": [6], "pendingTier": None, "pendingTierEffectiveAt": None,
}  # fmt: skip


@pytest.mark.parametrize("name", ["trackedAccountId", "accountId"])
@pytest.mark.parametrize("run", ["syncRunId", "runId"])
def test_a_started_run_is_read_by_either_name(name: str, run: str) -> None:
    started = always(
        200, {"queued": [{name: 3, run: 501}], "skipped": [{name: 8, "reason": "account_sleeping"}]}
    ).runs.start(14)
    assert started.queued is not None
    assert started.skipped is not None
    assert [(it.account_id, it.run_id) for it in started.queued] == [(3, 501)]
    assert [(it.account_id, it.reason) for it in started.skipped] == [(8, "account_sleeping")]


def test_a_re_test_tells_of_pairs() -> None:
    row = {"pairId": 71, "trackedAccountId": 3, "segmentId": 6, "runId": 502}
    started = always(200, {"queued": [row], "skipped": []}).runs.retest(14)
    assert started.queued is not None
    queued = started.queued[0]
    assert (queued.pair_id, queued.account_id, queued.segment_id, queued.run_id) == (71, 3, 6, 502)


@pytest.mark.parametrize(
    ("reason", "kind", "code"),
    [
        ("budget_exhausted", Pause, "budget_exhausted"),
        ("account_sleeping", Reject, "account_sleeping"),
        ("free_tier", Reject, "free_tier"),
        ("solar_flare", Reject, "account_skipped"),
        (None, Reject, "account_skipped"),
    ],
)
def test_a_skipped_account_says_why_and_what_to_do(reason: object, kind: type, code: str) -> None:
    started = always(200, {"skipped": [{"accountId": 8, "reason": reason}]}).runs.start(14)
    assert started.skipped is not None
    failure = started.skipped[0].failure
    assert (type(failure), failure.code) == (kind, code)
    assert failure.detail.startswith("Account 8 was left out")
    assert failure.fix


def test_a_run_is_read_whole() -> None:
    run = always(200, {"run": RUN}).runs.show(14, 501)
    assert (run.id, run.account_id, run.handle, run.new_followers, run.passed, run.medium_fit) == (
        501,
        3,
        "northwindlabs",
        40,
        5,
        2,
    )
    assert run.triggered_at == datetime(2026, 6, 11, 7, tzinfo=UTC)
    assert [step.message for step in run.steps] == ["Fetched 40"]
    assert run.model_extra == {}
    assert run.document()["trackedXAccountId"] == 3


@pytest.mark.parametrize("body", [{"run": RUN}, RUN])
def test_a_run_comes_in_an_envelope_or_without(body: dict[str, Any]) -> None:
    assert always(200, body).runs.show(14, 501).id == 501


@pytest.mark.parametrize(
    ("status", "completed", "error", "outcome"),
    [
        ("queued", None, None, None),
        ("running", None, None, None),
        ("running", "2026-06-11T07:02:00Z", None, None),
        ("succeeded", "2026-06-11T07:02:00Z", None, "succeeded"),
        ("completed", None, None, "succeeded"),
        ("failed", None, "X was away", "failed"),
        ("classifying", None, None, None),
        ("cancelled", "2026-06-11T07:02:00Z", "by hand", "failed"),
        ("partial", "2026-06-11T07:02:00Z", None, "succeeded"),
        (None, None, None, None),
    ],
)
def test_a_run_is_over_by_either_word_and_an_unknown_one_by_its_end(
    status: str | None, completed: str | None, error: str | None, outcome: str | None
) -> None:
    run = Run.model_validate({"status": status, "completedAt": completed, "errorMessage": error})
    assert run.outcome == outcome
    assert run.is_over == (outcome is not None)


def test_a_log_of_plain_text_hides_no_readable_line() -> None:
    run = Run.model_validate({"progressLog": ["fetching", {"step": "classify", "message": "5 passed"}]})
    assert [step.step for step in run.steps] == ["classify"]


def test_accounts_are_found_by_id_and_handle_awake_or_asleep() -> None:
    asleep = {**ACCOUNT, "id": 8, "xHandle": "contoso_hq"}
    nameless = {"id": 9}
    accounts = always(200, {"active": [nameless, ACCOUNT], "sleeping": [asleep]}).accounts.list()
    found = [accounts.find(it) for it in (3, "@northwindlabs", "Contoso_HQ", 8)]
    assert [it.id if it else None for it in found] == [3, 3, 8, 8]
    assert accounts.find("nobody") is None
    assert accounts.find("") is None
    assert found[0] is not None
    assert (found[0].segment_ids, found[0].followers, found[0].model_extra) == ((6,), 9100, {})


@pytest.mark.parametrize(
    ("body", "action", "at"),
    [
        ({"account": ACCOUNT, "action": "upgraded"}, "upgraded", None),
        (
            {"account": ACCOUNT, "action": "downgrade_scheduled", "effectiveAt": "2026-07-01T00:00:00Z"},
            "downgrade_scheduled",
            datetime(2026, 7, 1, tzinfo=UTC),
        ),
        ({"account": ACCOUNT, "action": "pending_cancelled"}, "pending_cancelled", None),
    ],
)
def test_a_change_of_tier_says_what_came_of_it(body: Any, action: str, at: datetime | None) -> None:
    change = always(200, body).accounts.change_tier(3, Tier.STARTER, billing=YES)
    assert (change.action, change.effective_at) == (action, at)
    assert change.account is not None
    assert change.account.id == 3


CAMPAIGN = {
    "id": 14,
    "name": "Founders",
    "pairs": [{"pairId": 71, "accountId": 3, "segmentId": 6}],
    "isActive": True,
}


@pytest.mark.parametrize("body", [CAMPAIGN, {"stream": CAMPAIGN}, {"data": CAMPAIGN}])
def test_a_campaign_comes_in_an_envelope_or_without(body: dict[str, Any]) -> None:
    campaign = always(200, body).streams.show(14)
    assert campaign.pairs is not None
    assert [(p.id, p.account_id, p.segment_id) for p in campaign.pairs] == [(71, 3, 6)]


@pytest.mark.parametrize("name", ["accountId", "trackedAccountId", "trackedXAccountId"])
def test_a_pair_names_its_account_in_any_of_three_ways(name: str) -> None:
    campaign = always(200, {"id": 14, "pairs": [{name: 3, "segmentId": 6}]}).streams.show(14)
    assert campaign.pairs is not None
    assert campaign.pairs[0].account_id == 3


def test_an_update_tells_what_its_pairs_brought() -> None:
    added = {
        "handle": "contoso_hq",
        "accountId": 11,
        "accountCreated": True,
        "billingDelta": "stripe_quantity_incremented",
    }
    body = {
        "id": 14,
        "pairsDiff": {"addedAccounts": [added], "addedSegments": [{"segmentId": 22, "segmentCreated": True}]},
    }
    updated = always(200, body).streams.update(14, StreamChanges(is_active=True))
    assert updated.diff is not None
    assert updated.diff.accounts is not None
    assert updated.diff.segments is not None
    assert updated.diff.accounts[0].billing_delta == "stripe_quantity_incremented"
    assert updated.diff.segments[0].segment_id == 22


def test_a_segment_is_read_whole_and_a_list_passes_over_what_is_none() -> None:
    row = {
        "id": 6, "userFacingId": "seg_6", "name": None, "description": "Sellers", "genderValues": ["female"],
        "appliedSearchFilters": {"job_role": ["Founder"]}, "followerCountTiers": ["10k_to_100k"], "linkedStreamCount": 1,
        "createdAt": "2026-06-01T10:00:00Z", "updatedAt": "2026-06-01T10:00:00Z",
    }  # fmt: skip
    segment, *rest = always(200, {"segments": [None, row]}).segments.list()
    assert rest == []
    assert (segment.id, segment.name, segment.labels) == (6, None, {"job_role": ("Founder",)})
    assert segment.model_extra == {}


def test_counts_are_read() -> None:
    counts = always(200, {"highFitCount": 9, "mediumFitCount": 4}).leads.count_of_stream(14)
    assert (counts.high, counts.medium) == (9, 4)


def test_a_count_that_is_ignored_is_a_failure_and_not_zero() -> None:
    failure = failure_of(always(200, {"leads": [], "total": 0, "hasMore": False}).leads.count)
    assert failure.code == "unexpected_answer"


def test_an_unknown_field_is_kept_and_one_of_another_type_counts_as_absent() -> None:
    account = always(200, {"active": [{**ACCOUNT, "mood": "calm", "tier": 7}]}).accounts.list().all()[0]
    assert account.tier is None
    assert account.document()["mood"] == "calm"


def test_settings_of_any_shape_are_kept() -> None:
    settings = always(200, {"settings": {"frequency": "daily", "channels": ["email"]}}).notifications.show()
    assert settings.document() == {"frequency": "daily", "channels": ["email"]}


def test_a_look_up_is_read_as_an_enriched_lead_is() -> None:
    body = {
        "handle": "mara",
        "result": {"email": {"address": "mara@x.example", "status": "verified"}},
        "cost": 1,
    }
    found = always(200, body).lookups.enrich("mara")
    assert (found.handle, found.email, found.email_status, found.linkedin_url) == (
        "mara",
        "mara@x.example",
        "verified",
        None,
    )
    assert "mara" not in repr(found)
    assert found.document() == body


@pytest.mark.parametrize("key", ["history", "lookups", "data"])
def test_a_history_comes_in_any_wrapping(key: str) -> None:
    row = {"xHandle": "mara", "createdAt": "2026-06-11T07:15:00"}
    (found,) = always(200, {key: [row]}).lookups.history()
    assert (found.handle, found.created_at) == ("mara", datetime(2026, 6, 11, 7, 15, tzinfo=UTC))


def test_any_2xx_is_a_yes_to_a_deletion_but_a_web_page_is_not_ctgos() -> None:
    always(204, b"").templates.delete(7)
    always(204, b"").lookups.revoke_key(7)
    assert failure_of(lambda: always(200, b"<html>").templates.delete(7)).code == "unexpected_answer"


@pytest.mark.parametrize(
    ("status", "body"), [(204, b""), (200, {"ok": True}), (200, {"template": {"id": 7}})]
)
def test_any_yes_will_do_for_an_act_whose_answer_is_not_documented(status: int, body: object) -> None:
    api = always(status, body)
    template = NewTemplate(name="x", message_body="x")
    assert {api.templates.create(template).id, api.templates.replace(7, template).id} <= {7, None}
    api.notifications.replace({"frequency": "daily"})
    api.streams.archive(14)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{", b"null", b"7", b'"x"', {"ok": True}, b'{"id": NaN}', b'{"id": "\\ud800"}']
)
@pytest.mark.parametrize(
    "ask",
    [
        lambda api: api.me(),
        lambda api: api.streams.list(),
        lambda api: api.streams.show(14),
        lambda api: api.segments.list(),
        lambda api: api.accounts.list(),
        lambda api: api.runs.list(),
        lambda api: api.runs.show(14, 501),
        lambda api: api.leads.across(),
        lambda api: api.leads.count(),
        lambda api: api.templates.list(),
        lambda api: api.templates.show(7),
        lambda api: api.streams.update(14, StreamChanges(is_active=True)),
    ],
)
def test_what_was_not_promised_is_a_failure(ask: Callable[[Api], Any], body: object) -> None:
    assert failure_of(lambda: ask(always(200, body))).code == "unexpected_answer"


@pytest.mark.parametrize("body", [{}, {"id": None}, {"id": 0}, {"id": "no"}, {"userFacingId": "seg_6"}])
def test_something_new_without_a_number_may_have_been_made_all_the_same(body: object) -> None:
    failure = failure_of(lambda: always(201, body).segments.create(NewSegment(description="x")))
    assert failure.code == "outcome_unknown"
