"""The endpoints: route, inputs, answers and refusals of each.

This table makes the routes and the OpenAPI document. The simulator checks requests against it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from syncd.simulator import refusals as no
from syncd.simulator.api.schemas import CONFIDENCE, FLAG, INSTANT, INTEGER, Schema, one_of
from syncd.simulator.refusals import Refusal

V2 = "/api/v2"
LIMIT: Mapping[str, Schema] = {"limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 30}}
LEADS: Mapping[str, Schema] = {
    "lifecycle": one_of("new", "exported"),
    "matchConfidence": CONFIDENCE,
    "accountId": INTEGER,
    "segmentId": INTEGER,
    "since": INSTANT,
    "limit": {"type": "integer", "minimum": 1, "maximum": 500, "default": 100},
    "offset": {"type": "integer", "minimum": 0, "maximum": 2**53, "default": 0},
    "summary": {**FLAG, "default": False},
}
BILLING = (no.SUBSCRIPTION_REQUIRED, no.STRIPE)
HANDLE = (no.HANDLE_NOT_FOUND, no.HANDLE_PROTECTED, no.HANDLE_LOOKUP_FAILED)
PAIRS = (
    *BILLING,
    *HANDLE,
    no.FREE_ACCOUNT_LIMIT,
    no.STREAM_CAP_EXCEEDED,
    no.ACCOUNT_NOT_FOUND,
    no.SEGMENT_NOT_FOUND,
    no.ORPHAN_LABEL,
)
RUN = (no.STREAM_NOT_FOUND, no.STREAM_ARCHIVED, no.RUN_UNDER_WAY, no.BUDGET_EXHAUSTED)
CREDITS = (no.NO_TEAM, no.PROFILE_MISSING, no.CREDITS_EXHAUSTED)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint.

    Attributes:
        name: The name of its view, and of its planned failures.
        path: Below `/api/v2`, such as `/streams/{streamId}`.
        summary: Purpose in a few words.
        answers: Schema names of the possible answers, divided by blanks.
        refusals: Refusals beyond those of every endpoint.
        body: Schema name of the request body.
        optional: The request body may be missing.
        query: Query parameters by name.
        created: The status is that of a creation.
    """

    name: str
    method: str
    path: str
    summary: str
    answers: str
    refusals: tuple[Refusal, ...] = ()
    body: str | None = None
    optional: bool = False
    query: Mapping[str, Schema] | None = None
    created: bool = False

    @property
    def operation(self) -> str:
        """The method and the path, such as `GET /me`."""
        return f"{self.method} {self.path}"

    @property
    def rule(self) -> str:
        """The path as Flask writes it: `/streams/<int:stream_id>`."""
        return re.sub(r"{(\w+)Id}", r"<int:\1_id>", self.path)


