"""What may be asked, what an answer covers, what hinders: decided without a ledger, a clock or a network."""

from typing import Any

import pytest

from syncd.core.enrichment import (
    CreditBalance,
    day_of,
    hindrance,
    merged,
    price_seen,
    still_to_ask,
    with_asked,
)

NOON = 1_781_179_200.0  # 2026-06-11T12:00:00Z
FOUND = {"address": "a@b.example", "status": "guessed"}


@pytest.mark.parametrize(
    ("document", "mode", "left"),
    [
        ({}, "any", ("email", "linkedin_url")),
        ({"asked": {"linkedin_url": "any"}}, "any", ("email",)),
        ({"asked": {"email": "any", "linkedin_url": "any"}}, "verified", ()),
        ({"asked": {"email": "verified"}}, "verified", ("linkedin_url",)),
        ({"asked": {"email": "verified"}}, "any", ("email", "linkedin_url")),
        ({"asked": {"email": "verified"}, "email": FOUND}, "any", ("linkedin_url",)),
        ({"asked": None, "skipped": "credits_kept"}, "any", ("email", "linkedin_url")),
    ],
)
def test_an_answer_covers_what_it_was_asked_for_whatever_it_held(
    document: dict[str, Any], mode: str, left: tuple[str, ...]
) -> None:
    assert still_to_ask(("email", "linkedin_url"), document, mode) == left


def test_what_is_known_of_a_person_is_what_any_of_their_leads_told() -> None:
    first = with_asked({}, ["email"], "verified")
    second = with_asked({"email": FOUND, "linkedin": {"url": "x"}}, ["email", "linkedin_url"], "any")
    third = {"skipped": "per_day_spent"}
    assert merged([first, second, third]) == {
        "email": FOUND,
        "linkedin": {"url": "x"},
        "asked": {"email": "any", "linkedin_url": "any"},
    }
    assert merged([second, first])["asked"]["email"] == "any"
    assert merged([]) == merged([third]) == {}


def hindered(balance: int | None, outputs: int = 2, *, asked: int = 0, keep: int = 10, price: int = 1) -> str:
    why = hindrance(
        CreditBalance(balance, NOON, price),
        outputs,
        asked_today=asked,
        per_day=50,
        keep_credits=keep,
        now=NOON,
    )
    return why.code if why else ""


@pytest.mark.parametrize(
    ("balance", "keep", "price", "code"),
    [
        (12, 10, 1, ""),
        (11, 10, 1, "credits_kept"),
        (14, 10, 3, "credits_kept"),
        (16, 10, 3, ""),
        (None, 10, 1, "credits_unknown"),
        (None, 0, 1, ""),
        (1, 0, 100, ""),
        (0, 0, 1, "credits_kept"),
    ],
)
def test_nothing_is_asked_that_could_go_below_what_is_to_be_kept(
    balance: int | None, keep: int, price: int, code: str
) -> None:
    assert hindered(balance, keep=keep, price=price) == code


def test_a_spent_day_lasts_until_midnight_and_comes_first() -> None:
    assert hindered(None, asked=50) == hindered(100, asked=51) == "per_day_spent"
    why = hindrance(CreditBalance(100), 1, asked_today=50, per_day=50, keep_credits=0, now=NOON)
    assert why is not None
    assert why.after is not None
    assert day_of(NOON + why.after) == "2026-06-12"
    assert day_of(NOON + why.after - 2) == day_of(NOON) == "2026-06-11"


@pytest.mark.parametrize(
    ("before", "after", "outputs", "price"),
    [
        (CreditBalance(30, NOON), 28, 2, 1),
        (CreditBalance(30, NOON), 24, 2, 3),
        (CreditBalance(30, NOON), 25, 2, 3),
        (CreditBalance(30, NOON, 5), 30, 2, 5),
        (CreditBalance(30, NOON - 61), 0, 1, 1),
        (CreditBalance(30, NOON + 61), 0, 1, 1),
        (CreditBalance(5000, NOON), 0, 1, 100),
        (CreditBalance(None, NOON), 20, 1, 1),
        (CreditBalance(30, NOON), None, 1, 1),
        (CreditBalance(30, NOON), 131, 1, 1),
    ],
)
def test_the_dearest_price_is_learnt_from_two_balances_close_together(
    before: CreditBalance, after: int | None, outputs: int, price: int
) -> None:
    assert price_seen(before, after, outputs, NOON + 1) == price
