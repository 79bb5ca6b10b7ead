"""House-keeping at the end of a run, and a restore that is cut short."""

import os
from pathlib import Path
from typing import Any

import pytest

from syncd.ledger.admin import backups
from syncd.ledger.files import sync_folder
from tests.cli.conftest import Home, rows, told

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
