"""Which deliveries share a call."""

import pytest

from syncd.core.delivery import Item, Route, in_company, pack
from syncd.core.lane_state import LaneState

OPEN = LaneState("connector", "crm")


def items(*ids: int) -> list[Item]:
    return [Item(number) for number in ids]


def routed(*rows: tuple[Item, str, str]) -> list[tuple[Item, Route]]:
    return [(item, Route(group, key)) for item, group, key in rows]


def people(*several: Item) -> list[tuple[Item, Route]]:
    return routed(*((item, "g", str(item.id)) for item in several))


@pytest.mark.parametrize(
    ("rows", "batch", "calls"),
    [
        ([], 3, []),
        (people(*items(1, 2, 3, 4)), 3, [[0, 1, 2], [3]]),
        (routed(*((item, "ab"[item.id % 2], str(item.id)) for item in items(1, 2, 3))), 9, [[0, 2], [1]]),
        (routed(*((item, "g", "same") for item in items(1, 2))), 9, [[0], [1]]),
        (routed(*zip(items(1, 2, 3), "ggg", "xyx", strict=True)), 9, [[0, 1], [2]]),
        (people(Item(1, suspect=True), Item(2), Item(3, suspect=True), Item(4)), 9, [[1, 3], [0], [2]]),
        (people(*(Item(n, limit=2) for n in range(3)), Item(9)), 5, [[0, 1], [2], [3]]),
        (people(*(Item(n, limit=9) for n in range(3))), 2, [[0, 1], [2]]),
    ],
    ids=["none", "size", "group", "key", "key later", "suspects", "limit", "limit above size"],
)
def test_candidates_are_packed_into_calls(
    rows: list[tuple[Item, Route]], batch: int, calls: list[list[int]]
) -> None:
    assert pack(rows, OPEN, batch) == calls


def test_a_probing_lane_makes_one_call_of_one_and_of_a_suspect_only_if_there_is_nobody_else() -> None:
    probing = OPEN._replace(probing=True)

    assert pack(people(Item(1, suspect=True), Item(2), Item(3)), probing, 9) == [[1]]
    assert pack(people(Item(1, suspect=True), Item(2, suspect=True)), probing, 9) == [[0]]


@pytest.mark.parametrize(
    ("rows", "calls"),
    [
        (routed(*((item, "aab"[item.id % 3], str(item.id)) for item in items(0, 1, 2))), [[0, 1]]),
        (routed(*((item, "ab"[item.id % 2], str(item.id)) for item in items(0, 1))), [[0], [1]]),
        (people(*items(0, 1), Item(2, suspect=True), Item(3, limit=1)), [[0, 1], [3], [2]]),
    ],
    ids=["one full", "none full", "no company to wait for"],
)
def test_while_more_is_due_a_call_that_is_not_full_waits_unless_none_is(
    rows: list[tuple[Item, Route]], calls: list[list[int]]
) -> None:
    assert list(in_company(pack(rows, OPEN, 2), rows, 2)) == calls
