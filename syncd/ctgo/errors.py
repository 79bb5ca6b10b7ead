"""CTGO's refusals, and no answer at all, as one of the four failures.

`RULES` is the whole translation: status, and where it matters the reason in the answer, to kind and code. Scopes differ in
what a 404 and a 400 are about: a collection (an address that is wrong, a request that is), a campaign, one lead, an act
that a person asked for, an act that changes what is billed.

A 404 for one lead means it is gone, and the engine settles it so. A 404 that is no JSON does not come from CTGO but from a
router or a proxy, and must not settle a backlog: it is an unexpected answer, and waits. So is a 402 or 403 without
any text of CTGO's: it comes from a firewall, which does not judge the key.

`error` may be a code or a sentence, `message` may be missing, and the body may be anything. Pure; a failure repeats
no more of the body than an `error` that is a code. Only a person whose own act was refused reads CTGO's sentence,
short, and without keys and addresses.
"""

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, NamedTuple

from pydantic import SecretStr

from syncd.core.failure import Failure, Halt, Pause, Reject, Retry
from syncd.ctgo.shapes import Unfit, json_of
from syncd.http.answer import Answer

HOUR = 3600.0
RATE_LIMIT_WAIT = 60.0
"""Seconds to rest after a rate limit without `Retry-After`: the window is a minute."""

LONGEST_QUOTE = 120
FOREIGN = "foreign"
"""The reason of a body that is neither empty nor a JSON object: somebody else's."""


class Scope(Enum):
    """The subject of a call, and so of its refusal."""

    COLLECTION = auto()
    CAMPAIGN = auto()
    LEAD = auto()
    ACT = auto()
    """A person's request: of a campaign, an account, a segment, a run. It is theirs to mend, and no lane's."""
    BILLING = auto()
    """An act after which CTGO bills another sum; it speaks with Stripe on the way."""


class Rule(NamedTuple):
    """The meaning of a refusal. `after`: seconds to wait if the answer named none; `sentence`: for a bare code."""

    kind: type[Failure]
    code: str
    after: float | None = None
    sentence: str = ""


class PerScope(NamedTuple):
    """A refusal whose meaning depends on what was asked. `billing`: where it is another than any act's."""

    collection: Rule
    campaign: Rule
    lead: Rule
    act: Rule
    billing: Rule | None = None

    def of(self, scope: Scope) -> Rule:
        """The rule within a scope."""
        return self[scope.value - 1] or self.act


UNEXPECTED = Rule(Pause, "unexpected_answer")
UNAVAILABLE = Rule(Pause, "upstream_unavailable")
RATE_LIMITED = Rule(Pause, "rate_limited", RATE_LIMIT_WAIT)
CREDITS = Rule(Pause, "credits_exhausted", HOUR)
FORBIDDEN = Rule(Halt, "forbidden")
WRONG_ADDRESS = Rule(Halt, "wrong_address")
NOT_FOUND = Rule(Reject, "not_found")
API_GONE = Rule(Halt, "api_gone")
BAD_LISTING = Rule(Halt, "bad_request")
_EXPORTED = Rule(Reject, "already_exported")
EXPORTED = PerScope(BAD_LISTING, BAD_LISTING, _EXPORTED, _EXPORTED)
CONFLICT = Rule(Retry, "conflict")
ASLEEP = Rule(Reject, "account_sleeping", sentence="the account sleeps")
ARCHIVED = Rule(Reject, "stream_archived", sentence="the campaign is archived")
LOOKUP_FAILED = Rule(
    Pause, "handle_lookup_failed", sentence="its look-up of X accounts does not work at the moment"
)

ANY_REASON = "*"
"""Stands for any reason that CTGO itself gave."""

RULES: Mapping[tuple[int, str], Rule | PerScope] = {
    # A status with a reason comes first, then its hundred with it, then any words, the status, and its hundred alone.
    (400, "no_team"): Rule(Halt, "no_team"),  # about whose key it is, not about the lead
    (400, "orphan_label"): Rule(Reject, "orphan_label", sentence="labels that it does not know"),
    (400, "stream_cap_exceeded"): Rule(
        Reject, "stream_cap_exceeded", sentence="the account's tier allows no further automated campaign"
    ),
    (400, "stream_is_archived"): PerScope(BAD_LISTING, BAD_LISTING, ARCHIVED, ARCHIVED),
    (400, "wake_this_account_first_to_change_its_tier"): ASLEEP,
    (400, "account_sleeping"): ASLEEP,
    (401, ""): Rule(Halt, "key_refused"),
    (402, ANY_REASON): FORBIDDEN,
    (402, ""): UNEXPECTED,
    (403, "credits_exhausted"): CREDITS,
    (403, "budget_exhausted"): Rule(Pause, "budget_exhausted", HOUR),
    (403, "free_account_limit"): Rule(Halt, "free_account_limit", sentence="a free plan tracks one account"),
    (403, "subscription_required"): Rule(
        Halt, "subscription_required", sentence="the subscription has lapsed, or there is none"
    ),
    (403, ANY_REASON): FORBIDDEN,
    (403, ""): UNEXPECTED,
    (404, "handle_not_found"): Rule(Reject, "handle_not_found", sentence="there is no such account on X"),
    (404, FOREIGN): PerScope(WRONG_ADDRESS, UNEXPECTED, UNEXPECTED, UNEXPECTED),
    (404, ""): PerScope(WRONG_ADDRESS, NOT_FOUND, NOT_FOUND, NOT_FOUND),
    (408, ""): UNAVAILABLE,
    (409, ""): PerScope(CONFLICT, CONFLICT, CONFLICT, Rule(Retry, "conflicting")),
    # The lead was removed, and not the API
    (410, "lead_not_found"): PerScope(API_GONE, API_GONE, NOT_FOUND, NOT_FOUND),
    (410, ""): API_GONE,
    (422, "handle_protected"): Rule(Reject, "handle_protected", sentence="the X account is private"),
    (425, ""): UNAVAILABLE,
    (429, "credits_exhausted"): CREDITS,
    (429, ""): RATE_LIMITED,
    # Stripe's own message stands in for a code; a 502 without one is a proxy's
    (502, ANY_REASON): PerScope(
        UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, Rule(Reject, "payment_failed")
    ),
    (503, "handle_lookup_failed"): PerScope(UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, LOOKUP_FAILED),
    (3, ""): Rule(Halt, "redirected"),
    (4, "already_exported"): EXPORTED,
    (4, "lead_already_exported"): EXPORTED,  # as a sentence: "Lead already exported"
    (4, ""): PerScope(BAD_LISTING, BAD_LISTING, Rule(Reject, "bad_request"), Rule(Reject, "request_refused")),
    (5, ""): UNAVAILABLE,
}

