"""`retry`: what waits behind a back-off is listed, and goes now if it is named; a halt, a person's pause and a gate stay."""

# ruff: noqa: S608 - put together from our own words
import re
import time
from datetime import datetime

import pytest

from syncd.ledger.database import EngineLock
from tests.cli.conftest import Home, MakeHome, rows, told

LATER = "due_at = {at}, waits_from = {now}, attempts = 3, code = 'unreachable', detail = 'nobody answers'"


@pytest.fixture
def home(make_home: MakeHome) -> Home:
    """Ten deliveries that were tried three times, and whose next try is in an hour."""
    home = make_home(leads=11)
    home.syncd("--once", "--limit", "1")
    home.syncd("pause", "sheet")
    home.syncd("--once", "--max-wait", "0s")
    home.syncd("resume", "sheet")
    now = time.time()
    rows(home, "UPDATE delivery SET " + LATER.format(at=now + 3600, now=now) + " WHERE state = 'pending'")
    return home


def stop(home: Home, **values: object) -> None:
    new = ", ".join(f"{name} = {value!r}" for name, value in values.items())
    rows(home, "UPDATE lane SET " + new + " WHERE kind = 'deliver'")


def due(home: Home) -> int:
    found = [at for (at,) in rows(home, "SELECT due_at FROM delivery WHERE state = 'pending' AND held = ''")]
    return sum(at <= time.time() for at in found)


def test_they_are_due_now_and_the_number_is_told(home: Home) -> None:
    assert due(home) == 0
    assert home.syncd("retry", "sheet").out.splitlines() == [
        "10 rows are tried now for connector sheet.",
        "No engine is running; to continue: syncd --once",
    ]
    assert due(home) == 10
    assert rows(home, "SELECT DISTINCT attempts FROM delivery WHERE state = 'pending'") == [(3,)], (
        "no attempt is given back"
    )
    assert home.syncd("--once").code == 0
    assert home.syncd("retry", "sheet").out == "Nothing waits to be tried again for connector sheet.\n"
    assert rows(home, "SELECT verb, name, detail FROM action")[-1] == ("retry", "sheet", "10 tried now")


def test_a_lane_that_waits_itself_goes_on(home: Home) -> None:
    now = time.time()
    stop(home, status="paused", code="unreachable", detail="nobody answers", since=now, until=now + 3600)
    out = home.syncd("retry", "sheet").out
    assert "deliver sheet no longer waits: nobody answers (unreachable)" in out
    assert "10 rows are tried now" in out
    assert rows(home, "SELECT status FROM lane WHERE kind = 'deliver'") == [("open",)]


@pytest.mark.parametrize(("status", "code"), [("halted", "csv_not_ours"), ("paused", "paused_by_hand")])
def test_a_halt_and_a_pause_by_hand_stay(home: Home, status: str, code: str) -> None:
    stop(home, status=status, code=code, since=time.time())
    out = home.syncd("retry", "sheet").out
    assert f"deliver sheet is {status} since" in out
    assert "syncd resume sheet" in out
    assert (due(home), rows(home, "SELECT status FROM lane WHERE kind = 'deliver'")) == (0, [(status,)])


def test_a_gate_stays(home: Home) -> None:
    rows(home, "UPDATE delivery SET held = 'gate' WHERE state = 'pending'")
    assert home.syncd("retry", "sheet").out == "Nothing waits to be tried again for connector sheet.\n"


def test_without_a_name_it_lists_what_waits_and_the_command_that_tries_it(home: Home) -> None:
    rows(home, "UPDATE delivery SET code = 'hubspot_busy', due_at = due_at + 60 WHERE id IN (2, 3)")
    header, soon, late, *rest = home.syncd("retry").out.splitlines()
    assert header.split("  ")[0] == "lane"
    assert re.fullmatch(r"deliver sheet +8  unreachable +in (59 min \d+ s|1 h)", soon)
    assert re.fullmatch(r"deliver sheet +2  hubspot_busy +in 1 h( \d+ s| 1 min)?", late)
    none = "No engine is running; the next run tries them"
    assert rest == [f"{none} again when their time has come. To try them before it:", "  syncd retry sheet"]
    with EngineLock(home.ledger):
        assert "They are tried again when their time has come." in home.syncd("retry").out
    assert due(home) == 0, "a list changes nothing"
    home.syncd("retry", "sheet")
    assert home.syncd("retry").out == "Nothing waits to be tried again.\n"


def test_a_script_reads_the_list_as_json(home: Home) -> None:
    (it,) = told(home, "retry")
    at = datetime.fromisoformat(it.pop("next_try")).timestamp()
    assert 3500 < at - time.time() <= 3600
    assert it == {"kind": "deliver", "name": "sheet", "code": "unreachable", "rows": 10}
    assert home.syncd("retry", "sheet", "--json").code == 64


def test_the_list_has_a_lane_that_waits_itself_once_with_all_its_rows(home: Home) -> None:
    now = time.time()
    stop(home, status="paused", code="slow", detail="it asked for that", since=now, until=now + 600)
    assert [(it["code"], it["rows"]) for it in told(home, "retry")] == [("slow", 10)]
    rows(home, "UPDATE lane SET since = since - 900, until = until - 900 WHERE kind = 'deliver'")
    assert [it["code"] for it in told(home, "retry")] == ["unreachable"], "its own wait is over"
    rows(home, "UPDATE delivery SET due_at = 0 WHERE id > 8")
    assert [(it["code"], it["rows"]) for it in told(home, "retry")] == [("slow", 3), ("unreachable", 7)]
    assert re.search(r"^deliver sheet +3  slow +now$", home.syncd("retry").out, re.MULTILINE)


def test_the_list_has_a_pull_that_waits(home: Home) -> None:
    now = time.time()
    query = "INSERT OR REPLACE INTO lane (kind, name, status, code, detail, by, since, until, probing, failures, delivered, alike_code, alike)"
    rows(home, query + " VALUES ('pull', 'main', 'paused', 'unreachable', '', 'syncd', ?, ?, 0, 1, 0, '', '[]')", now, now + 60)  # fmt: skip
    assert [(it["kind"], it["rows"]) for it in told(home, "retry")] == [("pull", 0), ("deliver", 10)]
    assert "  syncd retry main\n  syncd retry sheet\n" in home.syncd("retry").out


@pytest.mark.parametrize(("status", "code"), [("halted", "csv_not_ours"), ("paused", "paused_by_hand")])
def test_the_list_says_what_stands_for_another_reason(home: Home, status: str, code: str) -> None:
    stop(home, status=status, code=code, since=time.time())
    nothing, stopped = home.syncd("retry").out.splitlines()
    assert nothing == "Nothing waits to be tried again."
    assert f"deliver sheet is {status} since" in stopped
    assert stopped.endswith("syncd resume sheet")
