"""What is judged before credits are spent, and what waits until enriching is over."""

import pytest

from syncd.engine.fanout import hangs_on, may_be_wanted
from syncd.mapping import VARIABLES, Filter

LOW = dict.fromkeys(VARIABLES) | {"match_confidence": "low"}


@pytest.mark.parametrize(
    ("conditions", "wanted"),
    [
        (("email",), True),
        (("match_confidence == 'high'",), False),
        (("match_confidence == 'high'", "email"), False),
        (("match_confidence == 'low'", "email"), True),
        (("match_confidence == 'high' and email",), True),
    ],
)
def test_a_condition_that_enriching_cannot_change_is_judged_before_it(
    conditions: tuple[str, ...],
    wanted: bool,  # noqa: FBT001 - an expectation
) -> None:
    where = Filter.compile("crm", "")
    for text in conditions:
        where = where.also(Filter.compile("crm", text))
    assert may_be_wanted([where], LOW, lambda _: False) is wanted


@pytest.mark.parametrize(
    ("where", "also", "hangs"),
    [
        ("", "email", True),
        ("", "linkedin_url", False),  # asked for, and not found
        ("match_confidence == 'high'", "email", True),
        ("match_confidence == 'low'", "email", False),
        ("email or match_confidence == 'high'", "", False),
        ("email_domain.endswith('.com')", "", True),
        ("match_confidence == 'high'", "", False),
    ],
)
def test_a_where_hangs_on_what_was_not_asked_if_nothing_else_decides(
    where: str, also: str, *, hangs: bool
) -> None:
    chosen = Filter.compile("mail", where).also(Filter.compile("apollo", also))
    values = {"email": None, "email_domain": None, "linkedin_url": None, "match_confidence": "high"}
    assert hangs_on(chosen, values, ["email"], lambda _: False) is hangs


def test_a_where_hangs_on_it_although_a_name_is_still_to_come() -> None:
    chosen = Filter.compile("mail", "stream_name == 'x'").also(Filter.compile("apollo", "email"))
    values = {"email": None, "stream_name": None}
    assert hangs_on(chosen, values, ["email"], lambda part: "stream_name" in part.uses)
