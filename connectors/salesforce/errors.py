"""The meaning of Salesforce's answers, as outcomes: pure, by a table for each kind of answer.

Salesforce has two dialects: a call that failed whole has an `errorCode`, a row that failed inside a collection a
`statusCode`; the token endpoint has an `error`. Details name Salesforce's code and the fields it names, never its sentences:
those quote what was sent. Sources: Salesforce's REST guide, "Status codes and error responses" and "Upsert multiple records".
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from syncd.connector import Delivered, Delivery, Failure, Halt, Outcome, Pause, Refused, Reject, Retry

Kind = Literal["retry", "reject", "pause", "unexplained", "halt", "refused"]


class Meaning(NamedTuple):
    """The meaning of one of Salesforce's codes."""

    kind: Kind
    code: str
    when_all: bool = False
    """True if the lane stops when every row of a call fails so."""


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
"""`statusCode` of a row, and of no other row. A code that is not here is retried, for nobody knows what it means."""

CALLS: Mapping[str, Meaning] = MappingProxyType(
    {
        **{code: meaning for code, meaning in ROWS.items() if meaning.kind in {"halt", "pause"}},
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

_CODE = re.compile(r"[A-Z][A-Z0-9_]{2,63}")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,79}")
_RECORD_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_UNKNOWN_ROW = Meaning("retry", "salesforce_row_failed")
_OF_RECORD = frozenset({"DUPLICATE_VALUE", "ENTITY_IS_DELETED"})
"""Codes of a row that name its record. A lock does not: a job of the org may hold it."""
_UNEXPECTED = Meaning("unexplained", "salesforce_unexpected_answer")
_CLEAR = frozenset(STATUSES) - {400, 401, 403}
"""Statuses that mean the same whoever answers: Salesforce, or a gateway before it."""
LIMIT_WAIT = 900.0
"""Seconds to wait when the org is out of calls: its window of 24 hours rolls."""
LONGEST_LIMIT_WAIT = 14_400.0
_TRIES_OF_UNIQUE = 2
"""A concurrent insert is an update the next time; what is still not unique then never will be."""


class Converted(NamedTuple):
    """The row is of a lead that sales converted."""


class Duplicate(NamedTuple):
    """A duplicate rule of the org reported these records."""

    ids: tuple[str, ...]


Judged = Outcome | Converted | Duplicate


class Problem(NamedTuple):
    """One error: Salesforce's code, the fields it names, and the whole of it."""

    code: str
    fields: tuple[str, ...]
    raw: Mapping[str, Any]

    def __str__(self) -> str:
        where = f" on {', '.join(self.fields)}" if self.fields else ""
        return f"{self.code or 'an error without a code'}{where}"


def problem(errors: object) -> Problem:
    """Read the first of some errors, of either dialect; what is not as promised is left out."""
    first = errors[0] if isinstance(errors, list) and errors else None
    raw: Mapping[str, Any] = first if isinstance(first, Mapping) else {}
    code = raw.get("statusCode", raw.get("errorCode"))
    fields = raw.get("fields")
    return Problem(
        code if isinstance(code, str) and _CODE.fullmatch(code) else "",
        tuple(f for f in fields if isinstance(f, str) and _FIELD.fullmatch(f))[:10]
        if isinstance(fields, list)
        else (),
        raw,
    )


def judge_call(status: int, content: object, *, after: float | None, limit_hits: int) -> Failure | Refused:
    """Judge a call that failed whole.

    Args:
        status: HTTP.
        content: the parsed body, or text if it was no JSON.
        after: seconds that the answer asked us to wait, if it did.
        limit_hits: how often in a row the org was out of calls before this.
    """
    found = problem(content)
    # An answer that is not Salesforce's own says nothing of our credentials, fields or leads.
    known = bool(found.code) or status in _CLEAR
    meaning = CALLS.get(found.code) or (STATUSES.get(status, _UNEXPECTED) if known else _UNEXPECTED)
    about_a_row = ROWS.get(found.code, _UNKNOWN_ROW).kind == "reject"
    if found.code not in CALLS and about_a_row:  # a row's error, without the row
        meaning = Meaning("refused", ROWS[found.code].code)
    if found.code == "REQUEST_LIMIT_EXCEEDED":
        return _limited(found, after, limit_hits)
    if found.code.startswith("TXN_SECURITY"):
        meaning = Meaning("halt", "salesforce_policy")
    detail = f"HTTP {status}, {found}" if found.code else f"HTTP {status} without Salesforce's reason"
    return _failure(meaning, detail, after)


def _limited(found: Problem, after: float | None, limit_hits: int) -> Pause:
    if "concurrent" in str(found.raw.get("message", "")).lower():
        return Pause("salesforce_concurrency", str(found), after=after)
    own = min(LIMIT_WAIT * 2.0 ** min(limit_hits, 8), LONGEST_LIMIT_WAIT)
    return Pause("salesforce_limit", str(found), after=after or own)


def _failure(meaning: Meaning, detail: str, after: float | None = None) -> Failure | Refused:
    kinds: dict[str, type[Halt | Reject | Retry | Refused]] = {
        "refused": Refused,
        "halt": Halt,
        "reject": Reject,
        "retry": Retry,
    }
    if meaning.kind in kinds:
        return kinds[meaning.kind](meaning.code, detail)
    return Pause(meaning.code, detail, after=after, unexplained=meaning.kind == "unexplained")


def judge_rows(answer: object, batch: Sequence[Delivery]) -> list[Judged]:
    """One judgement for each row, in order of the request, which is the order of the answer.

    Raises:
        Pause: the answer has more or fewer rows than were sent, so that none can be matched.
    """
    rows: list[Any] = answer if isinstance(answer, list) else []
    if len(rows) != len(batch):
        detail = f"{len(rows)} rows answered for {len(batch)} sent"
        raise Pause("salesforce_unexpected_answer", detail, unexplained=True)
    problems = [_problem_of(row) for row in rows]
    if not any(problems):
        return [_through(row) for row in rows]
    codes = {found.code if found else None for found in problems}
    alike = codes.pop() if len(codes) == 1 and len(rows) > 1 else None
    return [
        _judge_row(found, delivery, all_alike=found.code == alike) if found else _through(row)
        for row, found, delivery in zip(rows, problems, batch, strict=True)
    ]


def _problem_of(row: object) -> Problem | None:
    if not isinstance(row, dict):
        return Problem("", (), {})
    if row.get("success") is True:
        return None
    return problem(row.get("errors"))


def _through(row: Mapping[str, Any]) -> Outcome:
    remote_id = row.get("id")
    if isinstance(remote_id, str) and remote_id:
        return Delivered(remote_id, created=row.get("created") is True)
    return Retry("salesforce_unexpected_answer", "a row is called a success and has no id")


def _judge_row(found: Problem, delivery: Delivery, *, all_alike: bool) -> Judged:
    if found.code == "CANNOT_UPDATE_CONVERTED_LEAD":
        return Converted()
    if found.code == "DUPLICATES_DETECTED":
        return Duplicate(matched_ids(found.raw))
    meaning = ROWS.get(found.code, _UNKNOWN_ROW)
    if found.code == "DUPLICATE_VALUE" and delivery.attempt > _TRIES_OF_UNIQUE:
        meaning = Meaning("reject", meaning.code)
    if meaning.when_all and all_alike:
        meaning = Meaning("halt", meaning.code)
    failure = _failure(meaning, str(found))
    assert isinstance(failure, Failure)  # noqa: S101 - no row's meaning is "refused"
    if isinstance(failure, Retry):
        failure.of_record = bool(found.fields) or found.code in _OF_RECORD
    return failure


def matched_ids(error: Mapping[str, Any]) -> tuple[str, ...]:
    """The records that a duplicate rule named, sorted; Salesforce misspells the member, and may leave it out."""
    result = error.get("duplicateResult", error.get("duplicateResut"))
    return tuple(sorted(set(_ids(result))))


def _ids(result: object) -> Iterator[str]:
    for match in _listed(result, "matchResults"):
        for matched in _listed(match, "matchRecords"):
            record = matched.get("record") if isinstance(matched, Mapping) else None
            found = record.get("Id") if isinstance(record, Mapping) else None
            if isinstance(found, str) and _RECORD_ID.fullmatch(found):
                yield found


def _listed(holder: object, name: str) -> list[Any]:
    found = holder.get(name) if isinstance(holder, Mapping) else None
    return found if isinstance(found, list) else []
