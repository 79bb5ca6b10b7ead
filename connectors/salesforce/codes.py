"""Salesforce's words and what they come to: the connector's failure codes, and a table for each kind of answer.

Nothing here does I/O. Salesforce speaks two dialects: a call that failed whole says `errorCode`, a row that failed
inside a collection says `statusCode`; the token endpoint says `error`. Sources: Salesforce's REST guide, "Status
codes and error responses" and "Upsert multiple records".
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

CODES: Mapping[str, str] = MappingProxyType(
    {
        "salesforce_unreachable": "Check the network, DNS, proxy and certificates, and the connector's domain or instance_url. syncd keeps trying.",
        "salesforce_unavailable": "Nothing to do: Salesforce is under maintenance (see status.salesforce.com), and syncd keeps trying.",
        "salesforce_failed": "Nothing to do: the call broke without a reason, and syncd tries its leads again, if need be one by one.",
        "salesforce_unexpected_answer": "Check that domain or instance_url is your org's My Domain and that no proxy or login page stands between.",
        "salesforce_redirected": "syncd follows no redirects, for they would carry the token along: set domain to the org's current My Domain.",
        "salesforce_credentials": "Check client_id and client_secret, and that the app allows the client credentials flow with an active run-as user. Then: syncd resume NAME",
        "salesforce_session": "The session was refused, also when new: check the app, its scope `api` and its run-as user; a session_id must be replaced by hand. Then: syncd resume NAME",
        "salesforce_limit": "The org has used up its API calls of the last 24 hours: syncd waits. Look in Setup for what else uses them.",
        "salesforce_concurrency": "Too many slow calls run in the org at once: syncd waits. A smaller `batch` makes its own shorter.",
        "salesforce_slow_down": "Nothing to do: syncd waits as long as it was asked to.",
        "salesforce_daily_share": "syncd has used its daily_share of the org's API calls and goes on as they come back. Raise daily_share if the org can spare more.",
        "salesforce_api_disabled": "This org or its edition has no API access: enable it or change the edition. Then: syncd resume NAME",
        "salesforce_permission": "Give the run-as user API access, create, edit and read on Lead, edit on every mapped field, read on Contact. Then: syncd resume NAME",
        "salesforce_policy": "A transaction security policy of the org refuses the call: exempt the run-as user. Then: syncd resume NAME",
        "salesforce_field_missing": "Run: syncd setup NAME --apply, or create the field and grant it to the run-as user, or take it out of the mapping. Then: syncd resume NAME",
        "salesforce_field_locked": "Grant the run-as user edit on the field, or take it out of the mapping. Then: syncd resume NAME",
        "salesforce_no_key": "external_id_field must be a text field of Lead, marked External ID and Unique, visible to the run-as user: syncd setup NAME --apply makes it. Then: syncd resume NAME",
        "salesforce_object_hidden": "Give the run-as user read on Lead and Contact. Then: syncd resume NAME",
        "salesforce_version": "The org no longer serves this version of the API: upgrade syncd.",
        "salesforce_storage": "The org's data storage is full: free some or buy more. Then: syncd resume NAME",
        "salesforce_malformed": "Salesforce cannot read the request: look at the values with syncd map, mend the mapping, then: syncd rejected retry",
        "salesforce_required": "Salesforce wants a value for the field: map one, then: syncd rejected retry",
        "salesforce_too_long": "The value is longer than the field: make the field longer or map less of it, then: syncd rejected retry",
        "salesforce_bad_email": "Salesforce takes this for no email address: mend the mapping, then: syncd rejected retry; or: syncd rejected drop",
        "salesforce_bad_value": "The field cannot hold this value: mend the mapping, then: syncd rejected retry",
        "salesforce_picklist": "Add the value to the picklist, or map another, then: syncd rejected retry",
        "salesforce_validation": "A validation rule or a lookup filter of the org said no: mend it or the mapping, then: syncd rejected retry",
        "salesforce_automation": "A trigger or flow of the org failed on this lead: have its owner look, then: syncd rejected retry",
        "salesforce_owner": "An owner or record type in the mapping does not exist, is inactive, or cannot be given the lead: mend it, then: syncd rejected retry",
        "salesforce_record_locked": "The run-as user may not edit this record: check sharing and approval locks, and for all leads create and edit on Lead; then: syncd rejected retry",
        "salesforce_duplicate": "The person is in the org already: merge by hand and drop it, or set duplicates to link or save, then: syncd rejected retry",
        "salesforce_org_limit": "A limit of the org or of its licences stands in the way: see the detail, have its administrator free or raise it, then: syncd rejected retry",
        "salesforce_merged": "Sales merged this person's lead into another person's, which syncd leaves alone: syncd rejected drop; or set duplicates to save, for a lead of its own, then: syncd rejected retry",
        "salesforce_not_unique": "Another record holds a value that must be unique: look at the field's other holder, then: syncd rejected retry",
        "salesforce_key_ambiguous": "Several records hold this key: merge them and mark the external id field Unique, then: syncd rejected retry",
        "salesforce_bad_key": "The person's id does not fit the external id field: make it longer, then: syncd rejected retry",
        "salesforce_row_locked": "Nothing to do: somebody else was writing the same records, and syncd tries again.",
        "salesforce_row_deleted": "Nothing to do: the record was deleted meanwhile, and syncd tries again.",
        "salesforce_row_failed": "Salesforce failed on this lead with a code that syncd does not know: see the detail. It is tried again.",
        "salesforce_every_row": "Every row of several calls failed alike, so it is no single lead: see the detail and mend it. Then: syncd resume NAME",
        "salesforce_feedback_refused": "Check the property in the connector's feedback table: it must be the API name of a field of Lead that the run-as user can read and that can be filtered by. Then: syncd resume NAME",
        # What check finds
        "salesforce_feedback_value": "Use the values of the picklist in the connector's feedback table: one that it does not have is never heard.",
        "salesforce_ready": "Nothing to do.",
        "salesforce_key": "Nothing to do.",
        "salesforce_kept": 'Write policy = "create_only" to say so yourself.',
        "salesforce_email": "Map only verified addresses to Email: {{ email if email_status == 'verified' }}, so that people are found by theirs.",
    }
)
"""This connector's codes with their fixes."""

