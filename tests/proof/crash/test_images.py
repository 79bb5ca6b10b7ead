"""What a cut may leave, on logs made by hand."""

import random

import pytest

from tests.proof.crash.images import Change, Disk, Sent, applied, requests, sectors
from tests.proof.crash.shim.preload import Call, Entry

CHANCE = random.Random(1)  # noqa: S311


def entry(call: Call, path: str = "", other: str = "", data: bytes = b"", at: int = 0) -> Entry:
    return Entry(call, f"/root/{path}".rstrip("/"), other and f"/root/{other}", data, at)


def disk(*log: Entry) -> Disk:
    made = Disk("/root", {"old": b"old"})
    for it in log:
        made.happen(it)
    return made


def left(made: Disk, times: int = 200) -> set[tuple[tuple[str, bytes | None], ...]]:
    return {tuple(sorted(made.image(CHANCE, "torn").items())) for _ in range(times)}


def test_a_write_may_be_lost_until_it_is_synced() -> None:
    log = [entry(Call.WRITE, "old", data=b"new")]
    assert disk(*log).image(CHANCE, "lost") == {"old": b"old"}
    assert disk(*log).image(CHANCE, "kept") == {"old": b"new"}
    assert disk(*log, entry(Call.SYNC, "old")).image(CHANCE, "lost") == {"old": b"new"}


def test_writes_that_were_not_synced_are_kept_in_any_order_and_torn_between_sectors() -> None:
    made = disk(
        entry(Call.WRITE, "old", data=b"a" * 1024, at=0),
        entry(Call.WRITE, "old", data=b"b", at=1024),
    )
    found = {dict(image)["old"] for image in left(made)}
    assert b"a" * 512 + b"\0" * 512 + b"b" in found
    assert b"old" + b"\0" * 509 + b"a" * 512 in found
    assert b"old" in found
    assert b"old" + b"\0" * 1022 in found, "its size was written down, its bytes were not"
    assert b"a" * 1024 + b"b" in found


def test_a_name_may_be_lost_until_its_folder_is_synced_whatever_became_of_the_file() -> None:
    log = [entry(Call.CREATE, "new"), entry(Call.WRITE, "new", data=b"x"), entry(Call.SYNC, "new")]
    assert disk(*log).image(CHANCE, "lost") == {"old": b"old"}
    assert disk(*log, entry(Call.SYNC)).image(CHANCE, "lost") == {"old": b"old", "new": b"x"}


def test_a_file_is_not_there_without_its_folder() -> None:
    log = [entry(Call.MKDIR, "a"), entry(Call.CREATE, "a/b"), entry(Call.SYNC, "a")]
    assert disk(*log).image(CHANCE, "lost") == {"old": b"old"}
    assert disk(*log).image(CHANCE, "kept") == {"old": b"old", "a": None, "a/b": b""}


def test_a_rename_is_done_or_not_and_names_of_a_folder_come_in_order() -> None:
    made = disk(entry(Call.CREATE, "new"), entry(Call.RENAME, "new", "old"))
    assert {tuple(dict(image).items()) for image in left(made)} == {
        (("old", b"old"),),
        (("new", b""), ("old", b"old")),
        (("old", b""),),
    }


def test_a_file_that_was_cut_may_be_whole_after_all() -> None:
    made = disk(entry(Call.TRUNCATE, "old", at=1))
    assert {dict(image)["old"] for image in left(made)} == {b"old", b"o"}


def test_a_link_is_the_same_file() -> None:
    made = disk(entry(Call.LINK, "old", "copy"), entry(Call.WRITE, "copy", data=b"new"))
    assert all(len(set(dict(image).values())) == 1 for image in left(made))


@pytest.mark.parametrize(
    ("change", "after"),
    [(Change(5, b"x"), b"abc\0\0x"), (Change(1, b"x"), b"axc"), (Change(1, None), b"a")],
)
def test_what_a_change_makes_of_a_file(change: Change, after: bytes) -> None:
    assert applied(b"abc", change) == after


def test_sectors_are_cut_where_the_disk_has_them() -> None:
    assert [(part.at, len(part.data or b"")) for part in sectors(500, b"x" * 600)] == [
        (500, 12),
        (512, 512),
        (1024, 76),
    ]


def test_requests_are_read_out_of_what_was_sent() -> None:
    def sent(data: bytes, fd: int = 3) -> Entry:
        return Entry(Call.SEND, "", "", data, fd)

    log = [
        Entry(Call.CONNECT, "", "", b"", 3),
        sent(b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\n"),
        sent(b"GET /b HTTP/1.1\r\n\r\n", fd=4),
        sent(b"ok"),
        sent(b"GET /c HTTP/1.1\r\nHost"),
        Entry(Call.CONNECT, "", "", b"", 3),
        sent(b"GET /d HTTP/1.1\r\n\r\n"),
    ]
    assert requests(log) == [
        Sent("POST", "/a", b"ok", whole=True),
        Sent("GET", "/b", b"", whole=True),
        Sent("GET", "/c", b"", whole=False),
        Sent("GET", "/d", b"", whole=True),
    ]
