"""The meaning of HubSpot's answers: by status first, by category second, as the vendor says to. Pure tables.

Every field of an error is optional, and its message may hold an address or a name: what becomes a detail is put
together from property names, error codes, and the options of a property only.

Source: https://developers.hubspot.com/docs/api-reference/error-handling
"""

import json
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

from connectors.hubspot.options import KEY
from connectors.hubspot.rate_limit import Headers, interval_of, until_reset
from syncd.connector import Failure, Halt, Pause, Reject, Retry
from syncd.http.answer import retry_after

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `body` is empty when it was no JSON object."""

    status: int
    body: Json
    headers: Headers

    @property
    def fine(self) -> bool:
        """True for a 2xx."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


@dataclass(frozen=True, slots=True)
class Conflict:
    """Another contact holds a unique value of the row. `existing`: its id, if the answer named it."""

    existing: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """There is no contact of that id (any more)."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Mapped properties that do not exist in this portal."""

    names: tuple[str, ...]


Judgement = Conflict | Gone | Missing | Failure
"""The judgement on one row, or on a whole call."""


class Problem(NamedTuple):
    """An error about one property. `options`: the values that it would take, if HubSpot lists them."""

    name: str
    error: str
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        only = f", only: {', '.join(self.options)[:_MOST]}" if self.options else ""
        return f"property {self.name}: {self.error}{only}"


_SERVER = frozenset({0, 408})
"""Beside all from 500 on."""
_EDGE = frozenset({522, 525, 526})
"""Of which the vendor says to contact its support if they last."""
LOCKED, LOCK = "hubspot_locked", 2.0
"""The code of a lock, and the seconds that one lasts."""
_BUSY = {
    423: (LOCKED, "HubSpot has locked the contacts", LOCK),
    477: ("hubspot_moving", "HubSpot moves the account to another data centre", 0.0),
}
"""Code, sentence, and the least seconds."""
_HALTS = {401: "hubspot_token_refused", 402: "hubspot_forbidden", 403: "hubspot_forbidden"}
_HALTS |= dict.fromkeys((*range(300, 400), 404, 405, 407, 410), "hubspot_wrong_address")
_OF_THE_ACCOUNT = frozenset({402, 403})
"""Statuses that say something of the account, and are believed in HubSpot's own words only."""
_ABOUT_THE_CALL = frozenset({400, 404, 409, 413, 414, 422, 431})
"""Refusals that are about what was asked also when they say nothing; 404 only where it is about an object."""
_SENTENCES = {
    "hubspot_token_refused": "HubSpot does not accept the access token",
    "hubspot_forbidden": "HubSpot refuses the account this call",
    "hubspot_wrong_address": "HubSpot's API is not at this address",
}

_MOVING = 3600.0
"""Seconds, where an answer does not say."""

_NAME = re.compile(r"[A-Za-z0-9_]{1,100}")
_EXISTING = re.compile(r"existing\s+(?:object\s+|contact\s+)?id:?\s*\(?(\d{1,20})", re.IGNORECASE)
_ALLOWED = re.compile(r".*was not one of the allowed options: \[([^\[\]]*)\]\s*", re.DOTALL)
_MOST = 300
"""Characters of the options that a detail names."""
_TAKEN = frozenset({"CONFLICTING_UNIQUE_VALUE", "CONTACT_EXISTS", "DUPLICATE_UNIQUE_PROPERTY_VALUE"})
_CONFLICTS = frozenset({"CONFLICT", "OBJECT_ALREADY_EXISTS"})
_KINDS = (
    (re.compile("DOESNT_EXIST|DOES_NOT_EXIST|UNKNOWN_PROPERTY"), "hubspot_property_missing"),
    (re.compile("READ_?ONLY"), "hubspot_property_read_only"),
    (re.compile("EMAIL"), "hubspot_email_invalid"),
    (re.compile("OPTION|ENUMERATION"), "hubspot_option_missing"),
    (re.compile("TOO_LONG|TOO_LARGE|LENGTH|MAX"), "hubspot_value_too_long"),
    (re.compile("REQUIRED|MISSING"), "hubspot_value_required"),
)


