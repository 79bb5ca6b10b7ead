"""The requests and answers of the API as JSON Schema, for the OpenAPI document and for checking requests.

Answers are closed, so tests notice an undescribed member. Requests are open, as the vendor's seem to be.
"""

from collections.abc import Mapping
from typing import Any

from syncd.simulator.campaigns.accounts import TIERS
from syncd.simulator.leads.enrichment import MODES, OUTPUTS
from syncd.simulator.leads.feedback import FEEDBACKS, LONGEST, REASONS

Schema = Mapping[str, Any]

INTEGER: Schema = {"type": "integer"}
TEXT: Schema = {"type": "string"}
NAME: Schema = {"type": "string", "minLength": 1}
FLAG: Schema = {"type": "boolean"}
YES: Schema = {"type": "boolean", "const": True}
INSTANT: Schema = {"type": "string", "format": "date-time"}


def ref(name: str) -> Schema:
    """Refer to the component of this name."""
    return {"$ref": f"#/components/schemas/{name}"}


def one_of(*values: str) -> Schema:
    """Allow one of these texts."""
    return {"type": "string", "enum": list(values)}


def array(items: Schema, **limits: int) -> Schema:
    """Describe an array; `minItems` and `maxItems` limit its length."""
    return {"type": "array", "items": items, **limits}


def or_null(schema: Schema) -> Schema:
    """Allow null as well."""
    if "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    enum = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **enum}


def each(schema: Schema, names: str) -> dict[str, Schema]:
    """Give every one of these members, divided by blanks, the same schema."""
    return dict.fromkeys(names.split(), schema)


def answer(optional: Mapping[str, Schema] | None = None, **members: Schema) -> Schema:
    """Describe a closed object that always has every member but the optional ones."""
    return {
        "type": "object",
        "properties": {**members, **(optional or {})},
        "required": list(members),
        "additionalProperties": False,
    }


def request(required: Mapping[str, Schema], **optional: Schema) -> Schema:
    """Describe an open object."""
    return {"type": "object", "properties": {**required, **optional}, "required": list(required)}


def _either(*names: str) -> Schema:
    return {
        "description": f"must have {' or '.join(names)}",
        "anyOf": [{"required": [name]} for name in names],
    }


LABELS: Schema = {"type": "object", "additionalProperties": array(TEXT)}
TIER = one_of(*TIERS)
MODE = one_of(*MODES)
CONFIDENCE = one_of("high", "medium")
DIGEST = one_of("after_every_sync", "daily", "weekly", "off")
SLOT: Schema = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):(00|15|30|45)$"}
ADDRESSES: Schema = {"anyOf": [TEXT, array(TEXT)]}
CHANNELS = each(FLAG, "email telegram")
HANDLE: Schema = {**NAME, "examples": ["mara_builds"]}
SEGMENT = {
    "name": or_null(TEXT),
    **each(array(TEXT), "genderValues followerCountTiers"),
    "appliedSearchFilters": LABELS,
}
STREAM = {
    **each(FLAG, "autoEnrichLinkedin autoEnrichEmail"),
    "emailMode": MODE,
    "deliveryDestination": one_of("leads_only", "leads_plus_webhook"),
}
NEW_STREAM = {
    **STREAM,
    "name": TEXT,
    "syncTimes": array(SLOT, minItems=1),
    "timezone": {"type": "string", "format": "time-zone", "examples": ["UTC", "Europe/Paris"]},
}
NULLABLE = {
    "emailDigestOverride": DIGEST,
    "telegramOverride": FLAG,
    "webhookUrl": TEXT,
    "csvEmailRecipients": ref("CsvEmailRecipients"),
}
OVERRIDES = {name: or_null(schema) for name, schema in NULLABLE.items()}
PAIR: Schema = {
    **request(
        {},
        **each(INTEGER, "accountId segmentId"),
        accountHandle=NAME,
        accountTier=TIER,
        segment=ref("SegmentRequest"),
    ),
    "allOf": [_either("accountId", "accountHandle"), _either("segmentId", "segment")],
}
PAIRS = array(ref("PairRequest"), minItems=1, maxItems=50)
WISHES = {"requested_outputs": array(one_of(*OUTPUTS), minItems=1)}
# An unknown filter is no error. It matches nothing, as the vendor says of a removed filter.
FILTER: Schema = {
    "type": ["object", "null"],
    "description": "`streamId`, `accountId`, `sourceType` (`follower`, `liker`), `feedbackStatus` (`good`, `bad`), "
    "`matchConfidence` (`high`, `medium`)",
}

