"""A ledger on a disk that is full, or cannot be written to: each tried on a real, small file system."""

import csv
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from syncd.ledger import Ledger
from syncd.simulator import Options, Running, running
from tests.support import assert_books
from tests.support.disk import fill, remount, small_disk

LEADS = 900
CONFIG = """\
[state]
url = "sqlite:///{ledger}"

[sources.main]
api_key = "ctgo_x"
base_url = "{url}/api/v2"
requests_per_minute = 60000

[connectors.sheet]
type = "csv"
path = "leads.csv"
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB."""
    with small_disk(tmp_path / "disk") as made:
        yield made


@pytest.fixture
def ctgo() -> Iterator[Running]:
    with running(Options(leads=LEADS, rate_limit=60000)) as it:
        yield it


def syncd(folder: Path, ctgo: Running, ledger: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command as a process of its own, with its configuration and CSV on another disk."""
    config = folder / "config.toml"
    config.write_text(CONFIG.format(ledger=ledger, url=ctgo.url))
    config.chmod(0o600)
    command = [sys.executable, "-m", "syncd", "--config", str(config), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_disk_that_fills_under_load_loses_nothing_and_sends_nothing_twice(
    tmp_path: Path, disk: Path, ctgo: Running
) -> None:
    sheet = tmp_path / "leads.csv"

    def on_export(_: int) -> None:
        if len(ctgo.world.exported) == 40:
            fill(disk)

    ctgo.world.on_export = on_export
    ran = syncd(tmp_path, ctgo, disk / "syncd.db", "--once")
    assert ran.returncode == 74, ran.stderr
    assert "the disk is full" in ran.stderr
    assert "Traceback" not in ran.stderr
    sent = len(ctgo.world.requests)
    assert len(ctgo.world.exported) < LEADS

    again = syncd(tmp_path, ctgo, disk / "syncd.db", "--once")
    assert again.returncode == 74, "still full"
    assert len(ctgo.world.requests) == sent, (
        "nothing may be asked or sent whose outcome could not be written down"
    )

    (disk / "filler").unlink()
    fill(disk, leave=1_000_000)
    tight = syncd(tmp_path, ctgo, disk / "syncd.db", "--once")
    assert tight.returncode == 74, "it could begin, and would be full before it is through"
    assert len(ctgo.world.requests) == sent

    (disk / "filler").unlink()
    assert syncd(tmp_path, ctgo, disk / "syncd.db", "--once").returncode == 0
    assert len(ctgo.world.exported) == LEADS
    with sheet.open(newline="") as lines:
        rows = Counter(row["id"] for row in csv.DictReader(lines))
    assert len(rows) == LEADS
    assert set(rows.values()) == {1}
    with Ledger.open(disk / "syncd.db") as ledger:
        assert_books(ledger)


def test_a_read_only_mount_is_one_sentence_before_anything_is_asked(
    tmp_path: Path, disk: Path, ctgo: Running
) -> None:
    ledger = disk / "syncd.db"
    assert syncd(tmp_path, ctgo, ledger, "--once").returncode == 0
    sent = len(ctgo.world.requests)
    remount(disk, "ro")
    try:
        ran = syncd(tmp_path, ctgo, ledger, "--once")
        assert (ran.returncode, ran.stderr.count("\n")) == (74, 1)
        assert "Read-only file system" in ran.stderr
        assert len(ctgo.world.requests) == sent
        status = syncd(tmp_path, ctgo, ledger, "status", "--json")
        assert json.loads(status.stdout)["sources"]["main"]["leads"] == {"exported": LEADS}
        assert syncd(tmp_path, ctgo, ledger, "audit").returncode == 0
        copy = syncd(tmp_path, ctgo, ledger, "backup", str(tmp_path / "copy.db"))
        assert copy.returncode == 0, copy.stderr
        for verb in (
            ["pause", "sheet"],
            ["forget", "--person", "1", "--yes"],
            ["restore", str(tmp_path / "copy.db")],
        ):
            ran = syncd(tmp_path, ctgo, ledger, *verb)
            assert ran.returncode == 74, (verb, ran.stderr)
            assert "Traceback" not in ran.stderr
    finally:
        remount(disk, "rw")
    assert syncd(tmp_path, ctgo, ledger, "--once").returncode == 0


def test_a_backup_to_a_full_disk_leaves_no_half_of_a_file(tmp_path: Path, disk: Path, ctgo: Running) -> None:
    ledger = tmp_path / "syncd.db"
    assert syncd(tmp_path, ctgo, ledger, "--once").returncode == 0
    fill(disk, leave=200_000)
    ran = syncd(tmp_path, ctgo, ledger, "backup", str(disk / "copy.db"))
    assert ran.returncode == 74
    assert "the disk is full" in ran.stderr
    assert [path.name for path in disk.iterdir()] == ["filler"]


def test_forgetting_on_a_full_disk_is_finished_by_the_next_run(
    tmp_path: Path, disk: Path, ctgo: Running
) -> None:
    ledger = disk / "syncd.db"
    assert syncd(tmp_path, ctgo, ledger, "--once").returncode == 0
    fill(disk, leave=300_000)
    with closing(Ledger.open_to_read(ledger)) as reading, reading.read() as connection:
        person = connection.exec_driver_sql("SELECT person FROM lead WHERE seq = 3").scalar()
    ran = syncd(tmp_path, ctgo, ledger, "forget", "--person", str(person), "--yes")
    assert ran.returncode == 75, ran.stderr
    assert "may hold traces" in ran.stderr
    (disk / "filler").unlink()
    done = syncd(tmp_path, ctgo, ledger, "--once")
    assert done.returncode == 0, done.stderr
    assert "traces_erased" in done.stderr
    assert str(person).encode() not in b"".join(path.read_bytes() for path in disk.glob("syncd.db*"))


def test_a_corrupted_page_stops_a_run_that_looks_for_it(tmp_path: Path, ctgo: Running) -> None:
    ledger = tmp_path / "syncd.db"
    assert syncd(tmp_path, ctgo, ledger, "--once").returncode == 0
    assert syncd(tmp_path, ctgo, ledger, "backup", str(tmp_path / "copy.db")).returncode == 0
    with closing(Ledger.open(ledger)) as opened, opened.write() as connection:
        connection.exec_driver_sql("UPDATE upkeep SET done_at = 0 WHERE name = 'check'")
        root = connection.exec_driver_sql(
            "SELECT rootpage FROM sqlite_master WHERE name = 'person'"
        ).scalar_one()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    with ledger.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * 64)
    ran = syncd(tmp_path, ctgo, ledger, "--once")
    assert ran.returncode == 74, ran.stderr
    assert "is damaged" in ran.stderr
    assert "syncd restore FILE" in ran.stderr
    sent = len(ctgo.world.requests)
    ran = syncd(tmp_path, ctgo, ledger, "--once")
    assert ran.returncode == 74, "it was found damaged, and is looked at before anything is sent"
    assert len(ctgo.world.requests) == sent
    assert syncd(tmp_path, ctgo, ledger, "audit").returncode in {2, 74}
    assert syncd(tmp_path, ctgo, ledger, "restore", str(tmp_path / "copy.db")).returncode == 0
    assert syncd(tmp_path, ctgo, ledger, "--once").returncode == 0
