"""A kill at any byte of a write, or before any system call, leaves each lead exactly once."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from syncd.connector import Delivery
from tests.connectors.csv.csv_leads import COLUMNS, connector, delivery, ids, rows

AWKWARD = [
    {"bio": 'She said "hi", twice: ""'},
    {"name": "two\r\nlines\nand, a comma", "bio": "ends in a line end\r\n"},
    {"name": "مرحبا 😀", "bio": "李小龍"},
    {"name": '"', "bio": '""'},
    {"name": "=1+1", "bio": ""},
]
KILLED = 9


def batch(*, maybe_sent: bool, first: int = 10) -> list[Delivery]:
    return [delivery(first + n, maybe_sent=maybe_sent, **fields) for n, fields in enumerate(AWKWARD)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "leads.csv"


def written(path: Path, earlier: int) -> tuple[bytes, bytes]:
    """The file before a batch, with so many rows, and the bytes that the batch adds."""
    sheet = connector(path)
    before = b""
    if earlier:
        sheet.deliver([delivery(n) for n in range(1, earlier + 1)])
        before = path.read_bytes()
    sheet.deliver(batch(maybe_sent=False))
    return before, path.read_bytes()[len(before) :]


@pytest.mark.parametrize("earlier", [0, 2])
def test_a_write_torn_at_any_byte_is_healed_when_it_is_sent_again(path: Path, earlier: int) -> None:
    before, added = written(path, earlier)
    whole = rows(path)
    for n in range(len(added) + 1):
        path.write_bytes(before + added[:n])
        connector(path).deliver(batch(maybe_sent=True))
        assert rows(path) == whole, added[:n]
    assert [other.name for other in path.parent.iterdir()] == ["leads.csv"]


def test_a_write_torn_at_any_byte_is_healed_when_only_one_of_its_leads_comes_first(path: Path) -> None:
    before, added = written(path, 2)
    whole = sorted(rows(path))
    # One byte cannot be told: after the first of two quotes at the end of a last cell. See `connectors.csv.rows`.
    ambiguous = {n for n in range(len(added)) if added[:n].endswith(b'"') and added[n : n + 1] == b'"'}
    for n in set(range(len(added) + 1)) - ambiguous:
        path.write_bytes(before + added[:n])
        sheet = connector(path)
        again = batch(maybe_sent=True)
        sheet.deliver(again[-1:])
        sheet.deliver(again[:-1])
        assert sorted(rows(path)) == whole, added[:n]


def test_a_write_torn_at_any_byte_is_healed_under_another_mapping(path: Path) -> None:
    before, added = written(path, 2)
    for n in range(len(added) + 1):
        path.write_bytes(before + added[:n])
        again = [delivery(10 + n, maybe_sent=True, bio=f"another bio {n}") for n in range(len(AWKWARD))]
        connector(path).deliver(again)
        assert ids(path) == [1, 2, 10, 11, 12, 13, 14], added[:n]
        known = {fields.get("bio", "plain") for fields in AWKWARD} | {"plain"}
        assert all(row[4] in known or row[4].startswith("another bio") for row in rows(path)), added[:n]


def test_a_write_torn_at_any_byte_is_healed_under_another_header(path: Path) -> None:
    before, added = written(path, 2)
    for n in range(len(added) + 1):
        restore(path, before + added[:n])
        connector(path, COLUMNS[:4]).deliver(batch(maybe_sent=True))
        files = [other for other in path.parent.iterdir() if other.suffix == ".csv"]
        assert ids(*files) == [1, 2, 10, 11, 12, 13, 14], added[:n]


def watched(act: Callable[[], object], see: Callable[[str], None]) -> None:
    """Run `act`; `see` is told the name of each system call just before it happens."""

    def profile(_frame: FrameType, event: str, function: object) -> None:
        if event == "c_call" and getattr(function, "__module__", "") in ("posix", "fcntl"):
            see(str(getattr(function, "__name__", "")))

    sys.setprofile(profile)
    try:
        act()
    finally:
        sys.setprofile(None)


def killed_before(number: int, act: Callable[[], object]) -> bool:
    """Run `act` in a child that dies before its n-th system call; False when it finished before that."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED
    calls = 0

    def count(_name: str) -> None:
        nonlocal calls
        calls += 1
        if calls > number:
            os._exit(KILLED)

    try:
        watched(act, count)
    finally:
        os._exit(0)


def kills(act: Callable[[], object]) -> Iterator[int]:
    """Each place to die, from the first to the last; the caller looks after each."""
    number = 0
    while killed_before(number, act):
        yield number
        number += 1


def restore(path: Path, image: bytes | None) -> None:
    """The folder as it was at the start."""
    for other in path.parent.iterdir():
        other.unlink()
    if image is not None:
        path.write_bytes(image)


def torn_ours(path: Path) -> None:
    written(path, 2)
    os.truncate(path, path.stat().st_size - 4)


def torn_foreign(path: Path) -> None:
    written(path, 2)
    with path.open("ab") as text:
        text.write(b'99,7,"someone')


def unended(path: Path) -> None:
    written(path, 2)
    with path.open("ab") as text:
        text.write(b"99,7,0,by,hand")


def another_header(path: Path) -> None:
    connector(path, COLUMNS[:4]).deliver([delivery(1), delivery(2), *batch(maybe_sent=False)[:2]])
    with path.open("ab") as text:
        text.write(b'12,7,0,"torn')


def nothing(path: Path) -> None:
    assert not path.exists()


@pytest.mark.parametrize("start", [nothing, torn_ours, torn_foreign, unended, another_header])
def test_a_kill_before_any_system_call_loses_nothing(path: Path, start: Callable[[Path], None]) -> None:
    start(path)
    image = path.read_bytes() if path.exists() else None
    points = 0

    def act() -> object:
        return connector(path).deliver(batch(maybe_sent=image is not None))

    restore(path, image)
    for _ in kills(act):
        points += 1
        connector(path).deliver(batch(maybe_sent=True))
        files = [other for other in path.parent.iterdir() if other.suffix == ".csv"]
        by_hand = [99] if start is unended else []
        assert ids(*files) == [*([1, 2] if image else []), 10, 11, 12, 13, 14, *by_hand]
        if start is torn_foreign:
            assert b'99,7,"someone' in path.with_name("leads.csv.torn").read_bytes()
        restore(path, image)
    assert points > 5


def test_what_is_kept_aside_is_durable_before_it_is_cut(path: Path) -> None:
    torn_foreign(path)
    calls: list[str] = []
    watched(lambda: connector(path).deliver(batch(maybe_sent=True)), calls.append)
    cut = calls.index("ftruncate")
    assert calls[:cut].count("fsync") == 2  # the copy, and the folder that it is in
    assert "fdatasync" in calls[cut:]


def test_a_file_renamed_while_it_is_being_locked_is_not_written_to(path: Path) -> None:
    sheet = connector(path)
    sheet.deliver([delivery(1)])
    away = path.with_name("away.csv")

    def interfere(name: str) -> None:
        if name == "flock" and not away.exists():
            path.rename(away)

    watched(lambda: sheet.deliver([delivery(2)]), interfere)
    assert (ids(away), ids(path)) == ([1], [2])


def test_a_batch_is_one_write_and_one_sync(path: Path) -> None:
    sheet = connector(path)
    sheet.deliver([delivery(1)])
    calls: list[str] = []
    watched(lambda: sheet.deliver([delivery(n) for n in range(2, 500)]), calls.append)
    assert [name for name in calls if name in ("write", "fsync", "fdatasync")] == ["write", "fdatasync"]
