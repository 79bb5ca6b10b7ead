"""The failure that an answer of Attio means, by a table.

Attio's message may quote a lead, so no detail repeats it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from syncd.connector import Failure, Halt, Pause, Reject, Retry
from syncd.http.headers import retry_after

CODES: Mapping[str, str] = MappingProxyType(
    {
        "attio_token_refused": "Attio does not accept access_token, or it lacks record_permission:read-write or object_configuration:read. Mend that, then: syncd resume NAME",
        "attio_forbidden": "A firewall or proxy refuses the call: look at what stands between. syncd keeps trying.",
        "attio_wrong_address": "Nothing answers there as Attio does, or it redirects, which syncd never follows: check base_url. Then: syncd resume NAME",
        "attio_setup_missing": "Make the attributes of people: syncd setup NAME --apply. Then: syncd resume NAME",
        "attio_key_not_unique": "The key attribute exists and is not a unique text: name another one in key_attribute, then: syncd setup NAME --apply, and: syncd resume NAME",
        "attio_refused": "Attio refuses a value of this lead: look at it with syncd map NAME --lead ID, mend the fields, then: syncd rejected retry",
        "attio_ambiguous": "Several people in Attio hold this X user id: merge them there, then: syncd rejected retry",
        "attio_conflict": "Nothing to do: the record changed or went away, or another one holds a unique value of this lead. syncd looks again. If it lasts, check base_url.",
        "attio_rate_limited": "Nothing to do: syncd waits as long as Attio asks.",
        "attio_unreachable": "Check the network, DNS, the proxy and base_url. syncd keeps trying.",
        "attio_proxy_invalid": "Mend https_proxy (or no_proxy) in the environment of the service, and start it again.",
        "attio_unavailable": "Nothing to do: Attio did not answer, or with a server error. syncd keeps trying.",
        "attio_unexpected_answer": "Check that base_url is Attio's API and that no login page stands between. syncd keeps trying.",
        "attio_ready": "Nothing to do.",
    }
)
_TABLE: Mapping[str, tuple[type[Failure], str]] = MappingProxyType(
    {
        "unsent": (Pause, "attio_unreachable"),
        "auth_error": (Halt, "attio_token_refused"),
        "matching_attribute_definition_not_unique": (Halt, "attio_key_not_unique"),
        "filter_error": (Halt, "attio_setup_missing"),
        "not_found": (Retry, "attio_conflict"),
        "uniqueness_conflict": (Retry, "attio_conflict"),
        "401": (Halt, "attio_token_refused"),
        "403": (Pause, "attio_forbidden"),
        "404": (Halt, "attio_wrong_address"),
        "408": (Pause, "attio_unavailable"),
        "409": (Retry, "attio_conflict"),
        "429": (Pause, "attio_rate_limited"),
        "0xx": (Pause, "attio_unavailable"),
        "2xx": (Pause, "attio_unexpected_answer"),
        "3xx": (Halt, "attio_wrong_address"),
        "4xx": (Reject, "attio_refused"),
        "5xx": (Pause, "attio_unavailable"),
    }
)
"""By trouble, Attio's code, Attio's type, status, and hundred of the status: the first that is listed counts. 2xx stands for
an answer that does not show what it should, and for a status that nobody knows."""
_EXPLAINED = {"attio_rate_limited", "attio_unreachable"}


class Answer(NamedTuple):
    """One answer. `trouble` instead of a status: unsent (nothing left), late, broken, or too large."""

    status: int = 0
    retry_after: str = ""
    body: Mapping[str, Any] = MappingProxyType({})
    trouble: str = ""


def failure(answer: Answer, now: float) -> Failure:
    """Translate an answer that is no success. `now`: seconds since the epoch."""
    words = (answer.trouble, *(str(answer.body.get(part)) for part in ("code", "type")))
    keys = (*words, str(answer.status), f"{answer.status // 100}xx", "2xx")
    kind, code = next(_TABLE[key] for key in keys if key in _TABLE)
    detail = f"Attio's answer was {answer.trouble}" if answer.trouble else f"Attio answered {answer.status}"
    if kind is not Pause:
        return kind(code, detail)
    after = retry_after({"retry-after": answer.retry_after}, now)
    return Pause(code, detail, after=after, unexplained=after is None and code not in _EXPLAINED)
