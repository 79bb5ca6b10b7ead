"""How `check` prints: one verdict for one thing, every mistake in one round, and lines that a terminal has room for."""

import re

import pytest

from tests.cli.conftest import Home
from tests.cli.terminal import on_terminal

RED, YELLOW, GREEN = ("\x1b[31merror  \x1b[0m", "\x1b[33mwarning\x1b[0m", "\x1b[32mok     \x1b[0m")


def drawn(home: Home, columns: int = 80) -> str:
    return on_terminal("--config", str(home.config), "check", columns=columns)[1]


@pytest.fixture
def wrong(home: Home) -> Home:
    """A mistake in a source, in the options of two connectors, in a `where` and in two fields."""
    home.source = 'pol = "5m"'
    home.connectors = {
        "sheet": 'type = "csv"\nwhen = "x"\nwhere = "nosuch == 1"\n[connectors.sheet.fields]\na = "{{ b( }}"\nc = "{{ d }}"',
        "crm": 'type = "hubspot"\nrequests_per_second = 0',
    }
    home.configure()
    return home


def test_every_mistake_is_told_in_one_round_and_nothing_is_called_right(wrong: Home) -> None:
    ran = wrong.syncd("check")
    assert ran.code == 78
    *lines, count = ran.out.splitlines()
    keys = [re.sub(r"^error +configuration  \S+: ([\w.]+): .*", r"\1", line) for line in lines]
    assert keys == [
        "sources.main.pol",
        "connectors.sheet.when",
        "connectors.sheet.path",
        "connectors.crm.access_token",
        "connectors.crm.requests_per_second",
        "connectors.sheet.where",
        "connectors.sheet.fields.a",
        "connectors.sheet.fields.c",
    ]
    assert count == "8 errors"


def test_a_configuration_with_a_mistake_in_a_connector_is_not_ok(home: Home) -> None:
    home.connectors["sheet"] = 'type = "cvs"'
    home.configure()
    out = home.syncd("check").out
    assert "connectors.sheet.type: there is no connector type 'cvs'; did you mean csv?" in out
    assert re.findall(r"^(\w+) +configuration", out, re.MULTILINE) == ["error"]
    home.connectors["sheet"] = 'type = "csv"\npath = "leads.csv"'
    home.configure()
    assert re.findall(r"^(\w+) +configuration", home.syncd("check").out, re.MULTILINE) == ["ok"]


def test_the_last_line_counts_errors_and_warnings(home: Home) -> None:
    home.configure(url="http://127.0.0.1:9")
    assert home.syncd("check").out.splitlines()[-1] == "1 error, 1 warning"


@pytest.mark.parametrize("columns", [48, 80])
def test_no_word_is_broken_and_no_line_is_wider_than_the_terminal(home: Home, columns: int) -> None:
    home.configure(url="http://127.0.0.1:9")
    shown = re.sub(r"\x1b\[\d+m", "", drawn(home, columns))
    assert [line for line in shown.splitlines() if len(line) > columns and len(line.split()) > 3] == []
    assert {"Slack,", "(nobody_hears)", "alerts.heartbeat_url"} <= set(shown.split())


def test_the_level_has_a_colour_on_a_terminal_alone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    home.configure(url="http://127.0.0.1:9")
    shown = drawn(home)
    assert all(f"\n{level}" in f"\n{shown}" for level in (RED, YELLOW, GREEN))
    assert "\x1b" not in home.syncd("check").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in drawn(home)
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in drawn(home)
