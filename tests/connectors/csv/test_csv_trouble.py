"""The connector: what each trouble with the file comes to, and what `check` says."""

import errno
import fcntl
import os
import resource
from pathlib import Path

import pytest

from connectors.csv.connector import CsvConnector
from syncd.connector import Delivered, Halt, Pause
from tests.connectors.csv.csv_leads import COLUMNS, connector, delivery, ids

NEW, THERE = Delivered(created=True), Delivered(created=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "leads.csv"


def test_a_locked_file_pauses_the_lane(path: Path) -> None:
    sheet = connector(path)
    sheet.deliver([delivery(1)])
    with path.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Pause) as why:
            sheet.deliver([delivery(2)])
    assert (why.value.code, why.value.after) == ("csv_locked", 5.0)
    assert sheet.deliver([delivery(2, maybe_sent=True)]) == [NEW]


@pytest.mark.skipif(os.geteuid() != 0, reason="whoever is not root may have their file be a link")
def test_root_writes_and_reads_through_no_link(path: Path) -> None:
    theirs = path.with_name("profile.sh")
    theirs.write_text("")
    path.symlink_to(theirs)
    sheet = connector(path)
    with pytest.raises(Halt, match="it is a link, and root follows none"):
        sheet.deliver([delivery(1)])
    assert "it is a link, and root follows none" in next(iter(sheet.check())).detail
    assert theirs.read_text() == ""


def test_a_full_disk_pauses_the_lane_and_leaves_the_file_as_it_was(path: Path) -> None:
    sheet = connector(path)
    sheet.deliver([delivery(1)])
    before = path.read_bytes()
    batch = [delivery(n) for n in range(2, 50)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 1000, hard))
    try:
        first, *others = sheet.deliver(batch)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(first, Pause)
    assert (first.code, first.after) == ("csv_disk_full", 60.0)
    assert set(others) == {first}
    assert path.read_bytes() == before
    sheet.deliver([delivery(n, maybe_sent=True) for n in range(2, 50)])
    assert ids(path) == list(range(1, 50))


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (errno.EIO, Halt, "csv_disk_failed"),
        (errno.ENOSPC, Pause, "csv_disk_full"),
        (errno.EDQUOT, Pause, "csv_disk_full"),
    ],
)
def test_a_failed_sync_is_not_believed_and_its_rows_are_written_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Halt | Pause], code: str
) -> None:
    sheet = connector(path)
    sheet.deliver([delivery(1)])
    before = path.read_bytes()

    def fail(_fd: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        (why,) = sheet.deliver([delivery(2)])
    assert isinstance(why, kind)
    assert why.code == code
    assert path.read_bytes() == before
    assert sheet.deliver([delivery(2, maybe_sent=True)]) == [NEW]
    assert ids(path) == [1, 2]


@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_a_failure_after_which_rows_may_be_there_is_no_promise_that_none_are(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """What is raised promises that nothing was written; what is returned does not, and the rows are looked for."""
    sheet, real = connector(path), os.write
    sheet.deliver([delivery(1)])

    def fail(fd: int, data: object = None) -> None:
        if isinstance(data, memoryview):
            real(fd, data)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        patch.setattr(os, "ftruncate", fail)
        outcomes = sheet.deliver([delivery(2), delivery(3)])
    assert [type(it) for it in outcomes] == [Halt, Halt]
    sheet.deliver([delivery(2, maybe_sent=True), delivery(3, maybe_sent=True)])
    assert ids(path) == [1, 2, 3]


def test_a_folder_that_cannot_be_synced_is_found_before_anything_is_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    sheet = connector(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(Halt):
            sheet.deliver([delivery(1)])
    assert path.read_bytes() == b""
    sheet.deliver([delivery(1)])
    assert ids(path) == [1]


def test_what_is_found_is_synced_before_it_is_believed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connector(path).deliver([delivery(1)])
    connector(path, COLUMNS[:4]).deliver([delivery(2)])
    synced = set()
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.add(os.fstat(fd).st_ino))
    sheet = connector(path, COLUMNS[:4])
    assert sheet.deliver([delivery(1, maybe_sent=True), delivery(2, maybe_sent=True)]) == [THERE, THERE]
    assert synced == {other.stat().st_ino for other in path.parent.iterdir()}


def test_the_folder_is_synced_when_a_file_is_made(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = set()
    monkeypatch.setattr(os, "fsync", lambda fd: synced.add(os.fstat(fd).st_ino))
    connector(path).deliver([delivery(1)])
    assert path.parent.stat().st_ino in synced


def directory(path: Path) -> None:
    path.mkdir()


def queue(path: Path) -> None:
    os.mkfifo(path)


def file_for_folder(path: Path) -> None:
    path.parent.rmdir()
    path.parent.touch()


def nothing_there(path: Path) -> None:
    path.parent.rmdir()
    path.parent.parent.rmdir()


def stray_quote(path: Path) -> None:
    path.write_text('id,stream_id,segment_id,name,bio\n1,7,0,"' + "long\n" * 2**15)


@pytest.mark.parametrize(
    ("spoil", "code", "seen_by_check"),
    [
        (directory, "csv_unwritable", True),
        (queue, "csv_unwritable", True),
        (file_for_folder, "csv_unwritable", False),
        (nothing_there, "csv_no_folder", True),
        (stray_quote, "csv_damaged", False),
    ],
)
def test_what_cannot_be_written_halts_the_lane_with_a_fix(
    tmp_path: Path, spoil: object, code: str, *, seen_by_check: bool
) -> None:
    path = tmp_path / "one" / "two" / "leads.csv"
    path.parent.mkdir(parents=True)
    assert callable(spoil)
    spoil(path)
    sheet = connector(path)
    if seen_by_check:
        assert [(finding.level, finding.code) for finding in sheet.check()] == [("error", code)]
    with pytest.raises(Halt) as why:
        sheet.deliver([delivery(1)])
    assert why.value.code == code
    assert code in CsvConnector.codes
    assert str(tmp_path) in why.value.detail


# check


def test_check_says_what_will_happen_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "leads.csv"
    sheet = connector(path)
    assert [finding.level for finding in sheet.check()] == ["ok"]
    assert list(tmp_path.iterdir()) == []
    sheet.deliver([delivery(1)])
    assert [finding.level for finding in sheet.check()] == ["ok"]
    before = path.read_bytes()
    (finding,) = connector(path, ("id", "stream_id", "segment_id")).check()
    assert (finding.level, finding.code) == ("warning", "csv_header_changed")
    (finding,) = connector(path, ("handle",), key=("handle",)).check()
    assert (finding.level, finding.code) == ("error", "csv_not_ours")
    assert path.read_bytes() == before