UNEXPLAINED = {"unexpected_answer", "upstream_unavailable", "unreachable"}
"""Codes of calls that failed whole without saying why."""


class RefusalText(NamedTuple):
    """The text of a refusal: a reason that `RULES` may name, and a short quotation for the operator.

    `more`: a message for a person, or the labels that CTGO does not know; only an act's failure repeats it.
    """

    reason: str
    quote: str
    more: str = ""


def read_refusal(status: int, body: bytes | None, secret: SecretStr) -> RefusalText:
    """Read the body of a refusal, None if there was no reading it. `secret` is blotted out of the quotation."""
    if body is None:
        return RefusalText(FOREIGN, "")
    if not body.strip():
        return RefusalText("", "")
    value = json_of(body)
    if isinstance(value, Unfit) or not isinstance(value, dict):
        return RefusalText(FOREIGN, "")
    error, message = _texts(value)
    reason = re.sub(r"[^a-z0-9]+", "_", error.lower()).strip("_")
    if status == 403 and reason not in {"subscription_required", "free_account_limit"}:  # noqa: PLR2004
        words = f"{error} {message}".lower()  # the vendor printed neither a code nor a sentence for this one
        if "budget" in words and "exhaust" in words:
            reason = "budget_exhausted"
    more = quoted(_orphans(value) or message, secret)
    quote = quoted(error, secret)
    return RefusalText(reason, quote, "" if more == quote else more)


def _orphans(value: dict[str, Any]) -> str:
    """The labels of `orphans`. Of what shape they are is not documented: texts, or objects that hold texts."""
    rows = value.get("orphans")
    parts = (
        [row.values() if isinstance(row, dict) else [row] for row in rows] if isinstance(rows, list) else []
    )
    labels = [": ".join(text for text in part if isinstance(text, str)) for part in parts]
    return ", ".join(label for label in labels if label)


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
    line = _SHOWN_BY_NOBODY.sub("…", line)
    return " ".join(line.split())[:LONGEST_QUOTE]


# An address from the beginning of a word only: from each letter on, a long one would take the square of its length
_SHOWN_BY_NOBODY = re.compile(r"ctgo_\w+|(?<!\S)\S+@\S+|https?://\S+")

_CODE = re.compile(r"[a-z][a-z_]{0,39}")


def rule_of(status: int, reason: str, scope: Scope) -> Rule:
    """The rule for a refusal."""
    any_reason = ANY_REASON if reason not in ("", FOREIGN) else ""
    hundred = status // 100
    for key in ((status, reason), (hundred, reason), (status, any_reason), (status, ""), (hundred, "")):
        rule = RULES.get(key)
        if rule is not None:
            return rule if isinstance(rule, Rule) else rule.of(scope)
    return UNEXPECTED


def failure_of(
    rule: Rule, status: int, text: RefusalText, asked: str, scope: Scope, *, wait: float | None
) -> Failure:
    """The failure of a refused call. `asked` says for what; `wait` is the answer's own `Retry-After`."""
    asked_by_person = scope in (Scope.ACT, Scope.BILLING)
    # A lane's failure goes into the log, the ledger, health and alerts: a sentence may name a person, or repeat what was sent
    quote = text.quote if asked_by_person or _CODE.fullmatch(text.quote) else ""
    words, more = rule.sentence or quote, text.more if asked_by_person else ""
    if more:
        words = f"{words} ({more})" if words else more
    if rule.sentence:
        words += "."
    detail = f"CTGO answered {status} when asked {asked}" + (f": {words}" if words else ".")
    if rule.kind is not Pause:
        return rule.kind(rule.code, detail)
    waits = rule in (RATE_LIMITED, UNAVAILABLE, LOOKUP_FAILED) and wait is not None
    return Pause(rule.code, detail, after=wait if waits else rule.after, unexplained=rule.code in UNEXPLAINED)


def unexpected(unfit: Unfit, asked: str) -> Pause:
    """The failure of an answer that is not what was promised."""
    detail = f"CTGO was asked {asked}, and the answer {unfit.reason}."
    return Pause(UNEXPECTED.code, detail, unexplained=True)


def unreachable(answer: Answer) -> Pause:
    """The failure of a call without a whole answer."""
    failure = Pause("unreachable", answer.why, unexplained=True)
    failure.unsent = not answer.maybe_sent
    return failure
