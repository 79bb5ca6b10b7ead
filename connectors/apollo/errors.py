"""The meaning of Apollo's answers: from a status and a body to one of the four failures, by a table.

A 401 is plain text, error texts come under any of four names, and a text may repeat what was sent: of it only plain
words are kept that were not in the request. Sources: https://docs.apollo.io/reference/status-codes and
https://docs.apollo.io/reference/errors-1
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from connectors.apollo.rate_limit import Rest
from syncd.connector import Halt, Pause, Refused
from syncd.http.answer import Answer
from syncd.http.headers import retry_after

_UNTOLD = MappingProxyType({"minute": 60.0, "hour": 900.0, "day": 3600.0})
"""Seconds to wait for a window whose end was not told: a question too many costs one request."""


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
        Pause, Halt, Refused: as the table says.
        AbsentError, RemovedError: of a call that names a contact.
    """
    status = answer.status
    if answer.trouble or (answer.ok and answer.unread == "too_large"):
        raise _network(endpoint, answer)
    if answer.ok:
        body = _json(answer.body)
        if body is None:
            raise unexpected(endpoint, "is no JSON object")
        return body
    text, code = _texts(answer.body) if status != _UNAUTHORISED else ("", "")  # which is no JSON
    refusal = _Refusal(endpoint, status, text, code, answer, sent, now, about)
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
    about: str

    @property
    def is_page(self) -> bool:
        """A proxy or firewall wrote it for people."""
        return self.answer.body.lstrip()[:1] == b"<"

    @property
    def is_silent(self) -> bool:
        """It holds nothing that Apollo could have said."""
        return _json(self.answer.body) is None


def unexpected(endpoint: Endpoint, how: str) -> Pause:
    """A good status with something else in it: what became of the call is unknown."""
    detail = f"an answer to {endpoint.scope} {how}"
    return Pause("apollo_unexpected_answer", detail, unexplained=True)


def _nobodys(of: _Refusal) -> Pause:
    """A refusal without Apollo's words says nothing of the key, the call or the contact: it may be a firewall's."""
    return unexpected(of.endpoint, f"is a {of.status} that does not say why")


def limited(endpoint: Endpoint, rest: Rest) -> Pause:
    """The headers said that nothing is left of a window."""
    code = "apollo_daily_limit" if rest.window == "day" else "apollo_rate_limited"
    return Pause(
        code, f"nothing is left of the {rest.window}'s allowance for {endpoint.scope}", after=rest.seconds
    )


def _network(endpoint: Endpoint, answer: Answer) -> Pause:
    if not answer.maybe_sent:
        return Pause("apollo_unreachable", "no connection to Apollo could be made")
    told = {"late": "took too long", "broken": "broke off", "": "was too large to be read"}
    detail = f"the answer to {endpoint.scope} {told[answer.trouble]}"
    return Pause("apollo_unavailable", detail, unexplained=True)


_HIDDEN = "not authorized to view"
"""Of one contact, and not of the key."""
_FORBIDDEN = (
    ("api_inaccessible", "apollo_scope_missing", "the API key lacks the scope api/v1/{}"),
    ("not authorized", "apollo_scope_missing", "the API key lacks the scope api/v1/{}"),
    ("paid plan", "apollo_plan", "the team's plan does not include api/v1/{}"),
    ("permission", "apollo_permission", "the key's user has no permission for api/v1/{}"),
)


def _forbidden(of: _Refusal) -> Exception:
    said, body = f"{of.text} {of.code}".lower(), _json(of.answer.body) or {}
    if of.endpoint.one and _HIDDEN in said:
        return _about_it("apollo_contact_hidden", of)
    # A gateway says `message` as well, of which Apollo's only one is known
    own = any(isinstance(body.get(name), str) for name in ("error", "error_message", "error_code"))
    if not own and "paid plan" not in said:
        return _nobodys(of)
    for sign, meaning, detail in _FORBIDDEN:
        if sign in said:
            return Halt(meaning, detail.format(of.endpoint.scope))
    return Halt("apollo_forbidden", f"Apollo refuses api/v1/{of.endpoint.scope} and does not say why")


