"""The engine backs its ledger up each day: whole copies for their owner alone, and no file of anybody else's is touched."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from syncd.engine.daily_backup import AGAIN_AFTER, ROOM, DailyBackup
from syncd.engine.housekeeping import DAY
from syncd.ledger import Ledger, history
from syncd.ledger.admin.backups import part_of
from syncd.ledger.admin.restoration import bring_up_to_now
from syncd.settings.models import State
from tests.support import Bench
from tests.support.disk import fill, small_disk


@pytest.fixture
def backed(bench: Bench) -> Bench:
    """Five leads, delivered."""
    bench.ctgo(leads=5)
    bench.place()
    bench.once()
    return bench


def keep(bench: Bench, after: float = 0.0, **options: object) -> list[Path]:
    """Look for what is due, so many seconds later; the files that are there then, oldest first."""
    bench.clock.advance(after)
    state = State.model_validate({"url": f"sqlite:///{bench.path}", **options})
    DailyBackup(bench.ledger, bench.clock, bench.log, state).keep()
    return sorted(state.backups.iterdir())


def done(bench: Bench) -> set[str]:
    with bench.ledger.read() as connection:
        return {name for name in history.done(connection) if name.startswith("backup")}


def own(bench: Bench) -> list[Path]:
    with bench.ledger.read() as connection:
        return sorted(history.own_backups(connection))


def failure(bench: Bench) -> str:
    with bench.ledger.read() as connection:
        return history.done(connection)["backup_failed"].detail


def test_a_backup_is_whole_and_for_its_owner_alone(backed: Bench) -> None:
    old = os.umask(0)
    try:
        (file,) = keep(backed)
    finally:
        os.umask(old)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM lead").fetchone() == (5,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert done(backed) == {"backup"}
    assert [it["file"] for it in backed.log.named("backup_made")] == [str(file)]


def test_there_is_one_a_day_and_the_oldest_of_too_many_goes(backed: Bench) -> None:
    first = keep(backed, backups_kept=3)
    assert keep(backed, DAY / 2, backups_kept=3) == first
    for _ in range(4):
        files = keep(backed, DAY, backups_kept=3)
    assert len(files) == 3
    assert first[0] not in files
    assert own(backed) == files


def test_a_day_of_looks_makes_one_backup_and_each_at_the_same_hour(backed: Bench) -> None:
    keep(backed)
    for _ in range(3 * 24):
        files = keep(backed, AGAIN_AFTER)
    assert len({file.name[-11:-6] for file in files}) == 1
    assert len(files) == 4


def test_a_backup_that_somebody_deleted_is_made_anew(backed: Bench) -> None:
    (file,) = keep(backed)
    file.unlink()
    assert len(keep(backed, AGAIN_AFTER)) == 1


def test_a_clock_that_was_set_back_keeps_no_backup_from_being_made(backed: Bench) -> None:
    keep(backed)
    backed.clock.jump(-30 * DAY)
    assert len(keep(backed)) == 2


def test_files_of_others_stay(backed: Bench) -> None:
    (first,) = keep(backed, backups_kept=1)
    foreign = first.with_name("syncd-20200101T000000Z.db")
    foreign.write_text("mine")
    keep(backed, DAY, backups_kept=1)
    assert foreign.read_text() == "mine"
    assert not first.exists()


def test_no_file_is_written_over(backed: Bench) -> None:
    (first,) = keep(backed)
    backed.clock.advance(DAY)
    state = State(url=f"sqlite:///{backed.path}")
    backups = DailyBackup(backed.ledger, backed.clock, backed.log, state)
    first.rename(first.with_name("elsewhere"))
    backups.keep()
    (made,) = (file for file in first.parent.iterdir() if file.name != "elsewhere")
    made.write_text("mine")
    with backed.ledger.write() as connection:
        history.clear_backup(connection, made)
    backups.keep()
    assert made.read_text() == "mine"
    assert f"{made} exists" in failure(backed)
    assert own(backed) == [first]


def test_a_failure_is_logged_and_kept_until_a_backup_is_made(backed: Bench) -> None:
    place = backed.path.with_name("copies")
    place.write_text("a file where the folder should be")
    state = State(url=f"sqlite:///{backed.path}", backup_folder=str(place))
    backups = DailyBackup(backed.ledger, backed.clock, backed.log, state)
    backups.keep()
    assert failure(backed).startswith(f"Cannot write {place}/")
    assert backed.log.named("backup_failed") == [{"detail": failure(backed)}]
    assert own(backed) == []
    place.unlink()
    backups.keep()
    assert done(backed) == {"backup"}


def test_the_folder_of_a_disk_that_is_not_there_is_not_made(backed: Bench) -> None:
    place = backed.path.with_name("mount") / "backups"
    state = State(url=f"sqlite:///{backed.path}", backup_folder=str(place))
    DailyBackup(backed.ledger, backed.clock, backed.log, state).keep()
    assert not place.parent.exists()
    assert "No such file or directory" in failure(backed)


@pytest.mark.parametrize(("room", "told"), [(ROOM, "a backup needs"), (-(1 << 40), "the disk is full")])
def test_a_full_disk_is_reported_and_nothing_is_left_on_it(
    backed: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, told: str
) -> None:
    monkeypatch.setattr("syncd.engine.daily_backup.ROOM", room)
    with small_disk(tmp_path / "disk") as disk:
        state = State(url=f"sqlite:///{backed.path}", backup_folder=str(disk))
        filler = fill(disk, leave=32 * 1024)
        backups = DailyBackup(backed.ledger, backed.clock, backed.log, state)
        backups.keep()
        assert told in failure(backed)
        assert list(disk.iterdir()) == [filler]
        assert own(backed) == []
        filler.unlink()
        monkeypatch.setattr("syncd.engine.daily_backup.ROOM", 0)
        backups.keep()
        assert done(backed) == {"backup"}


def test_what_a_killed_backup_left_is_deleted_by_the_next(backed: Bench) -> None:
    (file,) = keep(backed)
    file.unlink()
    part = part_of(backed.path, file)
    part.write_text("half of a ledger")
    assert part not in keep(backed, AGAIN_AFTER)


def test_a_restored_ledger_knows_the_backups_that_were_made_since(backed: Bench) -> None:
    (first,) = keep(backed)
    keep(backed, DAY)
    with Ledger.open(first) as restored:
        bring_up_to_now(restored, backed.path, backed.clock.now(), who="me", name=str(first))
        with restored.read() as connection:
            assert sorted(history.own_backups(connection)) == own(backed)
