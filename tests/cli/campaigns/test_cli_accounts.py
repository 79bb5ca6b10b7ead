"""`accounts`: what is billed is said before anything changes, and nothing changes without a yes."""

import json
import re
import sys

import pytest

from tests.cli.conftest import Home, MakeHome, order, requests_of, told
from tests.cli.operate.test_cli_rejected import Keyboard

ACTS = [("sleep", "3"), ("wake", "11"), ("tier", "3", "pro")]


@pytest.fixture
def home(make_home: MakeHome) -> Home:
    """Four accounts, of which the eleventh sleeps."""
    home = make_home(leads=0)
    order(home, "sleep", accountId=11)
    return home


def sent(home: Home) -> list[str]:
    return [asked for asked in requests_of(home) if asked.startswith("POST")]


def test_the_list_says_who_is_billed(home: Home) -> None:
    rows = [line.split() for line in home.syncd("accounts").out.splitlines()]
    assert ["3", "@northwindlabs", "growth", "awake", "9100", "2"] in rows
    assert rows[-1][:4] == ["11", "@tailspin_dev", "starter", "asleep"]
    assert {it["id"] for it in told(home, "accounts")["sleeping"]} == {11}


@pytest.mark.parametrize("which", ["11", "@tailspin_dev", "Tailspin_Dev"])
def test_an_account_is_named_by_its_id_or_its_handle(home: Home, which: str) -> None:
    out = home.syncd("accounts", "show", which).out
    assert re.search(r"^state +asleep: neither synced nor billed$", out, re.MULTILINE)
    assert told(home, "accounts", "show", which)["id"] == 11


@pytest.mark.parametrize("which", ["999", "@nobody", "", "x\x1b"])
def test_an_account_that_is_not_tracked_is_not_found(home: Home, which: str) -> None:
    for words in (("show",), ("sleep",), ("wake",)):
        ran = home.syncd("accounts", *words, which)
        assert (ran.code, "(not_found)" in ran.err) == (2, True)
        assert "syncd accounts" in ran.err
        assert "\x1b" not in ran.err
    assert sent(home) == []


EFFECTS = [
    ("sleep", "@northwindlabs (account 3) is no longer synced, and no longer billed as a growth account."),
    (
        "wake",
        "@tailspin_dev (account 11) is synced again, and billed again from now on as a starter account.",
    ),
    (
        "tier",
        "@northwindlabs (account 3) goes from growth to pro at once, and is billed for it at once, prorated.",
    ),
]


@pytest.mark.parametrize(("act", "effect"), list(zip(ACTS, [said for _, said in EFFECTS], strict=True)))
def test_nothing_is_changed_where_nobody_can_be_asked(home: Home, act: tuple[str, ...], effect: str) -> None:
    ran = home.syncd("accounts", *act)
    assert (ran.code, ran.out) == (64, "")
    assert effect in ran.err
    assert "add --yes" in ran.err
    assert sent(home) == []


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(("answer", "does"), [("y\n", True), ("n\n", False), ("", False)])
def test_somebody_at_a_terminal_is_asked(
    home: Home, monkeypatch: pytest.MonkeyPatch, act: tuple[str, ...], answer: str, *, does: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", Keyboard(answer))
    ran = home.syncd("accounts", *act)
    assert ran.code == 0
    assert "[y/N]" in ran.err
    assert ("Nothing was changed." in ran.out) == (not does)
    assert len(sent(home)) == does


def test_yes_says_the_effect_does_it_and_says_how_to_go_back(home: Home) -> None:
    ran = home.syncd("accounts", "sleep", "@northwindlabs", "--yes")
    assert (ran.code, "no longer billed" in ran.err) == (0, True)
    assert "syncd accounts wake 3" in ran.out
    assert {it["id"] for it in told(home, "accounts")["sleeping"]} == {3, 11}
    assert home.syncd("accounts", "wake", "3", "--yes").out == "@northwindlabs (account 3) is awake.\n"


def test_for_a_script_the_answer_is_ctgos(home: Home) -> None:
    assert told(home, "accounts", "wake", "11", "--yes") == {"success": True, "accountId": 11, "awake": True}
    assert told(home, "accounts", "tier", "11", "growth", "--yes")["action"] == "upgraded"


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (("sleep", "11"), "@tailspin_dev (account 11) sleeps already: nothing was changed."),
        (("wake", "3"), "@northwindlabs (account 3) is awake already: nothing was changed."),
        (("tier", "3", "growth"), "@northwindlabs (account 3) is growth already: nothing was changed."),
    ],
)
def test_what_is_so_already_needs_no_yes_and_no_request(home: Home, act: tuple[str, ...], said: str) -> None:
    ran = home.syncd("accounts", *act)
    assert (ran.code, ran.out.strip(), sent(home)) == (0, said, [])


