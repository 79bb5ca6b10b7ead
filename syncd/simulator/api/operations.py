"""The endpoints: inputs, answers and refusals of each.

This table and the routes make the OpenAPI document. The simulator checks requests against this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from syncd.simulator import refusals as no
from syncd.simulator.api.schemas import CONFIDENCE, FLAG, INSTANT, INTEGER, Schema, one_of
from syncd.simulator.refusals import Refusal

LIMIT: Schema = {"type": "integer", "minimum": 1, "maximum": 100, "default": 30}
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
WIRING = (
    *BILLING,
    no.FREE_ACCOUNT_LIMIT,
    no.STREAM_CAP_EXCEEDED,
    no.HANDLE_NOT_FOUND,
    no.HANDLE_PROTECTED,
    no.HANDLE_LOOKUP_FAILED,
    no.ACCOUNT_NOT_FOUND,
    no.SEGMENT_NOT_FOUND,
    no.ORPHAN_LABEL,
)
RUNNING = (no.STREAM_NOT_FOUND, no.STREAM_ARCHIVED, no.RUN_UNDER_WAY, no.BUDGET_EXHAUSTED)
SPENDING = (no.NO_TEAM, no.PROFILE_MISSING, no.CREDITS_EXHAUSTED)
LOOKING = (*SPENDING, no.HANDLE_NOT_FOUND, no.HANDLE_PROTECTED, no.HANDLE_LOOKUP_FAILED)


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint.

    Attributes:
        summary: Purpose in a few words.
        answers: Schema names of the possible answers.
        created: The status is that of a creation.
        body: Schema name of the request body.
        optional: The request body may be missing.
        query: Query parameters by name.
        refusals: Refusals beyond those of every endpoint.
    """

    summary: str
    answers: tuple[str, ...]
    created: bool = False
    body: str | None = None
    optional: bool = False
    query: Mapping[str, Schema] | None = None
    refusals: tuple[Refusal, ...] = ()