def _not_found(of: _Refusal) -> Exception:
    if of.endpoint.one:
        return _nobodys(of) if of.is_page else AbsentError()
    return Halt("apollo_wrong_address", f"{of.endpoint.scope} was not found")


def _too_many(of: _Refusal) -> Exception:
    named = re.search(r"per (minute|hour|day)", of.text.lower())
    window = named[1] if named else ""
    after = retry_after(of.answer.headers, of.now)
    if after is None:
        after = _UNTOLD.get(window)
    code = "apollo_daily_limit" if window == "day" else "apollo_rate_limited"
    where = f" in a {window}" if window else ""
    return Pause(code, f"too many requests to {of.endpoint.scope}{where}", after=after)


def _failed(of: _Refusal) -> Exception:
    return Pause("apollo_unavailable", f"{of.endpoint.scope} answered {of.status}", unexplained=True)


_OURS = ("limit your array", "contact_attributes", "contacts is missing")


def _unprocessable(of: _Refusal) -> Exception:
    said, endpoint = of.text.lower(), of.endpoint
    if of.is_silent and of.status != _TOO_LARGE:
        return _nobodys(of)
    if endpoint.one and (own := _of_one(said, of)):
        return own
    if "not a valid id" in said:
        return Halt("apollo_setting_invalid", f"{endpoint.scope}: {plain(of.text, of.sent)}")
    about_one = endpoint.writes or endpoint.one
    if not about_one or any(sign in said for sign in _OURS):
        return Halt("apollo_refused_call", _detail(of))
    return _about_it("apollo_invalid", of)


def _of_one(said: str, of: _Refusal) -> Exception | None:
    """Read a refusal of the contact that the call names: gone, deleted by a person, or not to be viewed."""
    if "deleted" in said:
        return RemovedError()
    if "does not exist" in said or (of.about and f"{of.about.lower()} is not a valid id" in said):
        return AbsentError()
    return _about_it("apollo_contact_hidden", of) if _HIDDEN in said else None


def _about_it(code: str, of: _Refusal) -> Refused:
    return Refused(code, _detail(of))


def _detail(of: _Refusal) -> str:
    field = _field(of.answer.body)
    about = f" for {field}" if field else ""
    return f"{of.endpoint.scope} answered {of.status}{about}: {plain(of.text, of.sent)}"


def _unauthorised(of: _Refusal) -> Exception:
    return _nobodys(of) if of.is_page else Halt("apollo_key_refused", "Apollo does not accept the API key")


def _unknown(of: _Refusal) -> Exception:
    if of.is_silent:
        return _nobodys(of)
    return Halt("apollo_refused_call", f"{of.endpoint.scope} answered {of.status}")


_UNAUTHORISED, _TOO_LARGE = 401, 413
_BY_STATUS: Mapping[int, Callable[[_Refusal], Exception]] = MappingProxyType(
    {
        _UNAUTHORISED: _unauthorised,
        403: _forbidden,
        404: _not_found,
        429: _too_many,
        **dict.fromkeys((400, _TOO_LARGE, 422), _unprocessable),
        **dict.fromkeys((408, 425), _failed),
    }
)
_BY_HUNDRED: Mapping[int, Callable[[_Refusal], Exception]] = MappingProxyType(
    {
        3: lambda of: Halt("apollo_redirected", f"{of.endpoint.scope} answered {of.status}"),
        5: _failed,
    }
)


def _field(body: bytes) -> str:
    """The field that `error_details` names, if it looks like a name."""
    details = (_json(body) or {}).get("error_details")
    name = details.get("field") if isinstance(details, dict) else None
    return name if isinstance(name, str) and re.fullmatch(r"[a-z_]{1,40}", name) else ""


def _texts(body: bytes) -> tuple[str, str]:
    """Return the text of a refusal and its code, wherever in the body they are."""
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
