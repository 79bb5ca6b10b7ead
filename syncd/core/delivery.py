"""A delivery: one lead on its way to one connector, its route, its outcome, and what a call changes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from syncd.core.failure import Failure
from syncd.core.lane_state import LaneState
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


def pack(items: Sequence[tuple[Item, Route]], lane: LaneState, batch_size: int) -> list[list[int]]:
    """Split candidates, given in due order, into calls: lists of indices into `items`.

    A probing lane makes one call of one, and a suspect only when there is nobody else. Otherwise a call holds one
    group, no key twice, at most the smallest batch limit of its members; suspects go alone, last.
    """
    if not items:
        return []
    if lane.probing:
        return [[next((n for n, (item, _) in enumerate(items) if not item.suspect), 0)]]
    calls: list[list[int]] = []
    filling: dict[tuple[str, int], tuple[list[int], set[str]]] = {}
    alone: list[list[int]] = []
    for n, (item, route) in enumerate(items):
        if item.suspect:
            alone.append([n])
            continue
        size = min(batch_size, item.limit or batch_size)
        this = filling.get((route.group, size))
        if this is None or len(this[0]) >= size or route.key in this[1]:
            this = filling[route.group, size] = ([], set())
            calls.append(this[0])
        this[0].append(n)
        this[1].add(route.key)
    return calls + alone


def in_company(
    calls: Sequence[list[int]], items: Sequence[tuple[Item, Route]], batch_size: int
) -> Sequence[list[int]]:
    """Choose the calls to make while more is due than was read: a call that is not full waits for more of its group.

    If none is full, all go. Suspects, and members of a halved call, never wait.
    """
    if not any(len(call) >= batch_size for call in calls):
        return calls
    return [
        call
        for call in calls
        if len(call) >= batch_size or any(items[n][0].suspect or items[n][0].limit for n in call)
    ]
