"""Who has a hand in what a path leads to: on real folders, with real modes, owners and links."""

import grp
import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.file_access import hand_in, others_read

US = {0, os.getuid()}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def test_what_only_its_owner_and_root_may_change_is_in_nobodys_hand(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch(0o600)
    assert hand_in(file, US) == ""
    assert hand_in(tmp_path / "none" / "file", US) == ""
    assert hand_in(file / "below a file", US) == ""
    assert hand_in(Path("/"), US) == ""


@pytest.mark.parametrize(("mode", "safe"), [(0o755, True), (0o757, False), (0o777, False), (0o1777, True)])
def test_a_folder_for_all_is_in_everybodys_hand_unless_it_is_sticky(
    tmp_path: Path, mode: int, *, safe: bool
) -> None:
    folder = tmp_path / "open"
    (folder / "ours").mkdir(parents=True)
    folder.chmod(mode)
    assert hand_in(folder / "ours" / "file", US) == ("" if safe else str(folder))


def test_a_free_name_in_a_sticky_folder_is_whoevers_who_comes_first(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    assert hand_in(tmp_path / "free", US) == str(tmp_path)


def test_a_file_that_all_may_write_is_theirs(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    file.chmod(0o602)
    assert hand_in(file, US) == str(file)


def test_links_are_followed_through_what_they_lead_over(tmp_path: Path) -> None:
    (tmp_path / "open" / "inner").mkdir(parents=True)
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to(tmp_path / "open" / ".." / "open" / "inner")
    assert hand_in(tmp_path / "one" / "file", US) == str(tmp_path / "open")


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    assert hand_in(tmp_path / "one" / "file", US) == ""


@needs_root
def test_a_group_is_nobody_else_only_when_it_is_roots_or_the_owners_own(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    os.chown(folder, 0, 0)
    folder.chmod(0o770)
    assert hand_in(folder / "file", {0}) == ""
    os.chown(folder, 0, 61234)
    folder.chmod(0o770)
    assert hand_in(folder / "file", {0}) == str(folder)


@needs_root
@pytest.mark.parametrize("what", ["folder", "link", "file"])
def test_what_belongs_to_somebody_else_is_in_their_hand(tmp_path: Path, what: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").touch()
    (tmp_path / "link").symlink_to("real")
    theirs = {"folder": tmp_path / "real", "link": tmp_path / "link", "file": tmp_path / "real" / "file"}[
        what
    ]
    os.chown(theirs, 61234, 61234, follow_symlinks=False)
    assert hand_in(tmp_path / "link" / "file", {0}) == str(theirs)
    assert hand_in(tmp_path / "link" / "file", {0, 61234}) == ""


@pytest.fixture
def shown() -> Iterator[Path]:
    """A file in a folder that everybody comes to, as they do not to pytest's."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        file = Path(made, "file")
        file.touch(0o600)
        file.parent.chmod(0o755)
        yield file


@pytest.mark.parametrize(
    ("folder", "mode", "read"),
    [(0o755, 0o604, True), (0o755, 0o600, False), (0o755, 0o640, False), (0o701, 0o604, True), (0o700, 0o644, False)],
)  # fmt: skip
def test_others_read_what_is_open_and_can_be_come_to(
    shown: Path, folder: int, mode: int, *, read: bool
) -> None:
    shown.chmod(mode)
    shown.parent.chmod(folder)
    assert others_read(shown, os.geteuid()) is read
    link = shown.with_name("link")
    link.symlink_to(shown)
    assert others_read(link, os.geteuid()) is read, "by what it leads to"


@needs_root
def test_a_group_reads_for_others_unless_it_is_the_users_own(shown: Path) -> None:
    user = next(it for it in pwd.getpwall() if it.pw_uid and it.pw_name == group_of(it.pw_gid))
    shown.chmod(0o640)
    os.chown(shown, 0, user.pw_gid)
    assert (others_read(shown, user.pw_uid), others_read(shown, 0)) == (False, True)
    os.chown(shown, 0, 61234)
    assert others_read(shown, 0)


def group_of(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""
