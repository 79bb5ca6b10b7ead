"""Calls: a connector's due deliveries are packed into as few as its routes and its lane allow."""

from collections.abc import Sequence

from syncd.core.delivery import Item, Route
from syncd.core.lane_state import LaneState


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
