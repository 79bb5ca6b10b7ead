from collections.abc import Mapping

import pytest

from syncd.core.failure import Reject
from syncd.mapping import VARIABLES, Filter, MappingError

VALUES: Mapping[str, object] = dict.fromkeys(VARIABLES) | {
    "match_confidence": "high",
    "follower_count": 600,
    "bio": "canary",
    "raw": {"tags": []},
}


def accepts(text: str, **values: object) -> bool:
    return Filter.compile("crm", text).accepts({**VALUES, **values})


@pytest.mark.parametrize("text", ["", " \n "])
def test_a_blank_where_accepts_everything_and_needs_nothing(text: str) -> None:
    where = Filter.compile("crm", text)
    assert where.accepts({})
    assert where.uses == frozenset()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("match_confidence == 'high' and follower_count >= 500", True),
        ("match_confidence == 'high' and follower_count >= 700", False),
        ("email", False),
        ("not email", True),
        ("email == 'x'", False),
        ("email is none or email.endswith('.de')", True),
        ("'can' in bio", True),
        ("'x' in (display_name or '')", False),
        ("(email or '') | length", False),
        ("raw.tags", False),
        ("raw.tags | select('string')", False),
        ("raw.missing.path", False),
        ("{'a': {'b': 1}}.a.b == 1", True),
    ],
)
def test_a_where_is_judged_by_truth(text: str, answer: bool) -> None:  # noqa: FBT001 - an expectation
    assert accepts(text) is answer


def test_two_conditions_must_both_hold_and_a_blank_one_is_none() -> None:
    high, mail = Filter.compile("crm", "match_confidence == 'high'"), Filter.compile("crm", "email")
    both = high.also(mail)
    assert both.parts == (high, mail)
    assert both.uses == {"match_confidence", "email"}
    assert not both.accepts_all
    assert not both.accepts({**VALUES, "match_confidence": "low", "email": "a@e.example"})
    assert not both.accepts(VALUES)
    assert both.accepts({**VALUES, "email": "a@e.example"})
    assert high.also(Filter.compile("crm", "")) is high
    assert Filter.compile("crm", " ").also(mail) is mail


def test_uses_names_just_the_variables_that_are_needed() -> None:
    assert Filter.compile("crm", "follower_count > 1 and raw.x").uses == {"follower_count", "raw"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("email >= 500", "a null: email"),
        ("'x' in email", "a null: email"),
        ("email | length > 3", "a null: email"),
        ("raw.missing > 3", "a null: a part of raw"),
        ("bio > 3", "TypeError"),
        ("1 / (follower_count - 600) > 1", "ZeroDivisionError"),
        ("'x' * 99999", "more than 65536 characters"),
    ],
)
def test_what_cannot_be_judged_is_a_rejection_and_never_a_no(text: str, why: str) -> None:
    with pytest.raises(Reject) as caught:
        accepts(text)
    assert caught.value.code == "filter_failed"
    assert caught.value.detail.startswith("where: ")
    assert why in caught.value.detail
    assert "canary" not in caught.value.detail
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{{ follower_count > 1 }}", "leave the braces out"),
        ("match_confidence = 'high'", "expected its end, got '='"),
        ("follower_cnt > 1", "no variable follower_cnt: did you mean follower_count?"),
        ("id }} {{ id", "it must be one expression"),
        ("id }}{% if id %}{{ id }}{% endif %}{{ id", "no {% statements %}"),
        ("bio |", "it cannot be read"),
        ("range(3)", "no functions"),
    ],
)
def test_a_mistake_is_found_when_it_is_compiled(text: str, why: str) -> None:
    with pytest.raises(MappingError) as caught:
        Filter.compile("crm", text)
    assert str(caught.value).startswith("crm.where: ")
    assert why in str(caught.value)
