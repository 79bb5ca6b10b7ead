"""`check` and the connectors: a stranger's check is believed, contained, and redacted."""

from collections.abc import Sequence
from typing import ClassVar, NoReturn

import pytest

from syncd.connector import Finding
from syncd.core.failure import Halt
from tests.cli.conftest import Home, findings
from tests.cli.plugin import Plugin, plugged


class Stranger(Plugin):
    """A plugin whose check says, or raises, what the test wants."""

    codes: ClassVar[dict[str, str]] = {"stranger_token": "Make a new token."}

    def check(self) -> Sequence[Finding]:
        found: Sequence[Finding] = self.said()
        return found


@pytest.fixture
def stranger(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose second connector is `Stranger`."""
    return plugged(home, monkeypatch, Stranger)


WRONG = Finding("error", "stranger_token", "The token s3cr3t-canary was refused.")


def test_a_connectors_error_is_2_with_the_fix_of_its_code_and_without_its_secret(
    stranger: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stranger, "answer", (WRONG, Finding("ok", "fine", "The rest is well.")))
    code, found = findings(stranger)
    assert code == 2
    assert found["error", "connector crm"] == ["The token [redacted] was refused. stranger_token"]
    assert found["ok", "connector crm"] == ["The rest is well."]
    assert ("ok", "connector sheet") in found
    assert "Make a new token." in stranger.syncd("check").out
    assert Stranger.closed == 2


def test_a_connectors_warning_is_no_error(stranger: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stranger, "answer", (Finding("warning", "w", "Old."),))
    assert findings(stranger)[0] == 0


def test_a_connector_that_finds_nothing_is_well(stranger: Home) -> None:
    assert findings(stranger)[1]["ok", "connector crm"] == ["0 fields are mapped"]


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (Halt("stranger_token", "The token was refused."), "The token was refused. stranger_token"),
        (RuntimeError("s3cr3t-canary"), "Its check raised RuntimeError. connector_bug"),
    ],
)
def test_a_check_that_raises_is_an_error_of_its_connector_alone(
    stranger: Home, monkeypatch: pytest.MonkeyPatch, raised: Exception, said: str
) -> None:
    monkeypatch.setattr(Stranger, "answer", raised)
    code, found = findings(stranger)
    assert (code, found["error", "connector crm"]) == (2, [said])
    assert ("ok", "connector sheet") in found
    assert Stranger.closed == 1


@pytest.mark.parametrize(
    "raised", [RuntimeError("s3cr3t-canary"), Halt("stranger_token", "The token was refused.")]
)
def test_a_connector_that_cannot_be_opened_halts_its_own_lane_and_holds_up_no_other(
    stranger: Home, monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    def broken(*_: object) -> NoReturn:
        raise raised

    monkeypatch.setattr(Stranger, "__init__", broken)
    ran = stranger.syncd("--once", "--yes")
    assert ran.code == 75
    assert "sheet: 3 delivered" in ran.out
    assert "crm: 3 pending" in ran.out
    code = getattr(raised, "code", "connector_bug")
    assert f"({code})" in ran.err
    assert "s3cr3t-canary" not in ran.err
    assert findings(stranger)[0] == 2


@pytest.mark.parametrize(
    ("key", "table", "warned"),
    [
        ("", "", False),
        ("", '[connectors.crm.fields]\nfirst = "{{ first_name }}"', True),
        ("", '[connectors.crm.fields]\nfirst = "x"\nlast = "y"\nmail = "z"', False),
        ("keep_default_fields = true", '[connectors.crm.fields]\nfirst = "{{ first_name }}"', False),
        ("keep_default_fields = false", '[connectors.crm.fields]\nfirst = "{{ first_name }}"', False),
    ],
)
def test_default_fields_that_a_table_replaces_are_named(
    stranger: Home, monkeypatch: pytest.MonkeyPatch, key: str, table: str, *, warned: bool
) -> None:
    defaults = {"first": "{{ handle }}", "last": "{{ last_name }}", "mail": "{{ email }}"}
    monkeypatch.setattr(Stranger, "defaults", defaults)
    stranger.connectors["crm"] += f"\n{key}\n{table}"
    stranger.configure()
    code, found = findings(stranger)
    assert code == 0
    said = (
        "The table fields replaces the default mapping, so it no longer writes last, mail. defaults_replaced"
    )
    assert (said in found.get(("warning", "connector crm"), [])) == warned
