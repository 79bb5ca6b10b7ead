"""The rules of enriching: when to ask CTGO about a person, and how to read the answer. Pure.

Asking costs credits, and the vendor says neither how many nor whether a repeat costs again. So:

* Only unknown outputs are asked for, and never again once an answer came, whatever it held. An answer about one lead
  counts for every lead of the same person and source. An answer to `any` answers `verified` too.
* An ask is written down before it is sent. If its answer is lost, it may have been charged: it is repeated once, and then
  given up. If CTGO refused it, or it was never sent, it was not charged and does not count.
* At most `per_day` asks are sent on a day (UTC), repeats included. None is sent unless the balance, less the highest price
  seen so far for each output, stays at `keep_credits` or above. An unknown balance is asked for first.

A *document* is the ledger's record of a lead's enriching: `asked` (output -> email mode), `email` and `linkedin` as CTGO's `result`
has them, and `skipped`, the code of why it was not asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from syncd.core.failure import CONNECTOR_BUG, Pause
from syncd.core.lane_state import PAUSE_LIMIT, LaneState

ASKS = 2
"""Times that one thing is asked when answers are lost."""
DAY, HOUR = 86400.0, 3600.0
SET_BOUNDS = frozenset({"per_day_spent", "credits_kept", "credits_unknown"})
"""Codes of pauses that a bound in the configuration made: another configuration may lift them."""
FRESH = 60.0
"""Seconds for which a balance may be compared with the next."""
DEAREST = 100
"""Credits for an output that are believed: one wrong number must not stop enriching for good."""

SOONER: Mapping[str, float] = MappingProxyType(
    {
        "conflict": 3.0,
        CONNECTOR_BUG: 3.0,
        "unexpected_answer": 3.0,
        "upstream_unavailable": 3.0,
        "rate_limited": 60.0,
        "unreachable": 60.0,
    }
)
"""Seconds after a failure of each code until somebody who was never asked about may be: an answer may be about one lead alone."""
SOONER_LIMIT = 10
"""Persons asked about in vain until that takes a minute; after twice as many, the fault is the route's and the pause is kept."""

Document = Mapping[str, Any]
_FOUND = {"email": "email", "linkedin_url": "linkedin"}
"""The member of a document that holds the result of an output."""


class CreditBalance(NamedTuple):
    """A team's credits as last reported, and when. `price`: the highest price of an output so far."""

    balance: int | None = None
    reported_at: float = 0.0
    price: int = 1


def merged(documents: Iterable[Document]) -> dict[str, Any]:
    """Everything that was ever asked about a person and found, the latest last."""
    result: dict[str, Any] = {}
    asked: dict[str, str] = {}
    for document in documents:
        for key in _FOUND.values():
            if document.get(key):
                result[key] = document[key]
        for output, mode in (document.get("asked") or {}).items():
            asked[output] = "any" if "any" in {mode, asked.get(output)} else mode
    return {**result, "asked": asked} if asked else result


def still_to_ask(wanted: Iterable[str], document: Document, email_mode: str) -> tuple[str, ...]:
    """Those of the outputs that no answer about the person has covered."""
    return tuple(output for output in wanted if not _covered(output, document, email_mode))


def _covered(output: str, document: Document, email_mode: str) -> bool:
    mode = (document.get("asked") or {}).get(output)
    if mode is None:
        return False
    return output != "email" or mode in {"any", email_mode} or bool(document.get("email"))


def with_asked(document: Document, outputs: Sequence[str], email_mode: str) -> dict[str, Any]:
    """The document once these outputs are answered, or given up."""
    asked = {**(document.get("asked") or {}), **dict.fromkeys(outputs, email_mode)}
    return {**document, "asked": asked}


def day_of(now: float) -> str:
    """The day (UTC) that an ask counts for."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def hindrance(
    team_credits: CreditBalance,
    outputs: int,
    *,
    asked_today: int,
    per_day: int,
    keep_credits: int,
    now: float,
) -> Pause | None:
    """Return the reason why nothing may be asked now, or None. An unknown balance matters only if credits must be kept."""
    if asked_today >= per_day:
        detail = f"{asked_today} of {per_day} were asked today."
        return Pause("per_day_spent", detail, after=DAY - now % DAY + 1)
    if team_credits.balance is None:
        unknown = Pause("credits_unknown", "CTGO does not say how many credits are left.", after=HOUR)
        return unknown if keep_credits > 0 else None
    if team_credits.balance - (outputs * team_credits.price if keep_credits else 1) < keep_credits:
        detail = f"{team_credits.balance} credits are left, and {keep_credits} are to be kept."
        return Pause("credits_kept", detail, after=HOUR)
    return None


def price_seen(before: CreditBalance, after: int | None, outputs: int, now: float) -> int:
    """Return the highest price of an output, after an answer with a new balance.

    A balance that is older than a minute proves nothing: somebody else of the team may have spent the difference.
    """
    if before.balance is None or after is None or not outputs or not 0 <= now - before.reported_at < FRESH:
        return before.price
    return min(DEAREST, max(before.price, -(-(before.balance - after) // outputs)))


def until_unasked(lane: LaneState, in_vain: int, now: float) -> float | None:
    """Return the seconds until a paused lane may ask about a person who was never asked about; None: not before the pause ends.

    `in_vain`: how many were asked about without an answer. They may be the cause of a pause whose length is our own.
    """
    tried = max(in_vain, lane.failures)
    asked_for = 0 < lane.pauses < PAUSE_LIMIT and lane.code != CONNECTOR_BUG
    if lane.status != "paused" or lane.code not in SOONER or asked_for or tried > 2 * SOONER_LIMIT:
        return None
    length = SOONER[lane.code] if tried <= SOONER_LIMIT else 60.0
    return lane._replace(until=lane.since + length).wait(now)
