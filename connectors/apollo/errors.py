"""The meaning of Apollo's answers: from a status and a body to one of the four failures, by a table.

A 401 is plain text, error texts come under any of four names, and a text may repeat what was sent: of it only plain
words are kept that were not in the request. Sources: https://docs.apollo.io/reference/status-codes and
https://docs.apollo.io/reference/errors-1
"""

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from connectors.apollo.options import FAILURES
from connectors.apollo.rate_limit import Rest
from syncd.connector import Halt, Pause, Refused
from syncd.http.answer import Answer, retry_after

_UNKNOWN_END = MappingProxyType({"minute": 60.0, "hour": 900.0, "day": 3600.0})
"""Seconds to wait for a window whose end is unknown: one question too many costs one request."""


class Endpoint(NamedTuple):
    """One call: `scope` as Apollo names it for keys; `writes`: it writes contacts; `one`: it names a contact."""

    scope: str
    method: str
    path: str
    writes: bool = False
    one: bool = False


class AbsentError(Exception):
    """There is no contact of that id."""


class RemovedError(Exception):
    """A person deleted the contact."""


def read(endpoint: Endpoint, answer: Answer, sent: object, now: float, about: str = "") -> dict[str, Any]:
    """The object that a good answer holds.

    Args:
        endpoint: what was called.
        answer: what came of it.
        sent: the request's body, none of whose words are shown.
        now: wall seconds, for a `retry-after` that is a date.
        about: the id of the contact that the call names.

    Raises:
        Pause, Halt, Refused: by the table.
        AbsentError, RemovedError: of a call that names a contact.
    """
    if answer.trouble or (answer.ok and answer.unread == "too_large"):
        raise FAILURES.failure(answer, now, who=endpoint.scope)
    found = answer.json()
    body = found if isinstance(found, dict) else None
    if answer.ok:
        if body is None:
            raise unexpected(endpoint, "is no JSON object")
        return body
    text = _bare_text(answer) if body is None else _text(body)
    refusal = _Refusal(endpoint, answer, body, text, sent, now, about)
    raise _BY_STATUS.get(answer.status, _other)(refusal)


class _Refusal(NamedTuple):
    """An answer that is no success, and its request. `body`: None if it is no JSON object, as all of Apollo's are."""

    endpoint: Endpoint
    answer: Answer
    body: Mapping[str, Any] | None
    text: str
    sent: object
    now: float
    about: str

    @property
    def is_page(self) -> bool:
        """True if a proxy or firewall wrote it for people."""
        return self.answer.body.lstrip()[:1] == b"<"

    @property
    def detail(self) -> str:
        """The status, the field at fault, and the plain words of the text."""
        details = (self.body or {}).get("error_details")
        name = details.get("field") if isinstance(details, dict) else None
        known = isinstance(name, str) and re.fullmatch(r"[a-z_]{1,40}", name)
        where = f"{self.endpoint.scope} answered {self.answer.status}{f' for {name}' if known else ''}"
        return f"{where}: {plain(self.text, self.sent)}"


def unexpected(endpoint: Endpoint, how: str) -> Pause:
    """A good status with something else in it: what became of the call is unknown."""
    detail = f"an answer to {endpoint.scope} {how}"
    return Pause("apollo_unexpected_answer", detail, unexplained=True)


def _nobodys(of: _Refusal) -> Pause:
    """The pause for a refusal that is not in Apollo's form: it may be a firewall's, and is about no key and no contact."""
    return unexpected(of.endpoint, f"is a {of.answer.status} that does not say why")


def limited(endpoint: Endpoint, rest: Rest) -> Pause:
    """The pause when the headers showed that nothing is left of a window."""
    code = "apollo_daily_limit" if rest.window == "day" else "apollo_rate_limited"
    detail = f"nothing is left of the {rest.window}'s allowance for {endpoint.scope}"
    return Pause(code, detail, after=rest.seconds)


_HIDDEN = "not authorized to view"
"""Of one contact, and not of the key."""
_FORBIDDEN = (
    ("api_inaccessible", "apollo_scope_missing", "the API key lacks the scope api/v1/{}"),
    ("not authorized", "apollo_scope_missing", "the API key lacks the scope api/v1/{}"),
    ("paid plan", "apollo_plan", "the team's plan does not include api/v1/{}"),
    ("permission", "apollo_permission", "the key's user has no permission for api/v1/{}"),
)