Kind = Literal["retry", "reject", "pause", "unexplained", "halt", "refused"]


class Meaning(NamedTuple):
    """The meaning of one of Salesforce's words."""

    kind: Kind
    code: str
    when_all: bool = False
    """True if the lane stops when every row of a call says this."""


ROWS: Mapping[str, Meaning] = MappingProxyType(
    {
        "REQUIRED_FIELD_MISSING": Meaning("reject", "salesforce_required"),
        "STRING_TOO_LONG": Meaning("reject", "salesforce_too_long"),
        "INVALID_EMAIL_ADDRESS": Meaning("reject", "salesforce_bad_email"),
        "NUMBER_OUTSIDE_VALID_RANGE": Meaning("reject", "salesforce_bad_value"),
        "MALFORMED_ID": Meaning("reject", "salesforce_bad_value"),
        "FIELD_INTEGRITY_EXCEPTION": Meaning("reject", "salesforce_bad_value"),
        "JSON_PARSER_ERROR": Meaning("reject", "salesforce_bad_value"),
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": Meaning("reject", "salesforce_picklist"),
        "FIELD_CUSTOM_VALIDATION_EXCEPTION": Meaning("reject", "salesforce_validation"),
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": Meaning("reject", "salesforce_automation", when_all=True),
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": Meaning("reject", "salesforce_owner", when_all=True),
        "INACTIVE_OWNER_OR_USER": Meaning("reject", "salesforce_owner", when_all=True),
        "INVALID_CROSS_REFERENCE_KEY": Meaning("reject", "salesforce_owner", when_all=True),
        "TRANSFER_REQUIRES_READ": Meaning("reject", "salesforce_owner", when_all=True),
        "CANNOT_EXECUTE_FLOW_TRIGGER": Meaning("reject", "salesforce_automation", when_all=True),
        "APEX_ERROR": Meaning("reject", "salesforce_automation", when_all=True),
        "FIELD_FILTER_VALIDATION_EXCEPTION": Meaning("reject", "salesforce_validation"),
        "MISSING_ARGUMENT": Meaning("reject", "salesforce_required"),
        "LIMIT_EXCEEDED": Meaning("reject", "salesforce_org_limit", when_all=True),
        "LICENSE_LIMIT_EXCEEDED": Meaning("reject", "salesforce_org_limit", when_all=True),
        "ENTITY_IS_LOCKED": Meaning("reject", "salesforce_record_locked"),
        "INSUFFICIENT_ACCESS": Meaning("reject", "salesforce_record_locked"),
        "INSUFFICIENT_ACCESS_OR_READONLY": Meaning("reject", "salesforce_record_locked"),
        "DUPLICATES_DETECTED": Meaning("reject", "salesforce_duplicate"),
        "DUPLICATE_EXTERNAL_ID": Meaning("reject", "salesforce_key_ambiguous"),
        "DUPLICATE_VALUE": Meaning("retry", "salesforce_not_unique"),
        "ENTITY_IS_DELETED": Meaning("retry", "salesforce_row_deleted"),
        "UNABLE_TO_LOCK_ROW": Meaning("retry", "salesforce_row_locked"),
        "ALL_OR_NONE_OPERATION_ROLLED_BACK": Meaning("retry", "salesforce_row_failed"),
        "UNKNOWN_EXCEPTION": Meaning("retry", "salesforce_row_failed"),
        "SERVER_UNAVAILABLE": Meaning("pause", "salesforce_unavailable"),
        "REQUEST_LIMIT_EXCEEDED": Meaning("pause", "salesforce_limit"),
        "INVALID_FIELD": Meaning("halt", "salesforce_field_missing"),
        "INVALID_FIELD_FOR_INSERT_UPDATE": Meaning("halt", "salesforce_field_locked"),
        "INVALID_TYPE": Meaning("halt", "salesforce_object_hidden"),
        "NOT_FOUND": Meaning("halt", "salesforce_no_key"),
        "STORAGE_LIMIT_EXCEEDED": Meaning("halt", "salesforce_storage"),
        "API_DISABLED_FOR_ORG": Meaning("halt", "salesforce_api_disabled"),
    }
)
"""`statusCode` of a row, whose own it is: a record out of reach says nothing of the others. A code that is not here is
retried, for nobody knows what it means."""

