"""`setup`: what the connectors say must exist, listed, made, and told what only a person can do."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from syncd.connector import Change, Finding
from syncd.core.failure import Halt
from tests.cli.conftest import Home
from tests.cli.plugin import Plugin, plugged


class Stranger(Plugin):
    """A plugin with a setup that says, or raises, what the test wants."""

    codes: ClassVar[dict[str, str]] = {"stranger_token": "Make a new token, then: syncd resume NAME"}
    made: Any = False

    def check(self) -> Sequence[Finding]:
        return ()

    def setup(self, apply: bool) -> Sequence[Change]:  # noqa: FBT001 - the contract is positional
        said: Sequence[Change] | None = self.said()
        if said is not None:
            return said
        if Stranger.made:
            return ()
        Stranger.made = apply
        return [Change("a shelf", done=apply)]


@pytest.fixture
def stranger(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose second connector is `Stranger`."""
    return plugged(home, monkeypatch, Stranger, made=False, answer=None)


def states(home: Home, *arguments: str) -> tuple[int, dict[str, list[tuple[str, str]]]]:
    """The exit code, and (state, what) by connector."""
    ran = home.syncd("setup", *arguments, "--json")
    told = json.loads(ran.out)
    assert (told["exit"], told["ok"]) == (ran.code, ran.code == 0)
    found: dict[str, list[tuple[str, str]]] = {}
    for it in told["changes"]:
        found.setdefault(it["about"], []).append((it["state"], it["what"]))
    return ran.code, found


def test_setup_lists_and_only_apply_makes_and_then_nothing_is_missing(stranger: Home) -> None:
    assert states(stranger) == (
        0, {"connector sheet": [("ok", "needs no setup")], "connector crm": [("missing", "a shelf")]},
    )  # fmt: skip
    assert "syncd setup --apply" in stranger.syncd("setup").out
    assert not Stranger.made
    assert states(stranger, "--apply")[1]["connector crm"] == [("made", "a shelf")]
    assert states(stranger, "--apply")[1]["connector crm"] == [("ok", "nothing is missing")]
    assert Stranger.closed == 4


def test_one_connector_can_be_named_and_an_unknown_one_is_a_usage_error_with_the_nearest(
    stranger: Home,
) -> None:
    assert list(states(stranger, "crm")[1]) == ["connector crm"]
    ran = stranger.syncd("setup", "cmr")
    assert (ran.code, ran.out) == (64, "")
    assert "did you mean crm" in ran.err


def test_one_connector_is_set_up_although_another_is_not_configured_as_it_must_be(stranger: Home) -> None:
    stranger.connectors["org"] = 'type = "salesforce"\nbase_url = "http://127.0.0.1:8402"'
    stranger.configure()
    assert states(stranger, "crm", "--apply") == (0, {"connector crm": [("made", "a shelf")]})
    for arguments in (["setup"], ["setup", "org"], ["setup", "crm", "org"]):
        ran = stranger.syncd(*arguments)
        assert ran.code == 78
        assert "did you mean instance_url?" in ran.err


def test_what_only_a_person_can_do_is_said_and_is_no_failure(
    stranger: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand = Change("a label s3cr3t-canary", done=False, by_hand="Ask the librarian.")
    monkeypatch.setattr(Stranger, "answer", [by_hand])
    ran = stranger.syncd("setup", "--apply")
    assert ran.code == 0
    assert "by hand  connector crm    a label [redacted]" in ran.out
    assert "Ask the librarian." in ran.out


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Halt("stranger_token", "The token was refused."), ("failed", "The token was refused.")),
        (RuntimeError("s3cr3t-canary"), ("failed", "its setup raised RuntimeError")),
        ([Change("a shelf", done=False)], ("failed", "a shelf")),
    ],
)
def test_a_connector_that_fails_is_2_and_keeps_nothing_from_the_others(
    stranger: Home, monkeypatch: pytest.MonkeyPatch, answer: Any, told: tuple[str, str]
) -> None:
    monkeypatch.setattr(Stranger, "answer", answer)
    assert states(stranger, "--apply") == (
        2,
        {"connector sheet": [("ok", "needs no setup")], "connector crm": [told]},
    )
    assert Stranger.closed == 1


def test_a_failure_names_its_code_and_its_fix(stranger: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stranger, "answer", Halt("stranger_token", "The token was refused."))
    out = stranger.syncd("setup").out
    assert "The token was refused. (stranger_token)" in out
    assert "Make a new token, then: syncd resume crm" in out