def _forbidden(of: _Refusal) -> Exception:
    body = of.body or {}
    text = f"{of.text} {body.get('error_code')}".lower()
    if of.endpoint.one and _HIDDEN in text:
        return Refused("apollo_contact_hidden", of.detail)
    # A gateway says `message` as well, of which Apollo's only one is known
    own = any(isinstance(body.get(name), str) for name in ("error", "error_message", "error_code"))
    if not own and "paid plan" not in text:
        return _nobodys(of)
    for sign, meaning, detail in _FORBIDDEN:
        if sign in text:
            return Halt(meaning, detail.format(of.endpoint.scope))
    return Halt("apollo_forbidden", f"Apollo refuses api/v1/{of.endpoint.scope} and does not say why")


def _not_found(of: _Refusal) -> Exception:
    if of.endpoint.one:
        return _nobodys(of) if of.is_page else AbsentError()
    return FAILURES.failure(of.answer, of.now, who=of.endpoint.scope)


def _too_many(of: _Refusal) -> Exception:
    named = re.search(r"per (minute|hour|day)", of.text.lower())
    window = named[1] if named else ""
    after = retry_after(of.answer.headers, of.now)
    code = "apollo_daily_limit" if window == "day" else "apollo_rate_limited"
    where = f" in a {window}" if window else ""
    wait = _UNKNOWN_END.get(window) if after is None else after
    return Pause(code, f"too many requests to {of.endpoint.scope}{where}", after=wait)


_OURS = ("limit your array", "contact_attributes", "contacts is missing")


def _unprocessable(of: _Refusal) -> Exception:
    text, endpoint = of.text.lower(), of.endpoint
    explained = of.text and of.answer.status == _INVALID
    if of.body is None and not explained and of.answer.status != _TOO_LARGE:
        return _nobodys(of)
    if endpoint.one and (own := _of_one(text, of)):
        return own
    if "not a valid id" in text:
        return Halt("apollo_setting_invalid", f"{endpoint.scope}: {plain(of.text, of.sent)}")
    if not (endpoint.writes or endpoint.one) or any(sign in text for sign in _OURS):
        return Halt("apollo_refused_call", of.detail)
    return Refused("apollo_invalid", of.detail)


def _of_one(text: str, of: _Refusal) -> Exception | None:
    """Read a refusal of the contact that the call names: gone, deleted by a person, or not to be viewed."""
    if "deleted" in text:
        return RemovedError()
    if "does not exist" in text or (of.about and f"{of.about.lower()} is not a valid id" in text):
        return AbsentError()
    return Refused("apollo_contact_hidden", of.detail) if _HIDDEN in text else None


def _unauthorised(of: _Refusal) -> Exception:
    return _nobodys(of) if of.is_page else Halt("apollo_key_refused", "Apollo does not accept the API key")


def _other(of: _Refusal) -> Exception:
    """Judge a status that is not special at Apollo; any other 4xx is a call that we should not make."""
    if of.answer.status // 100 in {3, 5} or of.answer.status in {408, 425}:
        return FAILURES.failure(of.answer, of.now, who=of.endpoint.scope)
    if of.body is None:
        return _nobodys(of)
    return Halt("apollo_refused_call", f"{of.endpoint.scope} answered {of.answer.status}")


_TOO_LARGE, _INVALID = 413, 422
_BY_STATUS: Mapping[int, Callable[[_Refusal], Exception]] = MappingProxyType(
    {
        401: _unauthorised,
        403: _forbidden,
        404: _not_found,
        429: _too_many,
        **dict.fromkeys((400, _TOO_LARGE, _INVALID), _unprocessable),
    }
)


def _text(body: Mapping[str, Any]) -> str:
    """Return the text of a refusal, wherever in the body it is."""
    details = body.get("error_details")
    texts = [body.get(name) for name in ("error", "message", "error_message")]
    texts.append(details.get("message") if isinstance(details, dict) else None)
    return " ".join(text for text in texts if isinstance(text, str))


_LONGEST_TEXT = 1000
"""Bytes of a refusal in plain text."""


def _bare_text(answer: Answer) -> str:
    """Return a refusal that is plain text, as that of a 401 is; "" for a page of a proxy, or for anything long."""
    start = answer.body.lstrip()
    return "" if start[:1] in b"<{[" or len(start) > _LONGEST_TEXT else start.decode("utf-8", "replace")


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