_ENDPOINTS = (
    Endpoint("me", "GET", "/me", "Who the key belongs to, and what may be done now", "Me"),
    Endpoint("streams", "GET", "/streams", "Active campaigns", "Streams"),
    Endpoint(
        "create_stream", "POST", "/streams", "Create a campaign in one call", "CreatedStream", PAIRS,
        body="StreamRequest", created=True,
    ),
    Endpoint("stream", "GET", "/streams/{streamId}", "One campaign", "OneStream", (no.STREAM_NOT_FOUND,)),
    Endpoint(
        "update_stream", "PATCH", "/streams/{streamId}", "Change a campaign; pairs are replaced as a whole",
        "ChangedStream", (*PAIRS, no.STREAM_NOT_FOUND), body="StreamChange",
    ),
    Endpoint(
        "archive_stream", "DELETE", "/streams/{streamId}", "Archive a campaign", "Archived",
        (no.STREAM_NOT_FOUND,),
    ),
    Endpoint("run_stream", "POST", "/streams/{streamId}/run", "Run every pair", "Queued", RUN),
    Endpoint(
        "retest_stream", "POST", "/streams/{streamId}/re-test", "Classify cached followers again", "Queued", RUN,
        body="RetestRequest", optional=True,
    ),
    Endpoint(
        "stream_runs", "GET", "/streams/{streamId}/runs", "Runs of a campaign's pairs", "Runs",
        (no.STREAM_NOT_FOUND,), query=LIMIT,
    ),
    Endpoint(
        "stream_run", "GET", "/streams/{streamId}/runs/{runId}", "One run of a campaign's pairs", "OneRun",
        (no.STREAM_NOT_FOUND, no.RUN_NOT_FOUND),
    ),
    Endpoint(
        "stream_leads", "GET", "/streams/{streamId}/leads", "Leads of one campaign", "LeadPage LeadSummary",
        (no.STREAM_NOT_FOUND,), query=LEADS,
    ),
    Endpoint("runs", "GET", "/runs", "Runs of all campaigns", "Runs", query=LIMIT),
    Endpoint(
        "segments", "GET", "/segments", "Segments", "Segments",
        query={"excludeArchived": {**FLAG, "default": True}},
    ),
    Endpoint(
        "create_segment", "POST", "/segments", "Create a segment", "CreatedSegment", (no.ORPHAN_LABEL,),
        body="SegmentRequest", created=True,
    ),
    Endpoint("accounts", "GET", "/accounts", "Tracked accounts", "Accounts"),
    Endpoint(
        "sleep_account", "POST", "/accounts/{accountId}/sleep", "Pause an account, and its billing", "Asleep",
        (no.ACCOUNT_NOT_FOUND, no.STRIPE),
    ),
    Endpoint(
        "wake_account", "POST", "/accounts/{accountId}/wake", "Go on with an account, and its billing", "Awake",
        (no.ACCOUNT_NOT_FOUND, *BILLING),
    ),
    Endpoint(
        "change_tier", "POST", "/accounts/{accountId}/change-tier",
        "Upgrade at once, or downgrade at the period's end", "TierChange",
        (no.ACCOUNT_NOT_FOUND, no.ACCOUNT_SLEEPS, no.TIER_UNCHANGED, *BILLING), body="TierRequest",
    ),
    Endpoint(
        "leads", "GET", "/leads", "Leads of all campaigns",
        "LeadPage LeadSummary GroupedLeads GroupedSummary LeadsByStream",
        query={"streamId": INTEGER, **LEADS, "groupBy": one_of("stream")},
    ),
    Endpoint(
        "export", "POST", "/leads/{leadId}/export", "Mark a lead exported", "Ok",
        (no.LEAD_NOT_FOUND, no.ALREADY_EXPORTED),
    ),
    Endpoint(
        "feedback", "POST", "/leads/{leadId}/feedback", "Judge a lead in one segment", "Ok",
        (no.FEEDBACK_LEAD_NOT_FOUND, no.SEGMENT_NOT_FOUND), body="FeedbackRequest",
    ),
    Endpoint(
        "enrich", "POST", "/leads/{leadId}/enrich", "Find an email or a LinkedIn page of a lead", "Enriched",
        (no.ENRICH_LEAD_NOT_FOUND, *CREDITS), body="EnrichRequest",
    ),
    Endpoint(
        "subscribe", "POST", "/webhooks/subscribe", "Have new leads posted to a URL", "Subscribed",
        body="SubscribeRequest", created=True,
    ),
    Endpoint(
        "unsubscribe", "DELETE", "/webhooks/subscribe", "End a subscription", "Ok",
        (no.SUBSCRIPTION_NOT_FOUND,), body="UnsubscribeRequest",
    ),
    Endpoint("templates", "GET", "/dm-templates", "Templates of direct messages", "Templates"),
    Endpoint(
        "create_template", "POST", "/dm-templates", "Make a template", "OneTemplate", (no.TEMPLATE_EXISTS,),
        body="TemplateRequest", created=True,
    ),
    Endpoint(
        "template", "GET", "/dm-templates/{templateId}", "One template", "OneTemplate",
        (no.TEMPLATE_NOT_FOUND,),
    ),
    Endpoint(
        "update_template", "PUT", "/dm-templates/{templateId}", "Write a template anew", "OneTemplate",
        (no.TEMPLATE_NOT_FOUND, no.TEMPLATE_EXISTS), body="TemplateRequest",
    ),
    Endpoint(
        "delete_template", "DELETE", "/dm-templates/{templateId}", "Throw a template away", "Deleted",
        (no.TEMPLATE_NOT_FOUND,),
    ),
    Endpoint(
        "notification_settings", "GET", "/notification-settings", "How the team is notified",
        "NotificationSettings",
    ),
    Endpoint(
        "update_notification_settings", "PUT", "/notification-settings", "Change how the team is notified",
        "NotificationSettings", body="NotificationChange",
    ),
    Endpoint(
        "lookup", "POST", "/lookups/enrich", "Find an email and a LinkedIn page of an X handle", "Enriched",
        (*CREDITS, *HANDLE), body="LookupRequest",
    ),
    Endpoint(
        "lookup_email", "POST", "/lookups/enrich-email", "Find an email of an X handle", "Enriched",
        (*CREDITS, *HANDLE), body="EmailLookupRequest",
    ),
    Endpoint(
        "lookup_history", "GET", "/lookups/enrich/history", "Recent LinkedIn look-ups", "History", query=LIMIT
    ),
    Endpoint(
        "lookup_email_history", "GET", "/lookups/enrich-email/history", "Recent email look-ups", "History",
        query=LIMIT,
    ),
    Endpoint(
        "lookup_segment", "POST", "/lookups/segments/from-description", "A segment from free text",
        "ProposedSegment", body="DescriptionRequest",
    ),
    Endpoint(
        "revoke_key", "DELETE", "/lookups/api-keys/{keyId}", "Revoke the key of this call", "Revoked",
        (no.API_KEY_NOT_FOUND,),
    ),
)  # fmt: skip
ENDPOINTS: Mapping[str, Endpoint] = {endpoint.name: endpoint for endpoint in _ENDPOINTS}
