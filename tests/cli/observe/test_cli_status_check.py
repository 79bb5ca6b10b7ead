"""`status --check` exits by the worst thing, and `status --watch` draws it again until Ctrl-C."""

import os
from pathlib import Path

import pytest

from syncd.cli.exits import Exit
from syncd.ledger.database import EngineLock
from syncd.verbs import engine_holder
from tests.cli.conftest import KEY, Home, MakeHome, order, rows, told
from tests.cli.terminal import on_terminal
from tests.support.disk import fill, small_disk


def check(home: Home) -> int:
    assert home.syncd("status").code == 0
    return home.syncd("status", "--check").code


def test_all_is_well_and_a_pause_by_hand_is_no_trouble(home: Home) -> None:
    home.syncd("--once")
    assert check(home) == 0
    home.syncd("pause", "sheet")
    assert check(home) == 0
    assert told(home, "status", "--check")["exit"] == 0
    assert "exit" not in told(home, "status")


def test_rejected_leads_are_1_and_a_halted_connector_75(make_home: MakeHome) -> None:
    home = make_home(leads=20, malformed_rate=0.5)
    home.syncd("--once")
    assert check(home) == Exit.REJECTED
    home.connectors["sheet"] = 'type = "csv"\npath = "config.toml/leads.csv"'
    home.configure()
    home.sim.world.add_leads(3)
    home.syncd("--once", "--max-wait", "0s")
    assert check(home) == Exit.WORK_LEFT


def test_a_refused_key_is_77(home: Home) -> None:
    order(home, "revoke", key=KEY)
    home.syncd("--once", "--max-wait", "0s")
    assert check(home) == Exit.KEY_REFUSED


def test_a_lane_counts_once_it_has_failed_three_times_in_a_row(home: Home) -> None:
    home.configure("http://127.0.0.1:9/api/v2")
    home.syncd("--once", "--max-wait", "0s")
    rows(home, "UPDATE lane SET failures = 2, until = until + 600 WHERE kind = 'pull'")
    assert check(home) == 0
    assert "pull main: waiting to try again in 10 min" in home.syncd("status").out
    rows(home, "UPDATE lane SET failures = 3 WHERE kind = 'pull'")
    assert check(home) == Exit.UNREACHABLE


def test_a_full_disk_is_74(tmp_path: Path, home: Home) -> None:
    with small_disk(tmp_path / "disk") as disk:
        home.config.write_text(f'{home.config.read_text()}\n[state]\nurl = "sqlite:///{disk}/syncd.db"\n')
        assert home.syncd("--once").code == 0
        fill(disk, leave=500_000)
        assert check(home) == Exit.LEDGER


def test_an_engine_whose_pull_is_late_is_69(home: Home) -> None:
    home.syncd("--once")
    rows(home, "UPDATE source SET pulled_at = pulled_at - 86400")
    with EngineLock(home.ledger):
        assert check(home) == 0, "it has only just begun"
        began = engine_holder.read_at(home.ledger) - 3600
        os.utime(f"{home.ledger}.lock", (began, began))
        assert check(home) == Exit.UNREACHABLE
        assert "main: its pull is late" in home.syncd("status").out
        home.syncd("pause", "main")
        assert check(home) == 0
    home.syncd("resume", "main")
    assert check(home) == 0, "no engine runs, and none is expected"


def test_a_service_that_is_installed_and_does_not_run_is_69(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.syncd("--once")
    unit, timer = tmp_path / "syncd.service", tmp_path / "syncd-once.timer"
    unit.touch()
    monkeypatch.setattr(engine_holder, "UNIT", unit)
    monkeypatch.setattr(engine_holder, "TIMER", timer)
    assert check(home) == 0, "it is the service of another configuration"
    monkeypatch.setattr(engine_holder, "SYSTEM_CONFIG", home.config)
    assert check(home) == Exit.UNREACHABLE
    assert home.syncd("status").out.startswith("The service syncd is installed, but it does not run.")
    with EngineLock(home.ledger):
        assert check(home) == 0
    timer.symlink_to(unit)
    assert check(home) == 0, "a timer runs it now and then"


def test_watch_draws_again_until_ctrl_c(home: Home) -> None:
    home.syncd("--once")
    arguments = ("--config", str(home.config), "status", "--watch", "0.1")
    code, drawn = on_terminal(*arguments, until=lambda seen: seen.count("connector") >= 3)
    assert code == 0
    assert drawn.count("\x1b[H") >= 3
    assert "Traceback" not in drawn


def test_watch_needs_a_terminal_and_seconds_need_watch(home: Home) -> None:
    home.syncd("--once")
    assert home.syncd("status", "--watch").code == Exit.USAGE
    assert home.syncd("status", "5").code == Exit.USAGE