def judge_call(answer: Answer, now: float, zone: str) -> Failure | None:
    """Judge a status that is about the lane, whatever was asked; None if it is about the call: 2xx, 400, 404, 409 and the like.

    Args:
        answer: the answer.
        now: wall time.
        zone: name of the portal's time zone, or empty.
    """
    status, wait = answer.status, retry_after(answer.headers, now)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _too_many(answer, wait, now, zone)
    if status in _BUSY:
        code, detail, least = _BUSY[status]
        return Pause(code, detail, after=max(least, wait or 0.0) or _MOVING)
    if status in _SERVER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        code = "hubspot_edge_failed" if status in _EDGE else "hubspot_unavailable"
        return Pause(code, f"HubSpot answered {status}", after=wait, unexplained=True)
    return _halt(answer) or _unknown_status(answer)


def _is_its_own(body: Json) -> bool:
    """True if HubSpot itself refused: in JSON, with one of its own words."""
    return bool(body.get("category") or body.get("correlationId"))


def _halt(answer: Answer) -> Failure | None:
    status, body = answer.status, answer.body
    if status == HTTPStatus.FORBIDDEN and (scopes := _scopes(body)) is not None:
        named = ", ".join(scopes) or "that HubSpot does not name"
        return Halt("hubspot_scopes_missing", f"the token lacks scopes: {named}")
    if status == HTTPStatus.NOT_FOUND and body.get("category") == "OBJECT_NOT_FOUND":
        return None  # an object, and not the address
    if status in _OF_THE_ACCOUNT and not _is_its_own(body):
        return _unpromised(status)  # a firewall's, perhaps for what one lead holds
    code = _HALTS.get(status, "")
    return Halt(code, f"{_SENTENCES[code]} (it answered {status})") if code else None


def _unknown_status(answer: Answer) -> Pause | None:
    """Judge an answer that is not HubSpot's own: an interim one, or a refusal of another kind and without its words."""
    if (
        answer.fine
        or answer.status in _ABOUT_THE_CALL
        or (answer.body and answer.status >= HTTPStatus.BAD_REQUEST)
    ):
        return None
    return _unpromised(answer.status)


def _unpromised(status: int) -> Pause:
    detail = f"the answer ({status}) is not one that HubSpot's API promises"
    return Pause("hubspot_bad_answer", detail, unexplained=True)


def _too_many(answer: Answer, wait: float | None, now: float, zone: str) -> Pause:
    policy = str(answer.body.get("policyName", ""))
    if policy.upper() == "DAILY":
        return daily_quota(now, zone)
    after = wait or interval_of(answer.headers)
    return Pause("hubspot_rate_limited", "HubSpot asks to slow down", after=after)


def daily_quota(now: float, zone: str) -> Pause:
    """The pause until the account's calls of a day come back."""
    return Pause(
        "hubspot_daily_quota", "the account's calls of today are used up", after=until_reset(now, zone)
    )


def _scopes(body: Json) -> list[str] | None:
    """The scopes that are missing; None if they are not what is missing."""
    if body.get("category") != "MISSING_SCOPES":
        return None
    found: set[str] = set()
    for holder in (body, *row_errors(body)):
        context = holder.get("context")
        if isinstance(context, Mapping):
            named = context.get("requiredGranularScopes") or context.get("requiredScopes")
            listed = named if isinstance(named, list) else ()
            found.update(str(scope) for scope in listed if re.fullmatch(r"[\w.\-]{1,80}", str(scope)))
    return sorted(found)


