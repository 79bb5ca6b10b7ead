"""House-keeping at the end of a run, and a restore that is cut short."""

import os
from pathlib import Path
from typing import Any

import pytest

from syncd.ledger.admin import backups
from syncd.ledger.files import sync_folder
from tests.cli.conftest import HANDLES, Home, rows, told

KEPT = "SELECT count(*) FROM payload"


def age(home: Home) -> None:
    """A year passes for the ledger."""
    for table, column in (("lead", "settled_at"), ("payload", "refilled_at"), ("upkeep", "done_at")):
        rows(home, f"UPDATE {table} SET {column} = {column} - 31536000")  # noqa: S608


def test_a_run_drops_what_the_retention_says_and_a_window_gives_it_back(home: Home) -> None:
    assert home.syncd("--once").code == 0
    assert rows(home, KEPT) == [(3,)]
    age(home)
    assert home.syncd("--once").code == 0
    assert rows(home, KEPT) == [(0,)]
    [found] = told(home, "lead", str(rows(home, "SELECT lead_id FROM lead WHERE seq = 1")[0][0]))
    assert (found["state"], found["payload"]) == ("exported", None)
    assert home.syncd("--once", "--since", "2020-01-01T00:00:00Z").code == 0
    assert rows(home, KEPT) == [(3,)], "what was asked for is not dropped again by the same run"
    age(home)
    assert home.syncd("--once").code == 0
    assert rows(home, KEPT) == [(0,)]


def test_the_retention_is_the_configurations(home: Home) -> None:
    home.config.write_text(home.config.read_text() + '\n[state]\nretention = "1000d"\n')
    assert home.syncd("--once").code == 0
    age(home)
    assert home.syncd("--once").code == 0
    assert rows(home, KEPT) == [(3,)]


class Killed(BaseException):
    pass


@pytest.mark.parametrize("at", range(1, 7))
def test_a_restore_that_is_cut_short_leaves_the_old_ledger_or_the_new_one(
    home: Home, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.chdir(home.folder)
    assert home.syncd("--once").code == 0
    assert home.syncd("backup", "past.db").code == 0
    home.sim.world.add_leads(1)
    assert home.syncd("--once").code == 0
    count = 0

    def seam(act: Any) -> Any:
        def step(*arguments: Any) -> Any:
            nonlocal count
            count += 1
            if count == at:
                raise Killed
            return act(*arguments)

        return step

    with monkeypatch.context() as patched:
        patched.setattr(backups, "_fold", seam(backups._fold))
        patched.setattr(backups, "sync_folder", seam(sync_folder))
        patched.setattr(os, "link", seam(os.link))
        patched.setattr(Path, "replace", seam(Path.replace))
        killed = False
        try:
            home.syncd("restore", "past.db")
        except Killed:
            killed = True
    assert killed == (count >= at)
    restored = 0 if at < 5 and killed else 1
    assert rows(home, "SELECT count(*) FROM action WHERE verb = 'restore'") == [(restored,)]
    assert rows(home, "SELECT count(*) FROM lead") == [(4,)], "what was exported since is carried over"
    assert home.syncd("audit").code == 0
    assert home.syncd("--once").code == 0
    assert rows(home, "SELECT count(*) FROM lead") == [(4,)]
    text = (home.folder / "leads.csv").read_text()
    assert len(text.splitlines()) == 5, text


def daily(home: Home, *lines: str) -> None:
    """Configure daily backups."""
    home.config.write_text("\n".join((home.config.read_text(), "[state]", 'backup = "daily"', *lines)))


def test_a_run_makes_the_daily_backup_and_status_tells_its_age(home: Home) -> None:
    assert home.syncd("--once").code == 0
    assert "backup" not in home.syncd("status").out
    daily(home)
    assert "last backup: never" in home.syncd("status").out
    assert home.syncd("--once").code == home.syncd("--once").code == 0
    (file,) = (home.folder / "backups").iterdir()
    assert "last backup: 20" in home.syncd("status").out
    assert told(home, "status")["upkeep"]["backup"]["done_at"]
    assert home.syncd("status", "--check").code == 0
    (handle, _), *_ = rows(home, HANDLES)
    forgotten = told(home, "forget", "--handle", handle, "--yes")
    assert [it["file"] for it in forgotten["backups"]] == [str(file)]


def test_a_backup_by_hand_is_told_where_none_is_asked_for(home: Home) -> None:
    assert home.syncd("--once").code == 0
    assert home.syncd("backup", str(home.folder / "by-hand.db")).code == 0
    assert "last backup: 20" in home.syncd("status").out
    assert not (home.folder / "backups").exists()


def test_a_daily_backup_that_fails_is_told_and_exits_with_75(home: Home) -> None:
    (home.folder / "copies").write_text("no folder")
    daily(home, 'backup_folder = "copies"')
    assert home.syncd("--once").code == 0
    text = home.syncd("status").out
    assert "the daily backup failed 20" in text
    assert f"Cannot write {home.folder / 'copies'}" in text
    assert "(backup_failed)" in text
    assert home.syncd("status", "--check").code == 75
    assert "every hour" in home.syncd("explain", "backup_failed").out


def test_a_number_of_backups_below_one_is_a_mistake(home: Home) -> None:
    daily(home, "backups_kept = 0")
    assert home.syncd("status").code == 78
