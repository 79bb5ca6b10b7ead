"""The outcome of one HTTP request, as a value: nothing of a network or a server is an exception. Imports no HTTP library.

Headers are read with care: one that cannot be read counts as absent.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Literal

Trouble = Literal["", "unsent", "untrusted", "private", "late", "broken"]
"""The network's part in a failed request.

* `unsent`, `untrusted`, `private`: no connection stood, TLS was not agreed on, or no address may be connected to. Nothing
  of the request left, so sending it again is safe.
* `late`, `broken`: the deadline passed, or the connection broke. The request may have been carried out.
"""

Unread = Literal["", "too_large", "encoded", "garbled"]
"""The reason for an unread body: larger than the cap, in an encoding that was not asked for, or no true gzip."""

_NOTHING_LEFT = frozenset({"unsent", "untrusted", "private"})


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of one request.

    Attributes:
        status: of HTTP; 0 if no head of an answer came. With `trouble`, the answer broke off after its head.
        headers: by name in lower case.
        body: decoded; empty if it is `unread`, or with `trouble`.
        trouble: of the network; empty if the whole answer is here.
        unread: the reason why there is no body, though the answer came.
        why: the trouble as a sentence. It names the host, and no other part of the address.
        at: the moment at which the answer, or the trouble, was in; `clock.monotonic()`.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    trouble: Trouble = ""
    unread: Unread = ""
    why: str = ""
    at: float = field(default=0.0, compare=False)

    @property
    def ok(self) -> bool:
        """True if the answer is whole and its status is a 2xx. The body may still be `unread`."""
        return not self.trouble and is_success(self.status)

    @property
    def maybe_sent(self) -> bool:
        """True unless it is certain that nothing of the request left this machine."""
        return self.trouble not in _NOTHING_LEFT

    def json(self) -> Any:
        """Parse the body as JSON; return None if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


def is_success(status: int) -> bool:
    """True for a 2xx."""
    return 200 <= status < 300  # noqa: PLR2004 - what a status means is its hundred


SHORTEST_WAIT, LONGEST_WAIT = 1.0, 3600.0
"""Seconds. After an hour one request asks again, whoever asked for more: a wrong header must not stop a lane for a day."""

_SECONDS = re.compile(r"\d+(\.\d+)?", re.ASCII)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Read `Retry-After`, a number or a date, as seconds between `SHORTEST_WAIT` and `LONGEST_WAIT`.

    None if the header is absent, unreadable or in the past. A date is counted from the answer's own `Date`, because the
    clock of this machine may be wrong.

    Args:
        headers: by name in lower case.
        now: seconds since the epoch; stands in for a `Date` that is absent.
    """
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        wait = float(text)
    else:
        until, since = http_date(headers, "retry-after"), http_date(headers)
        if until is None:
            return None
        wait = until - (now if since is None else since)
    return min(max(wait, SHORTEST_WAIT), LONGEST_WAIT) if wait >= 0 else None


def whole_number(text: str | None) -> int | None:
    """Read a header that holds a whole number of at most 15 digits, 0 or more."""
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len("9" * 15) else None


def http_date(headers: Mapping[str, str], name: str = "date") -> float | None:
    """Read a header that holds an HTTP date; return seconds since the epoch."""
    text = headers.get(name)
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