def test_a_smaller_tier_comes_at_the_periods_end_and_can_be_cancelled(home: Home) -> None:
    ran = home.syncd("accounts", "tier", "3", "starter", "--yes")
    assert "goes from growth to starter at the end of the paid period; until then it stays growth" in ran.err
    assert re.search(r"becomes starter at 20\S+Z\.", ran.out)
    assert re.search(r"growth +awake +\d+ +\d+ +starter 20", home.syncd("accounts").out)
    ran = home.syncd("accounts", "tier", "3", "growth", "--yes")
    assert re.search(r"stays growth: its change to starter on 20\S+Z is cancelled", ran.err)
    assert ran.out == "@northwindlabs (account 3) stays growth.\n"


def test_a_sleeping_accounts_tier_is_not_asked_for(home: Home) -> None:
    ran = home.syncd("accounts", "tier", "11", "pro", "--yes")
    assert (ran.code, "(account_sleeping)" in ran.err, sent(home)) == (2, True, [])
    assert "Wake the account first" in ran.err


def test_what_is_no_tier_gets_the_nearest(home: Home) -> None:
    ran = home.syncd("accounts", "tier", "3", "grow", "--yes")
    assert (ran.code, "did you mean growth?" in ran.err, requests_of(home)) == (64, True, [])


@pytest.mark.parametrize("act", ACTS[1:])
def test_without_a_subscription_nothing_more_is_billed(home: Home, act: tuple[str, ...]) -> None:
    order(home, "subscription", status="canceled")
    ran = home.syncd("accounts", *act, "--yes")
    assert (ran.code, "(subscription_required)" in ran.err, "Renew the subscription" in ran.err) == (
        77,
        True,
        True,
    )


@pytest.mark.parametrize("act", ACTS)
def test_a_payment_that_fails_is_told_in_stripes_words_and_the_state_is_read(
    home: Home, act: tuple[str, ...]
) -> None:
    order(home, "stripe", message="Your card was declined.")
    ran = home.syncd("accounts", *act, "--yes")
    assert (ran.code, "(payment_failed)" in ran.err) == (2, True)
    assert "Your card was declined." in ran.err
    assert "Looked at afterwards, it has not been done." in ran.err
    assert requests_of(home)[-1] == "GET /accounts"


@pytest.mark.parametrize(
    ("act", "route"), list(zip(ACTS, ["sleep_account", "wake_account", "change_tier"], strict=True))
)
def test_a_lost_answer_is_read_off_the_state_and_never_repeated(
    home: Home, act: tuple[str, ...], route: str
) -> None:
    order(home, "fail", route=route, status=504, body="", after_applying=True)
    ran = home.syncd("accounts", *act, "--yes")
    assert ran.code == 0, ran.err
    assert len(sent(home)) == 1


@pytest.mark.parametrize(
    ("act", "route"), list(zip(ACTS, ["sleep_account", "wake_account", "change_tier"], strict=True))
)
def test_a_conflict_is_read_off_the_state_and_never_repeated(
    home: Home, act: tuple[str, ...], route: str
) -> None:
    order(home, "fail", route=route, status=409, body={"error": "conflict"})
    ran = home.syncd("accounts", *act, "--yes")
    assert (ran.code, "(conflicting)" in ran.err, len(sent(home))) == (75, True, 1)
    assert "Looked at afterwards, it has not been done." in ran.err


def test_no_account_at_all_says_how_one_comes(home: Home) -> None:
    order(home, "fail", route="accounts", status=200, body={"active": [], "sleeping": []})
    assert "No account is tracked." in home.syncd("accounts").out


def test_an_account_of_which_little_is_known_is_named_by_what_there_is(home: Home) -> None:
    rows = {"active": [{"id": 3}, {"id": 4, "xHandle": "y", "tier": "gold"}], "sleeping": None}
    for which, said in [("3", "Account 3 becomes pro"), ("4", "@y (account 4) becomes pro")]:
        order(home, "fail", route="accounts", status=200, body=rows)
        assert said in home.syncd("accounts", "tier", which, "pro").err
    order(home, "fail", route="accounts", status=200, body=rows)
    assert json.loads(home.syncd("accounts", "--json").out) == rows
