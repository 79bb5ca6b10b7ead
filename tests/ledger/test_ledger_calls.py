"""The journal of calls: kept beside the ledger within its bounds, and never in a lead's way."""

import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from syncd.ledger import Ledger
from syncd.ledger import call_log as calls
from syncd.ledger.call_log import DAY, Attempt, Call, CallsFile
from tests.ledger.rows import NOW, admission, put
from tests.support.virtual import Log

CALL = Call("POST", "/people", 409, {"retry-after": "3"}, '{"a": 1}', '{"said": "no"}')


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[CallsFile]:
    with closing(CallsFile(tmp_path / "syncd.db", Log())) as made:
        yield made


def _attempt(delivery: int, outcome: str = "delivered") -> Attempt:
    return Attempt(delivery, outcome, "", 12, {"email": f"p{delivery}@example.com"})


def _kept(journal: CallsFile, *deliveries: int) -> list[int] | None:
    found = calls.calls_of(journal.path.with_name("syncd.db"), deliveries)
    return None if found is None else [it.attempt.delivery_id for it in found]


def test_attempts_are_kept_with_the_calls_that_they_were_in(journal: CallsFile) -> None:
    assert journal.keep("crm", [_attempt(1), _attempt(2)], [CALL], NOW)
    assert journal.keep("crm", [_attempt(2, "rejected")], [CALL, CALL], NOW + 1)
    found = calls.calls_of(journal.path.with_name("syncd.db"), [2])
    assert found is not None
    assert [(it.at, it.connector, it.attempt, len(it.calls)) for it in found] == [
        (NOW + 1, "crm", _attempt(2, "rejected"), 2),
        (NOW, "crm", _attempt(2), 1),
    ]
    assert found[1].calls == [CALL]


def test_the_file_is_for_its_owner_alone_and_is_there_only_when_something_is_kept(journal: CallsFile) -> None:
    assert _kept(journal, 1) is None
    assert not journal.path.exists()
    umask = os.umask(0)
    journal.keep("crm", [_attempt(1)], [], NOW)
    os.umask(umask)
    assert journal.path.name == "syncd.calls.db"
    assert {path.stat().st_mode & 0o777 for path in journal.path.parent.glob("syncd.calls.db*")} == {0o600}


def test_old_calls_go_by_age(journal: CallsFile) -> None:
    journal.bound(14, 1 << 30)
    for day in range(20):
        journal.keep("crm", [_attempt(day)], [CALL], NOW + day * DAY)
    assert _kept(journal, *range(20)) == list(range(19, 4, -1))


def test_the_oldest_calls_go_first_when_all_is_too_large(journal: CallsFile) -> None:
    journal.bound(14, 400_000)
    noise = random.Random(1)  # noqa: S311
    for n in range(120):
        large = CALL._replace(response=noise.randbytes(8000).hex())
        journal.keep("crm", [_attempt(n)], [large], NOW)
        assert journal.path.stat().st_size < 500_000
    kept = _kept(journal, *range(120))
    assert kept is not None
    assert kept == list(range(119, 119 - len(kept), -1))
    assert 20 < len(kept) < 100


def test_who_is_forgotten_goes_with_every_call_that_they_were_in(journal: CallsFile, ledger: Ledger) -> None:
    put(ledger, admission(1), admission(2), admission(3))
    canary = CALL._replace(request="zq_canary and others")
    journal.keep("crm", [_attempt(1), _attempt(2)], [canary], NOW)
    journal.keep("crm", [_attempt(3)], [CALL], NOW)
    assert calls.forget(ledger) == 0
    with ledger.write() as connection:
        connection.exec_driver_sql("UPDATE lead SET state = 'forgotten', settled_at = 1 WHERE lead_id = 2")
        connection.exec_driver_sql("UPDATE tally SET n = 2 WHERE kind = 'lead'")
        connection.exec_driver_sql("INSERT INTO tally VALUES ('lead', 'main', 'forgotten', 1)")
    assert calls.forget(ledger, [1, 3]) == 0
    assert calls.forget(ledger, [1, 2]) == 1
    found = calls.calls_of(ledger.path, [1, 2, 3])
    assert found is not None
    assert [(it.attempt.delivery_id, len(it.calls)) for it in found] == [(3, 1), (1, 0)]
    journal.close()
    with closing(sqlite3.connect(journal.path)) as opened:
        assert opened.execute("SELECT count(*) FROM call").fetchone() == (1,)


def test_a_damaged_file_is_begun_anew_and_a_lead_never_learns_of_it(
    journal: CallsFile, ledger: Ledger
) -> None:
    journal.path.write_bytes(b"\xff" * 8192)
    assert _kept(journal, 1) is None
    assert not journal.keep("crm", [_attempt(1)], [CALL], NOW)
    assert journal.keep("crm", [_attempt(2)], [CALL], NOW)
    assert _kept(journal, 1, 2) == [2]
    journal.close()
    journal.path.write_bytes(b"\xff" * 8192)
    assert calls.forget(ledger) == 0
    assert not journal.path.exists(), "nobody knows whom it held"


def test_a_folder_or_another_program_in_its_place_keeps_nothing_and_is_told_once(journal: CallsFile) -> None:
    journal.path.mkdir()
    assert [journal.keep("crm", [_attempt(n)], [], NOW) for n in range(3)] == [False] * 3
    log = journal._log
    assert isinstance(log, Log)
    assert len(log.named("calls_not_kept")) == 1
    journal.path.rmdir()
    assert journal.keep("crm", [_attempt(1)], [], NOW)
    with closing(sqlite3.connect(journal.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert not journal.keep("crm", [_attempt(2)], [], NOW)
    assert journal.keep("crm", [_attempt(3)], [], NOW)


def test_a_disk_that_is_nearly_full_is_left_to_the_ledger(
    journal: CallsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "ROOM", 1 << 62)
    assert not journal.keep("crm", [_attempt(1)], [], NOW)
    assert not journal.path.exists()


def test_a_file_that_somebody_deleted_is_made_again(journal: CallsFile) -> None:
    journal.keep("crm", [_attempt(1)], [], NOW)
    calls.delete(journal.path)
    journal.keep("crm", [_attempt(2)], [], NOW)
    assert _kept(journal, 1, 2) == [2]