CALLS: Mapping[str, Meaning] = MappingProxyType(
    {
        **{word: meaning for word, meaning in ROWS.items() if meaning.kind in {"halt", "pause"}},
        "INSUFFICIENT_ACCESS": Meaning("halt", "salesforce_permission"),
        "INSUFFICIENT_ACCESS_OR_READONLY": Meaning("halt", "salesforce_permission"),
        "INVALID_SESSION_ID": Meaning("halt", "salesforce_session"),
        "INVALID_AUTH_HEADER": Meaning("halt", "salesforce_session"),
        "INVALID_AUTH": Meaning("halt", "salesforce_session"),
        "API_CURRENTLY_DISABLED": Meaning("halt", "salesforce_api_disabled"),
        "UNSUPPORTED_API_VERSION": Meaning("halt", "salesforce_version"),
        "UNKNOWN_EXCEPTION": Meaning("unexplained", "salesforce_failed"),
        "JSON_PARSER_ERROR": Meaning("refused", "salesforce_malformed"),
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": Meaning("refused", "salesforce_automation"),
    }
)
"""`errorCode` of a call that failed whole. One that is not here is judged by its status."""

STATUSES: Mapping[int, Meaning] = MappingProxyType(
    {
        300: Meaning("refused", "salesforce_key_ambiguous"),
        400: Meaning("refused", "salesforce_malformed"),
        401: Meaning("halt", "salesforce_session"),
        403: Meaning("halt", "salesforce_permission"),
        410: Meaning("halt", "salesforce_version"),
        413: Meaning("refused", "salesforce_malformed"),
        414: Meaning("refused", "salesforce_malformed"),
        429: Meaning("pause", "salesforce_slow_down"),
        431: Meaning("refused", "salesforce_malformed"),
        500: Meaning("unexplained", "salesforce_failed"),
        502: Meaning("unexplained", "salesforce_failed"),
        503: Meaning("pause", "salesforce_unavailable"),
        504: Meaning("unexplained", "salesforce_failed"),
    }
)
"""HTTP status of a call whose `errorCode` says nothing. Anything else is an unexpected answer."""

TOKEN_WAITS = frozenset({"rate_limit_exceeded", "server_error", "temporarily_unavailable", "unavailable"})
"""The errors of the token endpoint after which asking again later may help; its others stop the lane."""
