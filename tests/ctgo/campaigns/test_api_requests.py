"""What each method of the wider API sends, and that it is one request within the one budget."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from syncd.ctgo.campaigns.api import Api
from syncd.ctgo.campaigns.drafts import (
    DraftError,
    LeadFilter,
    NewPair,
    NewSegment,
    NewStream,
    NewTemplate,
    StreamChanges,
    Tier,
)
from syncd.ctgo.campaigns.requests import Billing
from tests.ctgo.stage import Stage

YES = Billing.ACCEPTED
PAIRS = (NewPair(account_id=3, segment_id=6),)
TEMPLATE = NewTemplate(name="Hello", message_body="Hi there")
TEMPLATE_SENT = {"name": "Hello", "messageBody": "Hi there"}
ROW = {"id": 7, "name": "Hello"}
MADE = {"id": 14}
FILTER = LeadFilter.read(
    {
        "lifecycle": "new",
        "matchConfidence": "high",
        "accountId": 3,
        "segmentId": 6,
        "since": "2026-06-11T07:15:00.7+02:00",
    }
)
FILTERED = "lifecycle=new&matchConfidence=high&accountId=3&segmentId=6&since=2026-06-11T05%3A15%3A00Z"

ASKS: list[tuple[Callable[[Api], Any], str, Any, Any]] = [
    (lambda api: api.me(), "GET /me", None, {"name": "Noor"}),
    (lambda api: api.streams.list(), "GET /streams", None, {"streams": []}),
    (lambda api: api.streams.show(14), "GET /streams/14", None, MADE),
    (
        lambda api: api.streams.update(14, StreamChanges(is_active=False, webhook_url=None)),
        "PATCH /streams/14",
        {"webhookUrl": None, "isActive": False},
        MADE,
    ),
    (
        lambda api: api.streams.update(14, StreamChanges(pairs=PAIRS)),
        "PATCH /streams/14",
        {"pairs": [{"accountId": 3, "segmentId": 6}]},
        MADE,
    ),
    (lambda api: api.streams.archive(14), "DELETE /streams/14", None, {"archived": True}),
    (lambda api: api.streams.restore(14), "PATCH /streams/14", {"isActive": True, "isArchived": False}, MADE),
    (lambda api: api.runs.start(14), "POST /streams/14/run", None, {"queued": []}),
    (lambda api: api.runs.retest(14), "POST /streams/14/re-test", {}, {"queued": []}),
    (
        lambda api: api.runs.retest(14, account_id=3, segment_id=6),
        "POST /streams/14/re-test",
        {"accountId": 3, "segmentId": 6},
        {"queued": []},
    ),
    (lambda api: api.runs.of_stream(14), "GET /streams/14/runs?limit=30", None, {"runs": []}),
    (lambda api: api.runs.show(14, 501), "GET /streams/14/runs/501", None, {"run": {"id": 501}}),
    (lambda api: api.runs.list(limit=100), "GET /runs?limit=100", None, {"runs": []}),
    (lambda api: api.segments.list(), "GET /segments?excludeArchived=true", None, {"segments": []}),
    (
        lambda api: api.segments.list(archived=True),
        "GET /segments?excludeArchived=false",
        None,
        {"segments": []},
    ),
    (
        lambda api: api.segments.create(
            NewSegment(description="Founders", applied_search_filters={"job_role": ("Founder",)})
        ),
        "POST /segments",
        {"description": "Founders", "appliedSearchFilters": {"job_role": ["Founder"]}},
        {"id": 6},
    ),
    (lambda api: api.accounts.list(), "GET /accounts", None, {"active": []}),
    (lambda api: api.accounts.sleep(3, billing=YES), "POST /accounts/3/sleep", None, {"asleep": True}),
    (lambda api: api.accounts.wake(3, billing=YES), "POST /accounts/3/wake", None, {"awake": True}),
    (
        lambda api: api.accounts.change_tier(3, Tier.PRO, billing=YES),
        "POST /accounts/3/change-tier",
        {"newTier": "pro"},
        {"action": "upgraded"},
    ),
    (
        lambda api: api.leads.of_stream(14, FILTER, limit=500, offset=1000),
        f"GET /streams/14/leads?{FILTERED}&limit=500&offset=1000",
        None,
        {"leads": []},
    ),
    (
        lambda api: api.leads.across(FILTER, stream_id=14),
        f"GET /leads?{FILTERED}&streamId=14&limit=100&offset=0",
        None,
        {"leads": []},
    ),
    (
        lambda api: api.leads.count_of_stream(14, FILTER),
        f"GET /streams/14/leads?{FILTERED}&summary=true",
        None,
        {"highFitCount": 9},
    ),
    (
        lambda api: api.leads.count(stream_id=14),
        "GET /leads?streamId=14&summary=true",
        None,
        {"highFitCount": 9},
    ),
    (lambda api: api.leads.grouped(), "GET /leads?groupBy=stream", None, {"14": []}),
    (lambda api: api.templates.list(), "GET /dm-templates", None, {"templates": []}),
    (lambda api: api.templates.show(7), "GET /dm-templates/7", None, ROW),
    (lambda api: api.templates.create(TEMPLATE), "POST /dm-templates", TEMPLATE_SENT, ROW),
    (lambda api: api.templates.replace(7, TEMPLATE), "PUT /dm-templates/7", TEMPLATE_SENT, ROW),
    (lambda api: api.templates.delete(7), "DELETE /dm-templates/7", None, {}),
    (lambda api: api.notifications.show(), "GET /notification-settings", None, {}),
    (
        lambda api: api.notifications.replace({"email": True}),
        "PUT /notification-settings",
        {"email": True},
        {},
    ),
    (lambda api: api.lookups.enrich("@mara"), "POST /lookups/enrich", {"handle": "mara"}, {}),
    (
        lambda api: api.lookups.enrich_email("mara", {"handle": "m", "email_mode": "any"}),
        "POST /lookups/enrich-email",
        {"handle": "m", "email_mode": "any"},
        {},
    ),
    (lambda api: api.lookups.history(), "GET /lookups/enrich/history", None, []),
    (lambda api: api.lookups.email_history(), "GET /lookups/enrich-email/history", None, []),
    (
        lambda api: api.lookups.segment_from("indie founders"),
        "POST /lookups/segments/from-description",
        {"description": "indie founders"},
        {},
    ),
    (lambda api: api.lookups.revoke_key(5), "DELETE /lookups/api-keys/5", None, {}),
]


@pytest.mark.parametrize(
    ("ask", "asked", "sent", "answer"), ASKS, ids=[row[1].partition("?")[0] for row in ASKS]
)
@pytest.mark.parametrize("status", [200, 201])
def test_each_method_is_one_request_that_the_budget_hears_of(
    ask: Callable[[Api], Any], asked: str, sent: Any, answer: Any, status: int
) -> None:
    stage = Stage({asked.partition("?")[0]: (status, answer)})
    ask(stage.api())
    assert stage.asked == [asked]
    assert stage.sent == [sent]
    assert [signals.status for signals in stage.signals] == [status]


def test_creating_a_campaign_reads_the_list_first() -> None:
    stage = Stage({"GET /streams": (200, []), "POST /streams": (201, {"id": 14})})
    made = stage.api().streams.create(NewStream(name="Founders", pairs=PAIRS))
    assert made.id == 14
    assert stage.asked == ["GET /streams", "POST /streams"]
    assert stage.sent[1] == {"name": "Founders", "pairs": [{"accountId": 3, "segmentId": 6}]}


@pytest.mark.parametrize("number", [0, -1, 2**63, True, "14", "../me", 1.0])
def test_an_id_that_is_none_is_never_sent(number: Any) -> None:
    stage = Stage({})
    asks: list[Callable[[Api], Any]] = [
        lambda api: api.streams.show(number),
        lambda api: api.streams.archive(number),
        lambda api: api.runs.show(14, number),
        lambda api: api.accounts.sleep(number, billing=YES),
        lambda api: api.leads.across(stream_id=number),
        lambda api: api.runs.retest(14, segment_id=number),
    ]
    for ask in asks:
        with pytest.raises(DraftError, match="id"):
            ask(stage.api())
    assert stage.asked == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda api: api.runs.list(limit=101),
        lambda api: api.runs.of_stream(14, limit=0),
        lambda api: api.leads.across(limit=501),
        lambda api: api.leads.of_stream(14, limit=0),
        lambda api: api.leads.of_stream(14, offset=-1),
    ],
)
def test_a_limit_out_of_bounds_is_never_sent(ask: Callable[[Api], Any]) -> None:
    stage = Stage({})
    with pytest.raises(DraftError, match=r"must be from \d"):
        ask(stage.api())
    assert stage.asked == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda api: api.notifications.replace({}),
        lambda api: api.lookups.segment_from("  "),
        lambda api: api.accounts.change_tier(3, "top", billing=YES),
    ],
)
def test_what_says_nothing_is_never_sent(ask: Callable[[Api], Any]) -> None:
    stage = Stage({})
    with pytest.raises(DraftError):
        ask(stage.api())
    assert stage.asked == []


@pytest.mark.parametrize("handle", ["", "@", "two words", "a/b", "é", "x" * 51])
def test_what_is_no_handle_is_never_looked_up(handle: str) -> None:
    stage = Stage({})
    with pytest.raises(DraftError, match="accountHandle: must"):
        stage.api().lookups.enrich(handle)
    assert stage.asked == []


def test_a_time_without_a_zone_is_utc_and_a_filter_may_be_nothing() -> None:
    assert LeadFilter(since=datetime(2026, 6, 11, 7, 15)).query() == {"since": "2026-06-11T07:15:00Z"}  # noqa: DTZ001
    assert LeadFilter(lifecycle=None, since=None).query() == {}
