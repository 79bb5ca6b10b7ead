"""What is judged before credits are spent, and what waits until enriching is over."""

from dataclasses import dataclass

import pytest

from syncd.engine.wanting import may_be_wanted
from syncd.mapping import VARIABLES, Filter

LOW = dict.fromkeys(VARIABLES) | {"match_confidence": "low"}


@dataclass
class Taker:
    where: Filter


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
    assert may_be_wanted([Taker(where)], LOW, lambda _: False) is wanted
