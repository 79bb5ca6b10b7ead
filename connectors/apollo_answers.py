"""What Apollo's answers mean: from a status and a body to one of the four failures, by a table.

A 401 is plain text, error texts come under any of four names, and a text may repeat what was sent: of it only plain
words are kept that were not in the request. Sources: https://docs.apollo.io/reference/status-codes and
https://docs.apollo.io/reference/errors-1
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from connectors.apollo_windows import Rest
from syncd.failure import Halt, Pause, Refused, Reject, Retry
from syncd.waiting import retry_after

CODES: Mapping[str, str] = MappingProxyType(
    {
        "apollo_key_refused": "Check api_key in Apollo (Settings, Integrations, API keys): it is wrong, revoked, or its account inactive. Then: syncd resume NAME",
        "apollo_scope_missing": "Give the API key the scope that the detail names, or use a master key. Then: syncd resume NAME",
        "apollo_plan": "The team's Apollo plan does not include this call: change the plan, or without_email. Then: syncd resume NAME",
        "apollo_permission": "The user whose key it is may not do this in Apollo: change the role or the key. Then: syncd resume NAME",
        "apollo_forbidden": "Apollo refuses this call: check the key's scopes, the plan, and what stands between. Then: syncd resume NAME",
        "apollo_wrong_address": "Nothing answers there as Apollo does: base_url must end in /api/v1. Then: syncd resume NAME",
        "apollo_redirected": "syncd follows no redirects, for they would carry the key along: set base_url to the final address.",
        "apollo_setting_invalid": "An id from the configuration (owner, stage, account) or a custom field is not known in Apollo: mend it, then: syncd resume NAME",
        "apollo_refused_call": "Apollo refuses the call as it is made: report it, with the detail. Then: syncd resume NAME",
        "apollo_field_missing": "Make the custom contact field in Apollo (syncd setup NAME --apply), or take it out of the fields. Then: syncd resume NAME",
        "apollo_no_key_field": "Without it a lead that has no email could be written twice: syncd setup NAME --apply, then: syncd resume NAME",
        "apollo_rate_limited": "Nothing to do: syncd waits until Apollo's window has passed. If it happens often, other programs use the team's allowance.",
        "apollo_daily_limit": "The team's daily allowance is used up: syncd goes on when the day's window has passed. A larger plan has a larger one.",
        "apollo_unreachable": "Check the network, DNS, the proxy and base_url. syncd keeps trying.",
        "apollo_proxy_invalid": "Mend https_proxy (or no_proxy) in the environment of the service, and start it again.",
        "apollo_unavailable": "Nothing to do: Apollo did not answer, or with a server error. syncd keeps trying, and looks before it writes again.",
        "apollo_unexpected_answer": "Check that base_url is Apollo's API and that no proxy or login page stands between. Then: syncd resume NAME",
        "apollo_unanswered": "Apollo's answer did not mention this lead: it is sent again alone, or looked for first.",
        "apollo_not_found_yet": "Nothing to do: an earlier call may have written it, so it is looked for twice, some minutes apart, before it is written.",
        "apollo_look_up_unclear": "Apollo ignored the filter of a search, so nothing can be told from it: syncd looks again. If it stays so, look for the contact in Apollo by hand.",
        "apollo_invalid": "Apollo refuses a value of this contact: look at the lead with: syncd lead ID, mend the mapping, then: syncd rejected retry",
        "apollo_no_email": 'Set without_email = "create" to write leads without an email too, then: syncd rejected retry; or: syncd rejected drop',
        "apollo_email_unmapped": 'Map email (email = "{{ email }}") in the fields, or set without_email = "create". Then: syncd resume NAME',
        "apollo_contact_gone": "The contact is no longer in Apollo: set recreate_gone = true to make it again, then: syncd rejected retry; or: syncd rejected drop",
        "apollo_fields_left_out": "Make the custom contact fields in Apollo: syncd setup NAME --apply",
        "apollo_ready": "Nothing to do.",
    }
)

_UNTOLD = MappingProxyType({"minute": 60.0, "hour": 900.0, "day": 3600.0})
"""Seconds to wait for a window whose end was not told: a question too many costs one request."""


class Endpoint(NamedTuple):
    """One call: `scope` as Apollo names it for keys; `writes`: it writes contacts; `one`: it names a contact."""

    scope: str
    method: str
    path: str
    writes: bool = False
    one: bool = False


class Answer(NamedTuple):
    """What came of a request. Status 0 with `trouble`: unsent (it never left), late, broken, or too_large."""

    status: int
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""
    trouble: str = ""


class AbsentError(Exception):
    """There is no contact of that id."""


class RemovedError(Exception):
    """A person deleted the contact."""


def pause(code: str, detail: str, *, after: float | None = None, unexplained: bool = False) -> Pause:
    """A `Pause` with its fix."""
    return Pause(code, detail, after=after, unexplained=unexplained, fix=CODES[code])


def halt(code: str, detail: str) -> Halt:
    """A `Halt` with its fix."""
    return Halt(code, detail, fix=CODES[code])


def reject(code: str, detail: str) -> Reject:
    """A `Reject` with its fix."""
    return Reject(code, detail, fix=CODES[code])


def retry(code: str, detail: str, after: float | None = None) -> Retry:
    """A `Retry` with its fix."""
    return Retry(code, detail, after=after, fix=CODES[code])


def read(endpoint: Endpoint, answer: Answer, sent: object, now: float) -> dict[str, Any]:
    """The object that a good answer holds.

    Args:
        endpoint: what was called.
        answer: what came of it.
        sent: the request's body, none of whose words are shown.
        now: wall seconds, for a `retry-after` that is a date.

    Raises:
        Pause, Halt, Refused: as the table says.
        AbsentError, RemovedError: of a call that names a contact.
    """
    if answer.trouble:
        raise _network(endpoint, answer.trouble)
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004 - what a status means is its hundred
        body = _json(answer.body)
        if body is None:
            raise unexpected(endpoint, "is no JSON object")
        return body
    text, code = _texts(answer.body) if status != _UNAUTHORISED else ("", "")  # which is no JSON
    refusal = _Refusal(endpoint, status, text, code, answer, sent, now)
    raise _BY_STATUS.get(status, _BY_HUNDRED.get(status // 100, _unknown))(refusal)


class _Refusal(NamedTuple):
    """An answer that is no success, and what it answers."""

    endpoint: Endpoint
    status: int
    text: str
    code: str
    answer: Answer
    sent: object
    now: float


def unexpected(endpoint: Endpoint, how: str) -> Pause:
    """A good status with something else in it: what became of the call is unknown."""
    detail = f"an answer to {endpoint.scope} {how}"
    return pause("apollo_unexpected_answer", detail, unexplained=True)


def limited(endpoint: Endpoint, rest: Rest) -> Pause:
    """The headers said that nothing is left of a window."""
    code = "apollo_daily_limit" if rest.window == "day" else "apollo_rate_limited"
    return pause(
        code, f"nothing is left of the {rest.window}'s allowance for {endpoint.scope}", after=rest.seconds
    )


def _network(endpoint: Endpoint, trouble: str) -> Pause:
    if trouble == "unsent":
        return pause("apollo_unreachable", "no connection to Apollo could be made")
    told = {"late": "took too long", "broken": "broke off", "too_large": "was too large to be read"}
    return pause("apollo_unavailable", f"the answer to {endpoint.scope} {told[trouble]}", unexplained=True)


_FORBIDDEN = (
    ("api_inaccessible", "apollo_scope_missing", "the API key lacks the scope api/v1/{}"),
    ("not authorized", "apollo_scope_missing", "the API key lacks the scope api/v1/{}"),
    ("paid plan", "apollo_plan", "the team's plan does not include api/v1/{}"),
    ("permission", "apollo_permission", "the key's user has no permission for api/v1/{}"),
)


def _forbidden(of: _Refusal) -> Exception:
    said = f"{of.text} {of.code}".lower()
    for sign, meaning, detail in _FORBIDDEN:
        if sign in said:
            return halt(meaning, detail.format(of.endpoint.scope))
    return halt("apollo_forbidden", f"Apollo refuses api/v1/{of.endpoint.scope} and does not say why")


def _not_found(of: _Refusal) -> Exception:
    if of.endpoint.one:
        return AbsentError()
    return halt("apollo_wrong_address", f"{of.endpoint.scope} was not found")


def _too_many(of: _Refusal) -> Exception:
    named = re.search(r"per (minute|hour|day)", of.text.lower())
    window = named[1] if named else ""
    after = retry_after(of.answer.headers.get("retry-after"), of.now)
    if after is None:
        after = _UNTOLD.get(window)
    code = "apollo_daily_limit" if window == "day" else "apollo_rate_limited"
    where = f" in a {window}" if window else ""
    return pause(code, f"too many requests to {of.endpoint.scope}{where}", after=after)


def _failed(of: _Refusal) -> Exception:
    return pause("apollo_unavailable", f"{of.endpoint.scope} answered {of.status}", unexplained=True)


_OURS = ("limit your array", "contact_attributes", "contacts is missing")


def _unprocessable(of: _Refusal) -> Exception:
    said, endpoint = of.text.lower(), of.endpoint
    if endpoint.one and "deleted" in said:
        return RemovedError()
    if "not a valid id" in said:
        return halt("apollo_setting_invalid", f"{endpoint.scope}: {plain(of.text, of.sent)}")
    field = _field(of.answer.body)
    about = f" for {field}" if field else ""
    detail = f"{endpoint.scope} answered {of.status}{about}: {plain(of.text, of.sent)}"
    if not endpoint.writes or any(sign in said for sign in _OURS):
        return halt("apollo_refused_call", detail)
    return Refused("apollo_invalid", detail)


def _unknown(of: _Refusal) -> Exception:
    return halt("apollo_refused_call", f"{of.endpoint.scope} answered {of.status}")


_UNAUTHORISED = 401
_BY_STATUS: Mapping[int, Callable[[_Refusal], Exception]] = MappingProxyType(
    {
        _UNAUTHORISED: lambda _: halt("apollo_key_refused", "Apollo does not accept the API key"),
        403: _forbidden,
        404: _not_found,
        429: _too_many,
        **dict.fromkeys((400, 413, 422), _unprocessable),
        **dict.fromkeys((408, 425), _failed),
    }
)
_BY_HUNDRED: Mapping[int, Callable[[_Refusal], Exception]] = MappingProxyType(
    {
        3: lambda of: halt("apollo_redirected", f"{of.endpoint.scope} answered {of.status}"),
        5: _failed,
    }
)


def _field(body: bytes) -> str:
    """The field that `error_details` names, if it looks like a name."""
    details = (_json(body) or {}).get("error_details")
    name = details.get("field") if isinstance(details, dict) else None
    return name if isinstance(name, str) and re.fullmatch(r"[a-z_]{1,40}", name) else ""


def _texts(body: bytes) -> tuple[str, str]:
    """What a refusal says, and its code, wherever it says it."""
    found = _json(body) or {}
    texts = [found.get(name) for name in ("error", "message", "error_message")]
    details = found.get("error_details")
    texts.append(details.get("message") if isinstance(details, dict) else None)
    code = found.get("error_code")
    return " ".join(text for text in texts if isinstance(text, str)), code if isinstance(code, str) else ""


def _json(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def plain(text: str, sent: object) -> str:
    """The plain words of a text that were not part of what was sent; at most 25 of them.

    A capital inside a sentence may begin a name, and the text may name a contact that was there before.
    """
    theirs = {word for value in _strings(sent) for word in re.findall(r"\w+", value.casefold())}
    words: list[str] = []
    begins = True
    for word in text.split()[:25]:
        bare = word.strip(".,:;()'\"`")
        common = re.fullmatch(r"[a-z][a-z_-]*|IDs?" + "|[A-Z][a-z]*" * begins, bare)
        words.append(word if common and bare.casefold() not in theirs else "…")
        begins = word.endswith(".")
    return " ".join(words) or "it does not say why"


def _strings(value: object) -> Iterator[str]:
    """Every text among the values of a body."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
