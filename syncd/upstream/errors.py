"""CTGO's refusals, and no answer at all, as one of the four failures.

`RULES` is the whole translation: status, and where it matters what the answer said, to kind and code. Three scopes differ in
what a 404 and a 400 are about: a collection (an address that is wrong, a request that is), a campaign, one lead.

A 404 for one lead means it is gone, and the engine settles it so. A 404 that is no JSON is not CTGO's word but a
router's or a proxy's, and must not settle a backlog: it is an unexpected answer, and waits.

`error` may be a code or a sentence, `message` may be missing, and the body may be anything. Pure; the sentences hold no
key, no address with a query, and of the body no more than a short, cleaned `error`.
"""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import Any, NamedTuple

import httpx
from pydantic import SecretStr

from syncd.failure import Failure, Halt, Pause, Reject, Retry
from syncd.upstream.shapes import Unfit, json_of

HOUR = 3600.0
RATE_LIMIT_WAIT = 60.0
"""Seconds to rest after a rate limit that did not say how long: the window is a minute."""

LONGEST_QUOTE = 120
FOREIGN = "foreign"
"""The reason of a body that is neither empty nor a JSON object: somebody else's."""


class Scope(Enum):
    """What a call is about, and so what its refusal is about."""

    COLLECTION = auto()
    CAMPAIGN = auto()
    LEAD = auto()


class Rule(NamedTuple):
    """What a refusal means. `after`: seconds to wait if the answer named none."""

    kind: type[Failure]
    code: str
    after: float | None = None


class PerScope(NamedTuple):
    """A refusal whose meaning depends on what was asked."""

    collection: Rule
    campaign: Rule
    lead: Rule


UNEXPECTED = Rule(Pause, "unexpected_answer")
UNAVAILABLE = Rule(Pause, "upstream_unavailable")
RATE_LIMITED = Rule(Pause, "rate_limited", RATE_LIMIT_WAIT)
CREDITS = Rule(Pause, "credits_exhausted", HOUR)
FORBIDDEN = Rule(Halt, "forbidden")
WRONG_ADDRESS = Rule(Halt, "wrong_address")
NOT_FOUND = Rule(Reject, "not_found")
BAD_LISTING = Rule(Halt, "bad_request")

RULES: Mapping[tuple[int, str], Rule | PerScope] = {
    # A status with a reason comes before the status, and that before its hundred.
    (400, "no_team"): Rule(Halt, "no_team"),  # about whose key it is, not about the lead
    (401, ""): Rule(Halt, "key_refused"),
    (402, ""): FORBIDDEN,
    (403, "credits_exhausted"): CREDITS,
    (403, "budget_exhausted"): Rule(Pause, "budget_exhausted", HOUR),
    (403, ""): FORBIDDEN,
    (404, FOREIGN): PerScope(WRONG_ADDRESS, UNEXPECTED, UNEXPECTED),
    (404, ""): PerScope(WRONG_ADDRESS, NOT_FOUND, NOT_FOUND),
    (408, ""): UNAVAILABLE,
    (409, ""): Rule(Retry, "conflict"),
    (410, ""): Rule(Halt, "api_gone"),
    (425, ""): UNAVAILABLE,
    (429, "credits_exhausted"): CREDITS,
    (429, ""): RATE_LIMITED,
    (3, ""): Rule(Halt, "redirected"),
    (4, ""): PerScope(BAD_LISTING, BAD_LISTING, Rule(Reject, "bad_request")),
    (5, ""): UNAVAILABLE,
}

UNEXPLAINED = {"unexpected_answer", "upstream_unavailable", "unreachable"}
"""Codes of calls that failed whole without saying why."""


class Said(NamedTuple):
    """What a refusal said: a reason that `RULES` may name, and a short quotation for the operator."""

    reason: str
    quote: str


