"""`status`, `plan` and `runs` on a terminal: no frame, no broken word at 80 and at 48 columns, and ages for times."""

import re

import pytest

from tests.cli.conftest import Home, MakeHome, order, rows, told
from tests.cli.terminal import on_terminal

FRAME = re.compile("[─-╿]")
TIME = re.compile(r"\d{4}-\d\d-\d\dT")


def drawn(home: Home, *verb: str, columns: int) -> str:
    """What a terminal shows. No line is wider than it, unless it is one word."""
    code, text = on_terminal("--config", str(home.config), *verb, columns=columns)
    assert code == 0, text
    wide = [line for line in text.splitlines() if len(line) > columns and len(line.split()) > 1]
    assert wide == []
    assert not FRAME.search(text)
    assert not TIME.search(text)
    return text


@pytest.mark.parametrize("columns", [48, 80])
def test_status_fits(make_home: MakeHome, columns: int) -> None:
    home = make_home(leads=20, malformed_rate=0.5)
    home.connectors["more"] = 'type = "csv"\npath = "config.toml/leads.csv"'
    home.configure()
    home.syncd("--once", "--max-wait", "0s")
    text = drawn(home, "status", columns=columns)
    assert text.rstrip().endswith("syncd explain WORD")
    assert "syncd explain" not in home.syncd("status").out.splitlines()[-1]
    assert re.search(r"main .*(just now|\d s ago)", text)
    assert ("watermark" in text.split("connector")[0].split("(")[0]) == (columns == 80)
    assert re.search(r"deliver more: halted (just\s+now|\d+\s+s\s+ago)", text)
    piped = home.syncd("status").out
    assert TIME.search(piped)
    missing = (
        set(re.findall("[a-z]{3,}", piped)) - set(re.findall("[a-z]{3,}", text)) - {"since", "watermark"}
    )
    assert missing == set(), "no word is broken or cut off"


@pytest.mark.parametrize("columns", [48, 80])
def test_runs_fit_with_one_line_for_each(make_home: MakeHome, columns: int) -> None:
    home = make_home(leads=0, run_seconds=0.0)
    home.syncd("streams", "run", "14")
    order(home, "drain")
    text = drawn(home, "runs", columns=columns)
    known = told(home, "runs", "list")
    table, _, _ = text.partition("(too narrow for: medium")
    assert len(table.splitlines()) == len(known) + 1, text
    assert "status" in text


@pytest.mark.parametrize("columns", [48, 80])
def test_a_connector_that_is_down_waits_to_try_again(home: Home, columns: int) -> None:
    home.syncd("--once", "--limit", "1")
    home.syncd("pause", "sheet", "--for", "1h")
    home.syncd("--once", "--max-wait", "0s")
    assert "waits until it is resumed" in home.syncd("plan").out
    rows(home, "UPDATE lane SET code = 'csv_busy', by = 'syncd', until = until - 3000 WHERE kind = 'deliver'")
    for text in (drawn(home, "status", columns=columns), home.syncd("status").out):
        assert re.search(r"deliver sheet: waiting to try again in (9|10)\s+min", text)
        assert "paused" not in text
    plan = home.syncd("plan").out
    assert re.search(r"csv_busy, tries again in (9|10) min", plan)
    assert "goes on by itself" in plan
    assert "resumed" not in plan
    drawn(home, "plan", columns=columns)