# The request bodies by name.
REQUESTS: Mapping[str, Schema] = {
    "SegmentRequest": request({"description": NAME}, **SEGMENT),
    "PairRequest": PAIR,
    "CsvEmailRecipients": request({"to": ADDRESSES}, cc=ADDRESSES, format=TEXT),
    "StreamRequest": request({"pairs": PAIRS}, **NEW_STREAM, **NULLABLE),
    "StreamChange": request({}, pairs=PAIRS, **each(FLAG, "isActive isArchived"), **NEW_STREAM, **OVERRIDES),
    "RetestRequest": request({}, **each(INTEGER, "accountId segmentId")),
    "TierRequest": request({"newTier": TIER}),
    "EnrichRequest": request(WISHES, email_mode=MODE),
    "TemplateRequest": request({"name": {**NAME, "maxLength": 100}, "messageBody": {**NAME, "maxLength": 2_000}}),
    "NotificationChange": request({}, summaryFrequency=DIGEST, channels=request({}, **CHANNELS)),
    "LookupRequest": request({"handle": HANDLE}, **WISHES, email_mode=MODE),
    "EmailLookupRequest": request({"handle": HANDLE}, email_mode=MODE),
    "DescriptionRequest": request({"description": NAME}),
    "FeedbackRequest": request(
        {"segmentId": INTEGER, "feedback": one_of(*FEEDBACKS)},
        badReason=or_null(one_of(*REASONS)),
        badReasonFreeform=or_null({"type": "string", "maxLength": LONGEST}),
    ),
    "SubscribeRequest": request({"targetUrl": {"type": "string", "format": "uri"}}, filterConfig=FILTER),
    "UnsubscribeRequest": request({"id": INTEGER}),
}  # fmt: skip

CONTACT = each(or_null(TEXT), "email emailStatus linkedinUrl")
# The vendor contradicts itself about these names, so a switch picks one of each pair.
ACCOUNT_ID = each(INTEGER, "trackedAccountId accountId")
RUN_ID = each(INTEGER, "syncRunId runId")
NEW_PARTS = (
    array(
        answer(
            {"billingDelta": one_of("stripe_quantity_incremented")},
            handle=TEXT,
            accountId=INTEGER,
            accountCreated=FLAG,
        )
    ),
    array(answer(segmentId=INTEGER, segmentCreated=FLAG)),
)
COUNTS = each(INTEGER, "highFitCount mediumFitCount")
STREAM_NAME = {"streamId": INTEGER, "streamName": or_null(TEXT)}
ALLOWANCE = each(INTEGER, "used remaining")
PAGE = {"total": INTEGER, "hasMore": FLAG}

