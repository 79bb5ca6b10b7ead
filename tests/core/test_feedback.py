"""Words, and what a new one means for what was told: pure."""

import pytest

from syncd.core.feedback import FeedbackRow, Judgement, Judging, state_after

GOOD, BAD = Judgement("good"), Judgement("bad", "other", "Right person, wrong moment.")


@pytest.mark.parametrize("word", [GOOD, BAD, Judgement("bad", "wrong_job")])
def test_a_word_survives_as_a_line(word: Judgement) -> None:
    assert Judgement.of(word.line) == word


def test_a_word_reads_well() -> None:
    assert [str(it) for it in (GOOD, Judgement("bad", "bot"), BAD)] == [
        "good",
        "bad (bot)",
        "bad (other: Right person, wrong moment.)",
    ]


def test_a_value_is_judged_whatever_its_case_and_blanks() -> None:
    judging = Judging("hs_lead_status", {"closed - lost": BAD})
    assert judging.judge(" Closed - LOST") == BAD
    assert judging.judge("Closed") is None


def test_another_table_has_another_mark_and_the_same_in_another_order_has_not() -> None:
    one = Judging("a", {"x": GOOD, "y": BAD})
    assert one.digest == Judging("a", {"y": BAD, "x": GOOD}, poll=5.0).digest
    others = [
        Judging("b", {"x": GOOD, "y": BAD}),
        Judging("a", {"x": GOOD}),
        Judging("a", {"x": GOOD, "y": Judgement("bad", "bot")}),
    ]
    assert len({one.digest, *(it.digest for it in others)}) == 4


def stands(state: str, word: str = "good", told: str = "", *, maybe: bool = False) -> FeedbackRow:
    return FeedbackRow(state, word, told, maybe)


@pytest.mark.parametrize(
    ("before", "word", "segment", "after"),
    [
        (None, "good", 6, "pending"),
        (None, "good", 0, "no_segment"),
        (stands("no_segment"), "good", 0, None),
        (stands("no_segment"), "bad bot", 0, "no_segment"),
        (stands("pending"), "good", 6, None),
        (stands("pending"), "bad bot", 6, "pending"),
        (stands("delivered", told="good"), "good", 6, None),
        (stands("delivered", told="good"), "bad bot", 6, "pending"),
        (stands("pending", "bad bot", told="good"), "good", 6, "delivered"),
        (stands("pending", "bad bot", told="good", maybe=True), "good", 6, "pending"),
        (stands("rejected"), "good", 6, None),
        (stands("rejected", "bad bot"), "good", 6, "pending"),
        (stands("rejected", "bad bot", told="good"), "good", 6, "delivered"),
        (stands("dropped", "bad bot"), "good", 6, "pending"),
        (stands("gone"), "good", 6, None),
        (stands("gone"), "bad bot", 6, "gone"),
    ],
)
def test_what_a_new_word_makes_of_what_was_there(
    before: FeedbackRow | None, word: str, segment: int, after: str | None
) -> None:
    assert state_after(before, word, segment=segment) == after