def judge_row(error: Json, constants: Container[str]) -> Judgement:
    """Judge an error about a row, be it one of a 207 or the answer to a call.

    Args:
        error: an entry of `errors`, or the body of a refusal.
        constants: properties that the mapping fills with one value for all: a bad one is no lead's fault.
    """
    message, category = str(error.get("message", "")), str(error.get("category", "")).upper()
    problems = list(_problems(error, message))
    existing = _existing(error, message)
    taken = not _TAKEN.isdisjoint({str(error.get("error")), *(problem.error for problem in problems)})
    if category in _CONFLICTS or existing or taken:
        return Conflict(existing)
    if problems:
        return _of_problems(problems, constants)
    if "non-unique" in message.lower() or ("idproperty" in message.lower() and KEY in message):
        return Halt("hubspot_key_not_unique", f"HubSpot does not take {KEY} as a unique property")
    return _of_category(category)


def _existing(error: Json, message: str) -> str:
    """The id of the contact in the way: in the context, or in the message alone."""
    context = error.get("context")
    named = context.get("existingId") if isinstance(context, Mapping) else None
    id_ = str(named[0] if isinstance(named, list) and named else named)
    found = _EXISTING.search(message)
    return id_ if re.fullmatch(r"[0-9]{1,20}", id_) else found[1] if found else ""


def _of_category(category: str) -> Judgement:
    if category == "OBJECT_NOT_FOUND":
        return Gone()
    if category == "MISSING_SCOPES":
        return Halt("hubspot_scopes_missing", "the token may not write some contacts")
    if category in {"RATE_LIMITS", "RATE_LIMIT"}:
        return Pause("hubspot_rate_limited", "HubSpot asks to slow down", after=10.0)
    if category == "VALIDATION_ERROR":
        return Reject("hubspot_refused", "HubSpot refuses the contact and names no property")
    shown = category if _NAME.fullmatch(category) else "no category"
    return Retry("hubspot_row_failed", f"HubSpot could not write the contact ({shown})")


def _of_problems(problems: Sequence[Problem], constants: Container[str]) -> Judgement:
    """The gravest of them."""
    coded = [(_code(problem.error), problem) for problem in problems]
    lacking = dict.fromkeys(p.name for code, p in coded if code == "hubspot_property_missing")
    if lacking:
        return Missing(tuple(lacking))
    for code, problem in coded:
        if code == "hubspot_property_read_only" or problem.name in constants:
            wrong = code if code == "hubspot_property_read_only" else "hubspot_constant_refused"
            return Halt(wrong, str(problem))
    code, problem = coded[0]
    return Reject(code, str(problem))


def _code(error: str) -> str:
    return next((code for pattern, code in _KINDS if pattern.search(error)), "hubspot_value_refused")


def _problems(error: Json, message: str) -> Iterator[Problem]:
    """The property problems of an error: a list inside its message, or its `errors`."""
    begin = message.find("[{")
    if begin >= 0:
        try:
            listed, _ = json.JSONDecoder().raw_decode(message[begin:])
        except (ValueError, RecursionError):
            listed = []
        for each in listed:
            if isinstance(each, Mapping) and each.get("isValid") is not True:
                yield _problem(each.get("name"), each.get("error"), each.get("message"))
    for each in row_errors(error):
        context = each.get("context")
        named = context.get("propertyName") if isinstance(context, Mapping) else None
        name = named[0] if isinstance(named, list) and named else named or each.get("name")
        if name or each.get("code"):
            yield _problem(name, each.get("code") or each.get("error"), each.get("message"))


def _problem(name: object, error: object, message: object) -> Problem:
    """Names and codes only: whatever else stands there may be somebody's."""
    texts = [text if isinstance(text, str) and _NAME.fullmatch(text) else "" for text in (name, error)]
    return Problem(texts[0] or "without a name", texts[1].upper() or "REFUSED", _allowed(message))


def _allowed(message: object) -> tuple[str, ...]:
    """Read the options at the end of a message: `… allowed options: [NEW, OPEN]`. Before them stands the lead's own value."""
    found = _ALLOWED.fullmatch(message) if isinstance(message, str) else None
    if found is None:
        return ()
    options = re.findall(r'value: "([^"]*)"', found[1]) or found[1].split(",")
    return tuple(filter(None, (option.strip() for option in options)))


def row_errors(body: Json) -> list[Json]:
    """The `errors` of a 207."""
    listed = body.get("errors")
    return [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
