"""The answers of the API as JSON Schema."""

from collections.abc import Mapping

from syncd.simulator.api.schemas import (
    CHANNELS,
    CONFIDENCE,
    CONTACT,
    DESTINATION,
    DIGEST,
    FLAG,
    INSTANT,
    INTEGER,
    LABELS,
    OVERRIDES,
    SLOT,
    TEXT,
    TIER,
    Schema,
    answer,
    array,
    one_of,
    or_null,
    ref,
)
from syncd.simulator.leads.enrichment import MODES

YES: Schema = {"type": "boolean", "const": True}
SKIPPED = one_of("budget_exhausted", "account_sleeping", "free_tier")
# The vendor contradicts itself about these names, so a switch picks one of each pair.
ACCOUNT_ID = {"trackedAccountId": INTEGER, "accountId": INTEGER}
RUN_ID = {"syncRunId": INTEGER, "runId": INTEGER}
ALLOWANCE = {"used": INTEGER, "remaining": INTEGER}
CREATED_ACCOUNT = answer(
    {"billingDelta": one_of("stripe_quantity_incremented")},
    handle=TEXT,
    accountId=INTEGER,
    accountCreated=FLAG,
)
CREATED_SEGMENT = answer(segmentId=INTEGER, segmentCreated=FLAG)
SUMMARY = {"highFitCount": INTEGER, "mediumFitCount": INTEGER}
STREAM_NAME = {"streamId": INTEGER, "streamName": or_null(TEXT)}
FOUND = {"credits_remaining": INTEGER}
SEGMENT_BODY = {
    "description": TEXT,
    "name": or_null(TEXT),
    "genderValues": array(TEXT),
    "appliedSearchFilters": LABELS,
    "followerCountTiers": array(TEXT),
}