# The answers by name.
ANSWERS: Mapping[str, Schema] = {
    "Error": {
        **answer(
            {"message": TEXT, "orphans": array(TEXT)},
            error={"type": "string", "description": "A code, or, on some pages, a sentence."},
        ),
        "additionalProperties": True,
    },
    "Profile": answer(
        CONTACT, **each(TEXT, "xUserId handle displayName profileImageUrl bio"), followerCount=INTEGER
    ),
    "Lead": answer(
        CONTACT,
        **each(INTEGER, "id streamId trackedXAccountId"),
        segmentId=or_null(INTEGER),
        matchConfidence=or_null(CONFIDENCE),
        sourceType=TEXT,
        discoveredAt=INSTANT,
        exportedAt=or_null(INSTANT),
        profile=ref("Profile"),
    ),
    "LeadPage": answer(leads=array(ref("Lead")), **PAGE),
    "LeadSummary": answer(**COUNTS),
    "GroupedLeads": answer(groups=array(answer(**STREAM_NAME, leads=array(ref("Lead")))), **PAGE),
    "GroupedSummary": answer(groups=array(answer(**STREAM_NAME, **COUNTS))),
    "LeadsByStream": answer(
        groups={"type": "object", "additionalProperties": array(ref("Lead"))}, **PAGE
    ),
    "Ok": answer(ok=YES),
    "Stream": answer(
        id=INTEGER,
        **each(TEXT, "name timezone"),
        **each(FLAG, "isActive isArchived"),
        pairs=array(answer(**each(INTEGER, "pairId accountId segmentId"), accountHandle=TEXT)),
        syncTimes=array(SLOT),
        **STREAM,
        **OVERRIDES,
        createdAt=INSTANT,
    ),
    "Streams": answer(streams=array(ref("Stream"))),
    "OneStream": answer(stream=ref("Stream")),
    "CreatedStream": answer(id=INTEGER, accounts=NEW_PARTS[0], segments=NEW_PARTS[1]),
    "ChangedStream": answer(
        {"pairsDiff": answer(addedAccounts=NEW_PARTS[0], addedSegments=NEW_PARTS[1])}, id=INTEGER
    ),
    "Archived": answer(archived=YES),
    "Queued": answer(
        queued=array(answer({**ACCOUNT_ID, **RUN_ID, **each(INTEGER, "pairId segmentId")})),
        skipped=array(
            answer(
                {**ACCOUNT_ID, "pairId": INTEGER},
                reason=one_of("budget_exhausted", "account_sleeping", "free_tier"),
            )
        ),
    ),
    "Run": answer(
        **each(INTEGER, "id streamId trackedXAccountId segmentId"),
        **each(TEXT, "streamName xHandle segmentName"),
        source=one_of("cron", "manual"),
        status=one_of("queued", "running", "succeeded", "failed"),
        mode=one_of("sync-then-search", "search-only"),
        triggeredAt=INSTANT,
        completedAt=or_null(INSTANT),
        **each(INTEGER, "newFollowersCount candidatesPassedCount mediumFitCount enrichedCount"),
        errorMessage=or_null(TEXT),
        progressLog=array(answer(**each(TEXT, "step message"), timestamp=INSTANT)),
    ),
    "Runs": answer(runs=array(ref("Run"))),
    "OneRun": answer(run=ref("Run")),
    "Segment": answer(
        **each(INTEGER, "id linkedStreamCount"),
        **each(TEXT, "userFacingId description"),
        **SEGMENT,
        **each(INSTANT, "createdAt updatedAt"),
    ),
    "Segments": answer(segments=array(ref("Segment"))),
    "CreatedSegment": answer(id=INTEGER, userFacingId=TEXT),
    "ProposedSegment": answer(
        segment=answer({"id": INTEGER, "userFacingId": TEXT}, description=TEXT, **SEGMENT)
    ),
    "Account": answer(
        **each(INTEGER, "id lastKnownFollowerCount lastKnownTweetCount"),
        **each(TEXT, "xHandle profileImageUrl"),
        tier=TIER,
        isActive=FLAG,
        tags=array(TEXT),
        addedAt=INSTANT,
        assignedSegmentIds=array(INTEGER),
        pendingTier=or_null(TIER),
        pendingTierEffectiveAt=or_null(INSTANT),
    ),
    "Accounts": answer(**each(array(ref("Account")), "active sleeping")),
    "Asleep": answer(success=YES, accountId=INTEGER, asleep=YES),
    "Awake": answer(success=YES, accountId=INTEGER, awake=YES),
    "TierChange": answer(
        {"effectiveAt": INSTANT},
        account=ref("Account"),
        action=one_of("upgraded", "downgrade_scheduled", "pending_cancelled"),
    ),
    "Me": answer(
        {
            "credits": answer(
                **each(INTEGER, "balance lowBalanceThreshold"), **each(FLAG, "isLow autoTopupEnabled")
            )
        },
        **each(TEXT, "name email subscriptionStatus"),
        isFreeTier=FLAG,
        accounts=array(
            answer(
                accountId=INTEGER,
                xHandle=TEXT,
                tier=TIER,
                monthlyRetest=answer(**ALLOWANCE, budget=INTEGER, billingPeriodStart=INSTANT),
                dailySync=answer(**ALLOWANCE, cap=INTEGER),
            )
        ),
        totals=answer(**each(INTEGER, "monthlyRetestRemaining dailySyncRemaining")),
    ),
    "Enrichment": answer(
        {
            "linkedin": or_null(answer(**each(TEXT, "url confidence"))),
            "email": or_null(answer(**each(TEXT, "address status provider"))),
        },
        ok=FLAG,
        kind=TEXT,
    ),
    "Enriched": answer(
        each(INTEGER, "credits_remaining leadId"),
        x_profile_id=TEXT,
        result=ref("Enrichment"),
        contact_routes=array(answer(**each(TEXT, "routeType value confidence"))),
    ),
    "History": answer(
        history=array(answer(id=INTEGER, handle=TEXT, result=ref("Enrichment"), createdAt=INSTANT))
    ),
    "Template": answer(id=INTEGER, **each(TEXT, "name messageBody"), **each(INSTANT, "createdAt updatedAt")),
    "Templates": answer(templates=array(ref("Template"))),
    "OneTemplate": answer(template=ref("Template")),
    "Deleted": answer(deleted=YES),
    "Revoked": answer(revoked=YES),
    "NotificationSettings": answer(summaryFrequency=DIGEST, channels=answer(**CHANNELS)),
    "Subscribed": answer(id=INTEGER),
}  # fmt: skip
