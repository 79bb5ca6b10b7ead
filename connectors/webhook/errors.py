"""The meaning of a receiver's answers: from a status to one of the four failures, by a table.

Of an answer only the status and `Retry-After` are believed. Its body is read, so that an answer that broke off is
known from one that ended, and is never looked at or shown: it may repeat what was sent.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from syncd.connector import Failure, Halt, Pause, Reject
from syncd.http.answer import Answer
from syncd.http.headers import retry_after

CODES: Mapping[str, str] = MappingProxyType(
    {
        "webhook_refused_access": "The receiver wants other credentials: check url, headers and signing_secret against what it shows. Then: syncd resume NAME",
        "webhook_forbidden": "The receiver, or a firewall before it, refuses. If it refuses every lead, check url, headers and signing_secret against what it shows; if one, what that lead holds. syncd keeps trying.",
        "webhook_gone": "Nothing takes leads at that address: check url, and that the workflow behind it is switched on. Then: syncd resume NAME",
        "webhook_redirected": "syncd follows no redirects, for they could lead anywhere: set url to the final address. Then: syncd resume NAME",
        "webhook_refused": "The receiver refuses this lead: compare what it expects with syncd map NAME --lead ID, mend the fields, then: syncd rejected retry",
        "webhook_rate_limited": "Nothing to do: syncd waits as long as the receiver asks. If it happens often, take fewer leads with a `where`.",
        "webhook_unavailable": "Nothing to do: the receiver did not answer, or with a server error. syncd keeps trying, under the same webhook-id.",
        "webhook_unexpected_answer": "What answers there is no receiver of webhooks: check url, and what stands between. syncd keeps trying.",
        "webhook_unreachable": "Check the network, DNS and url. syncd keeps trying.",
        "webhook_untrusted": "The receiver's certificate is not accepted: it must be renewed or mended there, or its issuer named in SSL_CERT_FILE. syncd keeps trying.",
        "webhook_private_address": "The address is not a public one: check url and DNS. If it is meant, set allow_private = true. Then: syncd resume NAME",
        "webhook_nothing_to_send": "Nothing is known of this lead that the fields name: add one that is always there, as {{ id }}, then: syncd rejected retry",
        "webhook_proxy_unused": "Let the machine reach the receiver directly: behind a proxy syncd could not check which address is reached.",
        "webhook_ready": "Nothing to do.",
    }
)


def failure(answer: Answer, now: float) -> Failure | None:
    """Judge an answer; None: the receiver has the lead. `now`: seconds since the epoch."""
    if answer.trouble:
        return network(answer.trouble)
    status = answer.status
    meaning = _BY_STATUS.get(status) or _BY_HUNDRED.get(status // 100, _unexpected)
    return meaning(status, retry_after(answer.headers, now))


def network(trouble: str) -> Failure:
    """Return the network's trouble as a failure."""
    return _TROUBLES[trouble]()


_TROUBLES: Mapping[str, Callable[[], Failure]] = MappingProxyType(
    {
        "unsent": lambda: Pause("webhook_unreachable", "no connection to the receiver could be made"),
        "untrusted": lambda: Pause("webhook_untrusted", "no TLS connection to the receiver could be made"),
        "private": lambda: Halt("webhook_private_address", "the url leads to an address that is not public"),
        "late": lambda: Pause("webhook_unavailable", "the answer took too long", unexplained=True),
        "broken": lambda: Pause("webhook_unavailable", "the answer broke off", unexplained=True),
    }
)


def _delivered(_status: int, _after: float | None) -> None:
    return None


def _unexpected(status: int, _after: float | None) -> Failure:
    return Pause("webhook_unexpected_answer", f"the receiver answered {status}", unexplained=True)


def _failed(status: int, _after: float | None) -> Failure:
    return Pause("webhook_unavailable", f"the receiver answered {status}", unexplained=True)


def _slow_down(status: int, after: float | None) -> Failure:
    return Pause("webhook_rate_limited", f"the receiver answered {status}", after=after)


def _busy(status: int, after: float | None) -> Failure:
    """A bare 503 may be one lead's doing, as any other 5xx; one that says how long is an outage."""
    return _failed(status, after) if after is None else _slow_down(status, after)


def _refused_access(status: int, _after: float | None) -> Failure:
    return Halt("webhook_refused_access", f"the receiver answered {status}")


def _forbidden(status: int, _after: float | None) -> Failure:
    """A firewall says it of what one lead holds, a receiver of the credentials; nothing tells which it is."""
    return Pause("webhook_forbidden", f"the receiver answered {status}", unexplained=True)


def _gone(status: int, _after: float | None) -> Failure:
    return Halt("webhook_gone", f"the receiver answered {status}")


def _redirected(status: int, _after: float | None) -> Failure:
    return Halt("webhook_redirected", f"the receiver answered {status}")


def _refused(status: int, _after: float | None) -> Failure:
    return Reject("webhook_refused", f"the receiver answered {status}")


_Meaning = Callable[[int, float | None], Failure | None]
_BY_STATUS: Mapping[int, _Meaning] = MappingProxyType(
    {
        401: _refused_access,
        403: _forbidden,
        404: _gone,
        408: _failed,
        410: _gone,
        429: _slow_down,
        503: _busy,
    }
)
_BY_HUNDRED: Mapping[int, _Meaning] = MappingProxyType(
    {2: _delivered, 3: _redirected, 4: _refused, 5: _failed}
)
