"""The flood gate, decided."""

import pytest

from syncd.core.flood_gate import FIRST, Gates, decide, describe_gate


@pytest.mark.parametrize(
    ("burst", "closed", "over", "move"),
    [
        (1, False, True, "free"), (10, False, True, "free"), (11, False, True, "close"),
        (1, False, False, "hold"), (11, False, False, "hold"), (1, True, True, "hold"), (11, True, False, "hold"),
    ],
)  # fmt: skip
def test_a_stroke_is_judged_when_it_is_over(burst: int, closed: bool, over: bool, move: str) -> None:  # noqa: FBT001
    assert decide(burst, 10, closed=closed, over=over) == move


def test_gates_count_as_there_when_any_is_or_when_a_person_opened_one() -> None:
    assert not Gates()
    assert Gates({"crm": 1})
    assert Gates({}, frozenset({"crm"}))


def test_the_sentence_has_both_numbers_for_people() -> None:
    assert FIRST == 5
    assert describe_gate(12345, 2000) == (
        "12,345 deliveries wait at its gate: more than 2,000 would have gone there in one burst."
    )