OPERATIONS: Mapping[str, Operation] = {
    "GET /me": Operation("Who the key belongs to, and what may be done now", ("Me",)),
    "GET /streams": Operation("Active campaigns", ("Streams",)),
    "POST /streams": Operation(
        "Create a campaign in one call",
        ("CreatedStream",),
        created=True,
        body="StreamRequest",
        refusals=WIRING,
    ),
    "GET /streams/{streamId}": Operation("One campaign", ("OneStream",), refusals=(no.STREAM_NOT_FOUND,)),
    "PATCH /streams/{streamId}": Operation(
        "Change a campaign; pairs are replaced as a whole",
        ("ChangedStream",),
        body="StreamChange",
        refusals=(*WIRING, no.STREAM_NOT_FOUND),
    ),
    "DELETE /streams/{streamId}": Operation(
        "Archive a campaign", ("Archived",), refusals=(no.STREAM_NOT_FOUND,)
    ),
    "POST /streams/{streamId}/run": Operation("Run every pair", ("Queued",), refusals=RUNNING),
    "POST /streams/{streamId}/re-test": Operation(
        "Classify cached followers again", ("Queued",), body="RetestRequest", optional=True, refusals=RUNNING
    ),
    "GET /streams/{streamId}/runs": Operation(
        "Runs of a campaign's pairs", ("Runs",), query={"limit": LIMIT}, refusals=(no.STREAM_NOT_FOUND,)
    ),
    "GET /streams/{streamId}/runs/{runId}": Operation(
        "One run of a campaign's pairs", ("OneRun",), refusals=(no.STREAM_NOT_FOUND, no.RUN_NOT_FOUND)
    ),
    "GET /streams/{streamId}/leads": Operation(
        "Leads of one campaign", ("LeadPage", "LeadSummary"), query=LEADS, refusals=(no.STREAM_NOT_FOUND,)
    ),
    "GET /runs": Operation("Runs of all campaigns", ("Runs",), query={"limit": LIMIT}),
    "GET /segments": Operation(
        "Segments", ("Segments",), query={"excludeArchived": {**FLAG, "default": True}}
    ),
    "POST /segments": Operation(
        "Create a segment",
        ("CreatedSegment",),
        created=True,
        body="SegmentRequest",
        refusals=(no.ORPHAN_LABEL,),
    ),
    "GET /accounts": Operation("Tracked accounts", ("Accounts",)),
    "POST /accounts/{accountId}/sleep": Operation(
        "Pause an account, and its billing", ("Asleep",), refusals=(no.ACCOUNT_NOT_FOUND, no.STRIPE)
    ),
    "POST /accounts/{accountId}/wake": Operation(
        "Go on with an account, and its billing", ("Awake",), refusals=(no.ACCOUNT_NOT_FOUND, *BILLING)
    ),
    "POST /accounts/{accountId}/change-tier": Operation(
        "Upgrade at once, or downgrade at the period's end",
        ("TierChange",),
        body="TierRequest",
        refusals=(no.ACCOUNT_NOT_FOUND, no.ACCOUNT_SLEEPS, no.TIER_UNCHANGED, *BILLING),
    ),
    "GET /leads": Operation(
        "Leads of all campaigns",
        ("LeadPage", "LeadSummary", "GroupedLeads", "GroupedSummary", "LeadsByStream"),
        query={"streamId": INTEGER, **LEADS, "groupBy": one_of("stream")},
    ),
    "POST /leads/{leadId}/export": Operation(
        "Mark a lead exported", ("Ok",), refusals=(no.LEAD_NOT_FOUND, no.ALREADY_EXPORTED)
    ),
    "POST /leads/{leadId}/feedback": Operation(
        "Judge a lead in one segment",
        ("Ok",),
        body="FeedbackRequest",
        refusals=(no.FEEDBACK_LEAD_NOT_FOUND, no.SEGMENT_NOT_FOUND),
    ),
    "POST /leads/{leadId}/enrich": Operation(
        "Find an email or a LinkedIn page of a lead",
        ("Enriched",),
        body="EnrichRequest",
        refusals=(no.ENRICH_LEAD_NOT_FOUND, *SPENDING),
    ),
    "POST /webhooks/subscribe": Operation(
        "Have new leads posted to a URL", ("Subscribed",), created=True, body="SubscribeRequest"
    ),
    "DELETE /webhooks/subscribe": Operation(
        "End a subscription", ("Ok",), body="UnsubscribeRequest", refusals=(no.SUBSCRIPTION_NOT_FOUND,)
    ),
    "GET /dm-templates": Operation("Templates of direct messages", ("Templates",)),
    "POST /dm-templates": Operation(
        "Make a template",
        ("OneTemplate",),
        created=True,
        body="TemplateRequest",
        refusals=(no.TEMPLATE_EXISTS,),
    ),
    "GET /dm-templates/{templateId}": Operation(
        "One template", ("OneTemplate",), refusals=(no.TEMPLATE_NOT_FOUND,)
    ),
    "PUT /dm-templates/{templateId}": Operation(
        "Write a template anew",
        ("OneTemplate",),
        body="TemplateRequest",
        refusals=(no.TEMPLATE_NOT_FOUND, no.TEMPLATE_EXISTS),
    ),
    "DELETE /dm-templates/{templateId}": Operation(
        "Throw a template away", ("Deleted",), refusals=(no.TEMPLATE_NOT_FOUND,)
    ),
    "GET /notification-settings": Operation("How the team is notified", ("NotificationSettings",)),
    "PUT /notification-settings": Operation(
        "Change how the team is notified", ("NotificationSettings",), body="NotificationChange"
    ),
    "POST /lookups/enrich": Operation(
        "Find an email and a LinkedIn page of an X handle",
        ("Enriched",),
        body="LookupRequest",
        refusals=LOOKING,
    ),
    "POST /lookups/enrich-email": Operation(
        "Find an email of an X handle", ("Enriched",), body="EmailLookupRequest", refusals=LOOKING
    ),
    "GET /lookups/enrich/history": Operation(
        "Recent LinkedIn look-ups", ("History",), query={"limit": LIMIT}
    ),
    "GET /lookups/enrich-email/history": Operation(
        "Recent email look-ups", ("History",), query={"limit": LIMIT}
    ),
    "POST /lookups/segments/from-description": Operation(
        "A segment from free text", ("ProposedSegment",), body="DescriptionRequest"
    ),
    "DELETE /lookups/api-keys/{keyId}": Operation(
        "Revoke the key of this call", ("Revoked",), refusals=(no.API_KEY_NOT_FOUND,)
    ),
}