ANSWERS: Mapping[str, Schema] = {
    "Error": {
        **answer(
            {"message": TEXT, "orphans": array(TEXT)},
            error={"type": "string", "description": "A code, or, on some pages, a sentence."},
        ),
        "additionalProperties": True,
    },
    "Profile": answer(
        CONTACT,
        xUserId=TEXT,
        handle=TEXT,
        displayName=TEXT,
        profileImageUrl=TEXT,
        followerCount=INTEGER,
        bio=TEXT,
    ),
    "Lead": answer(
        CONTACT,
        id=INTEGER,
        streamId=INTEGER,
        trackedXAccountId=INTEGER,
        segmentId=or_null(INTEGER),
        matchConfidence=or_null(CONFIDENCE),
        sourceType=TEXT,
        discoveredAt=INSTANT,
        exportedAt=or_null(INSTANT),
        profile=ref("Profile"),
    ),
    "LeadPage": answer(leads=array(ref("Lead")), total=INTEGER, hasMore=FLAG),
    "LeadSummary": answer(**SUMMARY),
    "GroupedLeads": answer(
        groups=array(answer(**STREAM_NAME, leads=array(ref("Lead")))), total=INTEGER, hasMore=FLAG
    ),
    "GroupedSummary": answer(groups=array(answer(**STREAM_NAME, **SUMMARY))),
    "LeadsByStream": answer(
        groups={"type": "object", "additionalProperties": array(ref("Lead"))}, total=INTEGER, hasMore=FLAG
    ),
    "Ok": answer(ok=YES),
    "Stream": answer(
        id=INTEGER,
        name=TEXT,
        isActive=FLAG,
        isArchived=FLAG,
        pairs=array(answer(pairId=INTEGER, accountId=INTEGER, accountHandle=TEXT, segmentId=INTEGER)),
        syncTimes=array(SLOT),
        timezone=TEXT,
        autoEnrichLinkedin=FLAG,
        autoEnrichEmail=FLAG,
        emailMode=one_of(*MODES),
        deliveryDestination=DESTINATION,
        **OVERRIDES,
        createdAt=INSTANT,
    ),
    "Streams": answer(streams=array(ref("Stream"))),
    "OneStream": answer(stream=ref("Stream")),
    "CreatedStream": answer(id=INTEGER, accounts=array(CREATED_ACCOUNT), segments=array(CREATED_SEGMENT)),
    "ChangedStream": answer(
        {"pairsDiff": answer(addedAccounts=array(CREATED_ACCOUNT), addedSegments=array(CREATED_SEGMENT))},
        id=INTEGER,
    ),
    "Archived": answer(archived=YES),
    "Queued": answer(
        queued=array(answer({**ACCOUNT_ID, **RUN_ID, "pairId": INTEGER, "segmentId": INTEGER})),
        skipped=array(answer({**ACCOUNT_ID, "pairId": INTEGER}, reason=SKIPPED)),
    ),
    "Run": answer(
        id=INTEGER,
        streamId=INTEGER,
        streamName=TEXT,
        trackedXAccountId=INTEGER,
        xHandle=TEXT,
        segmentId=INTEGER,
        segmentName=TEXT,
        source=one_of("cron", "manual"),
        status=one_of("queued", "running", "succeeded", "failed"),
        mode=one_of("sync-then-search", "search-only"),
        triggeredAt=INSTANT,
        completedAt=or_null(INSTANT),
        newFollowersCount=INTEGER,
        candidatesPassedCount=INTEGER,
        mediumFitCount=INTEGER,
        enrichedCount=INTEGER,
        errorMessage=or_null(TEXT),
        progressLog=array(answer(step=TEXT, message=TEXT, timestamp=INSTANT)),
    ),
    "Runs": answer(runs=array(ref("Run"))),
    "OneRun": answer(run=ref("Run")),
    "Segment": answer(
        id=INTEGER,
        userFacingId=TEXT,
        **SEGMENT_BODY,
        linkedStreamCount=INTEGER,
        createdAt=INSTANT,
        updatedAt=INSTANT,
    ),
    "Segments": answer(segments=array(ref("Segment"))),
    "CreatedSegment": answer(id=INTEGER, userFacingId=TEXT),
    "ProposedSegment": answer(
        segment=answer({"id": INTEGER, "userFacingId": TEXT}, **SEGMENT_BODY),
    ),
    "Account": answer(
        id=INTEGER,
        xHandle=TEXT,
        tier=TIER,
        isActive=FLAG,
        profileImageUrl=TEXT,
        lastKnownFollowerCount=INTEGER,
        lastKnownTweetCount=INTEGER,
        tags=array(TEXT),
        addedAt=INSTANT,
        assignedSegmentIds=array(INTEGER),
        pendingTier=or_null(TIER),
        pendingTierEffectiveAt=or_null(INSTANT),
    ),
    "Accounts": answer(active=array(ref("Account")), sleeping=array(ref("Account"))),
    "Asleep": answer(success=YES, accountId=INTEGER, asleep=YES),
    "Awake": answer(success=YES, accountId=INTEGER, awake=YES),
    "TierChange": answer(
        {"effectiveAt": INSTANT},
        account=ref("Account"),
        action=one_of("upgraded", "downgrade_scheduled", "pending_cancelled"),
    ),
    "Me": answer(
        {"credits": answer(balance=INTEGER, lowBalanceThreshold=INTEGER, isLow=FLAG, autoTopupEnabled=FLAG)},
        name=TEXT,
        email=TEXT,
        subscriptionStatus=TEXT,
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
        totals=answer(monthlyRetestRemaining=INTEGER, dailySyncRemaining=INTEGER),
    ),
    "Enrichment": answer(
        {
            "linkedin": or_null(answer(url=TEXT, confidence=TEXT)),
            "email": or_null(answer(address=TEXT, status=TEXT, provider=TEXT)),
        },
        ok=FLAG,
        kind=TEXT,
    ),
    "Enriched": answer(
        {**FOUND, "leadId": INTEGER},
        x_profile_id=TEXT,
        result=ref("Enrichment"),
        contact_routes=array(answer(routeType=TEXT, value=TEXT, confidence=TEXT)),
    ),
    "History": answer(
        history=array(answer(id=INTEGER, handle=TEXT, result=ref("Enrichment"), createdAt=INSTANT))
    ),
    "Template": answer(id=INTEGER, name=TEXT, messageBody=TEXT, createdAt=INSTANT, updatedAt=INSTANT),
    "Templates": answer(templates=array(ref("Template"))),
    "OneTemplate": answer(template=ref("Template")),
    "Deleted": answer(deleted=YES),
    "Revoked": answer(revoked=YES),
    "NotificationSettings": answer(summaryFrequency=DIGEST, channels=answer(**CHANNELS)),
    "Subscribed": answer(id=INTEGER),
}