def said_of(status: int, body: bytes | None, secret: SecretStr) -> Said:
    """Read the body of a refusal, None if there was no reading it. `secret` is blotted out of the quotation."""
    if body is None:
        return Said(FOREIGN, "")
    if not body.strip():
        return Said("", "")
    value = json_of(body)
    if isinstance(value, Unfit) or not isinstance(value, dict):
        return Said(FOREIGN, "")
    error, message = _texts(value)
    reason = re.sub(r"[^a-z0-9]+", "_", error.lower()).strip("_")
    if status == 403 and reason not in {"subscription_required", "free_account_limit"}:  # noqa: PLR2004
        words = f"{error} {message}".lower()  # the vendor printed neither a code nor a sentence for this one
        if "budget" in words and "exhaust" in words:
            reason = "budget_exhausted"
    return Said(reason, quoted(error, secret))


def _texts(value: dict[str, Any]) -> tuple[str, str]:
    """`error` and `message`, empty when absent or of another type."""
    error, message = value.get("error"), value.get("message")
    if isinstance(error, dict):
        message, error = error.get("message", message), error.get("code")
    return error if isinstance(error, str) else "", message if isinstance(message, str) else ""


def quoted(text: str, secret: SecretStr) -> str:
    """A vendor's words made fit for a log: one short line without keys, addresses of people or control characters."""
    line = "".join(character if character.isprintable() else " " for character in text)
    if key := secret.get_secret_value():
        line = line.replace(key, "…")
    line = re.sub(r"ctgo_\w+|\S+@\S+|https?://\S+", "…", line)
    return " ".join(line.split())[:LONGEST_QUOTE]


def rule_of(status: int, reason: str, scope: Scope) -> Rule:
    """The rule for a refusal."""
    for key in ((status, reason), (status, ""), (status // 100, "")):
        rule = RULES.get(key)
        if rule is not None:
            return rule if isinstance(rule, Rule) else rule[scope.value - 1]
    return UNEXPECTED


def refusal(rule: Rule, status: int, quote: str, asked: str, wait: float | None) -> Failure:
    """The failure of a refused call. `asked` says for what; `wait` is the answer's own `Retry-After`."""
    detail = f"CTGO answered {status} when asked {asked}" + (f": {quote}" if quote else ".")
    if rule.kind is not Pause:
        return rule.kind(rule.code, detail)
    waits = rule in (RATE_LIMITED, UNAVAILABLE) and wait is not None
    return Pause(rule.code, detail, after=wait if waits else rule.after, unexplained=rule.code in UNEXPLAINED)


def unexpected(unfit: Unfit, asked: str) -> Pause:
    """The failure of an answer that is not what was promised."""
    detail = f"CTGO was asked {asked}, and the answer {unfit.reason}."
    return Pause(UNEXPECTED.code, detail, unexplained=True)


def unreachable(error: Exception, host: str, seconds: float) -> Pause:
    """The failure of a call without a whole answer. `seconds`: how long a call may take."""
    failure = Pause("unreachable", _why(list(_chain(error)), host, seconds), unexplained=True)
    failure.unsent = isinstance(error, _NEVER_LEFT)
    return failure


_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""Without a connection nothing of a request can have been heard."""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what caused it: httpx wraps what httpcore wrapped, and drops the cause on the way."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _why(errors: list[BaseException], host: str, seconds: float) -> str:
    """One sentence; the first line that matches any of the errors wins."""
    sentences: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
        (httpx.ProxyError, f"The proxy did not let a connection to {host} through."),
        ((socket.gaierror, UnicodeError), f"The name of {host} could not be resolved."),
        (ssl.SSLCertVerificationError, f"The TLS certificate of {host} could not be verified."),
        (ssl.SSLError, f"A TLS connection to {host} could not be made."),
        (httpx.PoolTimeout, f"All connections to {host} were busy for too long."),
        (httpx.ConnectTimeout, f"A connection to {host} was not made in time."),
        ((httpx.TimeoutException, TimeoutError), f"{host} did not finish its answer within {seconds:g} s."),
        (ConnectionRefusedError, f"{host} refused the connection."),
        (httpx.ConnectError, f"No connection to {host} could be made."),
        (httpx.RemoteProtocolError, f"{host} broke off its answer, or does not speak HTTP."),
        ((httpx.NetworkError, OSError), f"The connection to {host} broke."),
    )
    for kinds, sentence in sentences:
        if any(isinstance(error, kinds) for error in errors):
            return sentence
    return f"The call to {host} failed."
