"""The page names what is promised, each with tests that are there."""

import re
from pathlib import Path

from tests.proof.defects.all import DEFECTS

TESTS = Path(__file__).parents[1]
PAGE = (TESTS / "README.md").read_text()
ROWS = dict(re.findall(r"^\| (I-\d+) \|(.+)$", PAGE, re.MULTILINE))


def test_every_promise_is_there_in_its_order() -> None:
    assert list(ROWS) == [f"I-{n}" for n in range(1, 17)]


def test_every_test_that_the_page_names_is_there() -> None:
    named = {name for row in ROWS.values() for name in re.findall(r"`(\w+/[\w./]+\.py)`", row)}
    assert len(named) > len(ROWS)
    assert [name for name in sorted(named) if not (TESTS / name).exists()] == []


def test_a_defect_breaks_a_promise_that_the_page_knows() -> None:
    broken = {number for it in DEFECTS.values() for number in re.findall(r"\bI-\d+\b", it.breaks)}
    assert broken - ROWS.keys() == set()
