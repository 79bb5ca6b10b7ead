"""Files that somebody deletes, replaces, cuts or locks under a running daemon."""

import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from syncd.cli.exits import Exit
from tests.proof.crash.lives import finish
from tests.proof.crash.scene import CRM, SHEET, Plan, sheet
from tests.proof.crash.stage import Stage
from tests.proof.figures import record
from tests.proof.host.living import SOON, Conditions, living
from tests.support.patience import patience

FILE = Plan("daemon into a file", frozenset({SHEET}), daemon=True)
BOTH = Plan("daemon with both", frozenset({SHEET, CRM}), daemon=True)
ASIDE = "aside"


def files_of(ledger: Path) -> list[Path]:
    """The ledger's file and those beside it that belong to it."""
    return [ledger.with_name(ledger.name + suffix) for suffix in ("", "-wal", "-shm")]


def moved(ledger: Path) -> None:
    """To where somebody keeps it."""
    (ledger.parent / ASIDE).mkdir()
    for file in files_of(ledger):
        file.rename(ledger.parent / ASIDE / file.name)


def deleted_wal(ledger: Path) -> None:
    """Kept, for the test to go on with."""
    (ledger.parent / ASIDE).mkdir()
    shutil.copy(ledger, ledger.parent / ASIDE)
    wal = files_of(ledger)[1]
    wal.rename(ledger.parent / ASIDE / wal.name)


def replaced(ledger: Path) -> None:
    """By another ledger, which is in use: what it holds is in its WAL."""
    moved(ledger)
    for file in files_of(ledger):
        shutil.copy(ledger.parent / ASIDE / file.name, file)
    with closing(sqlite3.connect(ledger)) as other:
        other.execute("PRAGMA wal_autocheckpoint = 0")
        other.execute("CREATE TABLE others (it)")
        other.commit()
        for file in files_of(ledger)[:2]:
            shutil.copy(file, file.with_name(f"{file.name}.kept"))
    for file in files_of(ledger)[:2]:
        file.with_name(f"{file.name}.kept").replace(file)


@pytest.mark.parametrize("act", [moved, deleted_wal, replaced])
def test_a_ledger_that_is_another_by_now_is_not_written_to_any_more(
    stage: Stage, act: Callable[[Path], None]
) -> None:
    """Nothing is asked or sent on its word, and whoever comes after finds both as they were."""
    with living(stage, FILE) as daemon:
        daemon.until_exported()
        daemon.until(lambda: daemon.ready()[0] == 200, "it is at rest")
        ledger = daemon.scene.ledger
        act(ledger)
        asked = len(daemon.scene.world.requests)
        found = {file.name: file.read_bytes() for file in files_of(ledger)[:2] if file.exists()}
        daemon.lead()
        ended = daemon.end()
        assert ended.code == Exit.LEDGER
        assert "was deleted, moved or replaced while syncd used it" in ended.said
        assert "Traceback" not in ended.said
        assert len(daemon.scene.world.requests) == asked
        assert {file.name: file.read_bytes() for file in files_of(ledger)[:2] if file.exists()} == found
        for file in files_of(ledger):
            file.unlink(missing_ok=True)
            if (kept := ledger.parent / ASIDE / file.name).exists():
                kept.rename(file)
        finish(stage.forks, daemon.scene, audit=False)
    record("host", {"points": 1, "ledger moved": 1})


def test_the_ledger_that_took_its_place_outlives_the_end_of_the_process(stage: Stage) -> None:
    """A whole process, whose interpreter takes everything down at its end, and with it whatever is still open."""
    with stage.scene(FILE) as scene, ExitStack() as ending:
        process = subprocess.Popen(
            [sys.executable, "-m", "syncd", "--config", str(scene.config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        ending.callback(process.wait)
        ending.callback(process.kill)
        until = time.monotonic() + patience(SOON)
        while not scene.done and time.monotonic() < until:
            time.sleep(0.01)
        replaced(scene.ledger)
        found = {file.name: file.read_bytes() for file in files_of(scene.ledger)[:2]}
        process.send_signal(signal.SIGUSR1)
        assert process.wait(patience(SOON)) == Exit.LEDGER
        assert {file.name: file.read_bytes() for file in files_of(scene.ledger)[:2]} == found
    record("host", {"points": 1, "ledger moved": 1})


def test_a_lock_that_was_deleted_is_taken_anew(stage: Stage) -> None:
    with living(stage, FILE) as daemon:
        daemon.until_exported()
        lock = daemon.scene.ledger.with_name("syncd.db.lock")
        lock.unlink()
        daemon.lead()
        daemon.until_exported()
        assert lock.read_text() == f"{daemon.started.pid}\n"
        command = [sys.executable, "-m", "syncd", "--config", str(daemon.scene.config), "--once"]
        second = subprocess.run(command, capture_output=True, timeout=patience(SOON), check=False)
        assert second.returncode == Exit.HELD, second
        assert daemon.stop()[0] == 0
        daemon.scene.check_end()
    record("host", {"points": 1, "lock deleted": 1})


def test_a_ledger_that_somebody_locks_for_a_while_holds_all_up_and_nothing_is_lost(stage: Stage) -> None:
    with living(stage, BOTH, Conditions(plants=["impatient"])) as daemon:
        daemon.until_exported()
        daemon.until(lambda: daemon.ready()[0] == 200, "it is ready")
        with closing(sqlite3.connect(daemon.scene.ledger, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            daemon.lead()
            daemon.until(lambda: "ledger_busy" in daemon.ready()[1], "health says who is in the way")
            assert not daemon.scene.done
            other.execute("ROLLBACK")
        daemon.until_exported()
        daemon.until(lambda: daemon.ready()[0] == 200, "it is ready again")
        assert daemon.stop()[0] == 0
        daemon.scene.check_end()
    record("host", {"points": 1, "ledger locked": 1})


def test_a_leads_file_that_people_handle_gets_each_lead_once(stage: Stage) -> None:
    """Renamed as logs are, deleted, replaced, cut to nothing, left with half a row, its folder taken away."""
    with living(stage, FILE) as daemon:
        daemon.until_exported()
        file = daemon.scene.disk / "out" / "leads.csv"
        found = sheet(file)

        def next_lead() -> None:
            daemon.lead()
            daemon.until_exported()
            found.update(sheet(file) - Counter(found.keys()))

        for act in (rotate, delete, replace, cut, tear, take_folder):
            act(file)
            next_lead()
            assert set(sheet(file).values()) == {1}, act.__name__
        assert found == Counter(daemon.scene.ids.keys())
        assert daemon.stop()[0] == 0
        (file.parent / "lost.csv").unlink(missing_ok=True)
    record("host", {"points": 6, "file handled": 6})


def rotate(file: Path) -> None:
    file.rename(file.with_name("leads.1.csv"))


def delete(file: Path) -> None:
    file.unlink()


def replace(file: Path) -> None:
    """By a copy, as editors do."""
    copy = file.with_name("copy")
    shutil.copy(file, copy)
    copy.replace(file)


def cut(file: Path) -> None:
    file.write_bytes(b"")


def tear(file: Path) -> None:
    with file.open("ab") as end:
        end.write(b'7,1,2,"half of a ro')


def take_folder(file: Path) -> None:
    shutil.rmtree(file.parent)
