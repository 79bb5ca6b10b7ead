"""`retry NAME`: what waits behind a back-off goes now; a halt, a person's pause and a gate stay."""

# ruff: noqa: S608 - put together from our own words
import time

import pytest

from tests.cli.conftest import Home, MakeHome, rows

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
    told = ", ".join(f"{name} = {value!r}" for name, value in values.items())
    rows(home, "UPDATE lane SET " + told + " WHERE kind = 'deliver'")


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
