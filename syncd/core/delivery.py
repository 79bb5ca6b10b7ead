"""A delivery: one lead on its way to one connector, its route, its outcome, and what a call changes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from syncd.core.failure import Failure
from syncd.core.lead import Lead

State = Literal["pending", "delivered", "rejected", "dropped"]


class Delivery(NamedTuple):
    """One lead on its way to one connector, as a connector sees it.

    `fields` is the mapped result, with nulls left out. `remote_id` is the person's id at the remote if any
    lead of theirs was delivered before. `maybe_sent`: an earlier call may have written it.
    """

    id: int
    lead: Lead
    fields: Mapping[str, object]
    person: str
    remote_id: str | None = None
    maybe_sent: bool = False
    attempt: int = 1


class Route(NamedTuple):
    """The calls that a delivery may share: those of its `group` that hold no other delivery of its `key`."""

    group: str
    key: str
    resend_safe: bool = False


@dataclass(frozen=True, slots=True)
class Delivered:
    """The remote holds the lead. `created`: it did not before."""

    remote_id: str | None = None
    created: bool = True


Outcome = Delivered | Failure
"""A connector's answer for one delivery; anything else is a bug in the connector."""


class Item(NamedTuple):
    """One member of a call, as the ledger knows it. `mark`: the lane's count of successes when it first failed."""

    id: int
    attempts: int = 0
    suspect: bool = False
    mark: int | None = None
    failing_since: float | None = None
    limit: int | None = None
    maybe_sent: bool = False


class Change(NamedTuple):
    """The next state of one item. `due_at` 0 means at once."""

    id: int
    state: State
    attempts: int
    due_at: float = 0.0
    suspect: bool = False
    mark: int | None = None
    failing_since: float | None = None
    limit: int | None = None
    maybe_sent: bool = False
    code: str = ""
    detail: str = ""
    remote_id: str | None = None
    created: bool = False


def kept(item: Item) -> Change:
    """Leave an item as it was: still pending, no attempt spent."""
    return Change(
        item.id,
        "pending",
        item.attempts,
        suspect=item.suspect,
        mark=item.mark,
        failing_since=item.failing_since,
        limit=item.limit,
        maybe_sent=item.maybe_sent,
    )


def spared(change: Change, now: float) -> Change:
    """Take back a rejection that was the lane's fault: the item is a suspect at the end of the line, no attempt spent."""
    return change._replace(state="pending", attempts=change.attempts - 1, suspect=True, due_at=now)
