"""The request bodies of the API as JSON Schema, for the OpenAPI document and for checking requests.

Answers are closed, so tests notice an undescribed member. Requests are open, as the vendor's seem to be.
"""

from collections.abc import Mapping
from typing import Any

from syncd.simulator.campaigns.tiers import TIERS
from syncd.simulator.leads.enrichment import MODES, OUTPUTS
from syncd.simulator.leads.feedback import FEEDBACKS, LONGEST, REASONS

Schema = Mapping[str, Any]

INTEGER: Schema = {"type": "integer"}
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
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
    if "enum" in schema:
        return {**schema, "type": [schema["type"], "null"], "enum": [*schema["enum"], None]}
    return (
        {**schema, "type": [schema["type"], "null"]}
        if "type" in schema
        else {"anyOf": [schema, {"type": "null"}]}
    )


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
CONFIDENCE = one_of("high", "medium")
CONTACT = {"email": or_null(TEXT), "emailStatus": or_null(TEXT), "linkedinUrl": or_null(TEXT)}
DIGEST = one_of("after_every_sync", "daily", "weekly", "off")
DESTINATION = one_of("leads_only", "leads_plus_webhook")
SLOT: Schema = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):(00|15|30|45)$"}
ADDRESSES: Schema = {"anyOf": [TEXT, array(TEXT)]}
CSV_EMAIL = request({"to": ADDRESSES}, cc=ADDRESSES, format=TEXT)
SEGMENT = {
    "description": {"type": "string", "minLength": 1},
    "name": or_null(TEXT),
    "genderValues": array(TEXT),
    "appliedSearchFilters": LABELS,
    "followerCountTiers": array(TEXT),
}
PAIR: Schema = {
    **request(
        {},
        accountId=INTEGER,
        accountHandle={"type": "string", "minLength": 1},
        accountTier=TIER,
        segmentId=INTEGER,
        segment=ref("SegmentRequest"),
    ),
    "allOf": [
        _either("accountId", "accountHandle"),
        _either("segmentId", "segment"),
    ],
}
PAIRS = array(ref("PairRequest"), minItems=1, maxItems=50)
STREAM = {
    "name": TEXT,
    "syncTimes": array(SLOT, minItems=1),
    "timezone": {"type": "string", "format": "time-zone", "examples": ["UTC", "Europe/Paris"]},
    "autoEnrichLinkedin": FLAG,
    "autoEnrichEmail": FLAG,
    "emailMode": one_of(*MODES),
    "deliveryDestination": DESTINATION,
}
NULLABLE = {
    "emailDigestOverride": DIGEST,
    "telegramOverride": FLAG,
    "webhookUrl": TEXT,
    "csvEmailRecipients": ref("CsvEmailRecipients"),
}
OVERRIDES = {name: or_null(schema) for name, schema in NULLABLE.items()}
TEMPLATE = {
    "name": {"type": "string", "minLength": 1, "maxLength": 100},
    "messageBody": {"type": "string", "minLength": 1, "maxLength": 2_000},
}
CHANNELS = {"email": FLAG, "telegram": FLAG}
HANDLE: Schema = {"type": "string", "minLength": 1, "examples": ["mara_builds"]}
# An unknown filter is no error. It matches nothing, as the vendor says of a removed filter.
FILTER: Schema = {
    "type": ["object", "null"],
    "description": "`streamId`, `accountId`, `sourceType` (`follower`, `liker`), `feedbackStatus` (`good`, `bad`), "
    "`matchConfidence` (`high`, `medium`)",
}

# The request bodies by name.
REQUESTS: Mapping[str, Schema] = {
    "SegmentRequest": request(
        {"description": SEGMENT["description"]}, **{n: s for n, s in SEGMENT.items() if n != "description"}
    ),
    "PairRequest": PAIR,
    "CsvEmailRecipients": CSV_EMAIL,
    "StreamRequest": request({"pairs": PAIRS}, **STREAM, **NULLABLE),
    "StreamChange": request({}, pairs=PAIRS, isActive=FLAG, isArchived=FLAG, **STREAM, **OVERRIDES),
    "RetestRequest": request({}, accountId=INTEGER, segmentId=INTEGER),
    "TierRequest": request({"newTier": TIER}),
    "EnrichRequest": request(
        {"requested_outputs": array(one_of(*OUTPUTS), minItems=1)}, email_mode=one_of(*MODES)
    ),
    "TemplateRequest": request(TEMPLATE),
    "NotificationChange": request({}, summaryFrequency=DIGEST, channels=request({}, **CHANNELS)),
    "LookupRequest": request(
        {"handle": HANDLE}, requested_outputs=array(one_of(*OUTPUTS), minItems=1), email_mode=one_of(*MODES)
    ),
    "EmailLookupRequest": request({"handle": HANDLE}, email_mode=one_of(*MODES)),
    "DescriptionRequest": request({"description": SEGMENT["description"]}),
    "FeedbackRequest": request(
        {"segmentId": INTEGER, "feedback": one_of(*FEEDBACKS)},
        badReason=or_null(one_of(*REASONS)),
        badReasonFreeform=or_null({"type": "string", "maxLength": LONGEST}),
    ),
    "SubscribeRequest": request({"targetUrl": {"type": "string", "format": "uri"}}, filterConfig=FILTER),
    "UnsubscribeRequest": request({"id": INTEGER}),
}
