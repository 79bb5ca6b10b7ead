"""The ledger is kept: old payloads go, the file shrinks again, and damage stops the engine."""

import itertools
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from syncd.engine import housekeeping
from syncd.engine.housekeeping import DAY, EVERY, Housekeeping, due, wait_for
from syncd.engine.lane import AGAIN
from syncd.ledger import Ledger, LedgerError, history
from syncd.ledger.admin import maintenance
from syncd.ledger.history import Done
from tests.support import Bench, Crash, assert_books, unreachable

RETENTION = 90 * DAY
KEPT = "SELECT count(*) FROM payload"


def keep(bench: Bench, after: float = 0.0) -> None:
    """A day's house-keeping, so many seconds later."""
    bench.clock.advance(after)
    Housekeeping(bench.ledger, bench.clock, bench.log, RETENTION).keep()


def kept(bench: Bench) -> int:
    return int(bench.rows(KEPT)[0][0])


@pytest.fixture
def settled(bench: Bench) -> Bench:
    """Thirty exported leads, and house-keeping that has begun."""
    bench.ctgo(leads=30)
    bench.place()
    bench.once()
    keep(bench)
    return bench


def test_settled_leads_lose_their_personal_data_after_the_retention_and_keep_key_person_and_state(
    settled: Bench,
) -> None:
    what_stays = (
        "SELECT source, lead_id, stream_id, segment_id, person, state, settled_at FROM lead ORDER BY seq"
    )
    handles = [json.loads(row[0])["profile"]["handle"] for row in settled.rows("SELECT text FROM payload")]
    before = settled.rows(what_stays)
    keep(settled, RETENTION - DAY)
    assert kept(settled) == 30
    keep(settled, 2 * DAY)
    assert kept(settled) == 0
    assert settled.rows(what_stays) == before
    assert settled.log.named("payloads_dropped") == [{"n": 30}]
    files = b"".join(path.read_bytes() for path in settled.path.parent.glob("syncd.db*"))
    assert [handle for handle in handles if handle.encode() in files] == []
    settled.check()


def test_what_is_known_stays_known_without_its_payload(settled: Bench) -> None:
    keep(settled, RETENTION + DAY)
    for pull in settled.life.pulls.values():
        pull.ask_window(0.0, None)
        settled.wake("pull", pull.name)
    settled.run()
    assert settled.leads() == {"exported": 30}
    settled.check()


def test_a_lead_that_is_not_settled_keeps_its_payload(bench: Bench) -> None:
    bench.ctgo(leads=5)
    far = bench.place()
    far.rule = unreachable
    bench.once(DAY)
    keep(bench)
    keep(bench, RETENTION + DAY)
    assert kept(bench) == 5


def test_a_payload_that_a_best_effort_delivery_waits_for_is_kept(bench: Bench) -> None:
    bench.ctgo(leads=5)
    bench.place()
    bench.place("extra", required=False)
    bench.once()
    bench.sql(
        "UPDATE delivery SET state = 'pending', settled_at = NULL WHERE connector = 'extra' AND lead_seq < 3"
    )
    keep(bench)
    keep(bench, RETENTION + DAY)
    assert bench.rows("SELECT seq FROM payload ORDER BY seq") == [(1,), (2,)]


def test_a_window_gives_a_payload_back_and_it_is_kept_for_another_retention(settled: Bench) -> None:
    keep(settled, RETENTION + DAY)
    for pull in settled.life.pulls.values():
        pull.ask_window(0.0, None)
        settled.wake("pull", pull.name)
    settled.run()
    assert kept(settled) == 30
    keep(settled, RETENTION - DAY)
    assert kept(settled) == 30
    keep(settled, 2 * DAY)
    assert kept(settled) == 0


def test_when_nothing_is_due_nothing_is_written(settled: Bench) -> None:
    version = "PRAGMA data_version"
    with closing(sqlite3.connect(settled.path)) as watching:
        before = watching.execute(version).fetchall()
        keep(settled, DAY / 2)
        assert watching.execute(version).fetchall() == before
        keep(settled, DAY)
        assert watching.execute(version).fetchall() != before


@pytest.mark.parametrize("whole", [0, housekeeping.WHOLE])
def test_what_is_freed_goes_back_to_the_file_system_and_the_wal_is_emptied(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, whole: int
) -> None:
    monkeypatch.setattr(housekeeping, "WHOLE", whole)
    monkeypatch.setattr(housekeeping, "PAGES", 7)
    bench.ctgo(leads=600, rate_limit=6000, limit=6000)
    bench.place()
    bench.once()
    keep(bench)
    maintenance.empty_wal(bench.ledger)
    before = bench.path.stat().st_size
    keep(bench, RETENTION + DAY)
    assert bench.path.stat().st_size < before * 0.65
    assert bench.path.with_name("syncd.db-wal").stat().st_size < 8192
    bench.check()


def test_no_transaction_is_long_however_much_has_expired(
    settled: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 7)
    settled.clock.advance(RETENTION + DAY)
    house = Housekeeping(settled.ledger, settled.clock, settled.log, RETENTION)
    left = [kept(settled)]
    while house.step() == AGAIN:
        left.append(kept(settled))
    drops = [before - after for before, after in itertools.pairwise(left)]
    assert max(drops) == 7
    assert left[-1] == 0


@pytest.mark.parametrize("at", range(1, 12))
def test_killed_anywhere_it_goes_on_the_next_time(
    settled: Bench, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 7)
    settled.seams.count, settled.seams.at = 0, at
    with pytest.raises(Crash):
        keep(settled, RETENTION + 8 * DAY)
    settled.crash()
    assert_books(settled.ledger)
    keep(settled)
    assert kept(settled) == 0
    settled.check()


def test_a_clock_that_was_set_back_strands_nothing() -> None:
    ahead = {name: Done(5e9) for name in EVERY}
    assert due(ahead, 1e9) == "retention"
    assert wait_for("retention", {"retention": Done(1e9)}, 1e9 + 1) == DAY - 1


def spoil(path: Path) -> None:
    """Overwrite the first bytes of a page that no start reads, as a dying disk does."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'label'").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * 64)


def test_damage_is_found_within_a_week_and_stops_the_engine(settled: Bench) -> None:
    keep(settled, 6 * DAY)
    assert settled.log.named("ledger_checked") == []
    keep(settled, DAY)
    assert settled.log.named("ledger_checked") == [{}]
    spoil(settled.path)
    settled.stop()
    with pytest.raises(LedgerError, match=r"is damaged.*syncd restore FILE") as caught:
        keep(settled, 8 * DAY)
    assert caught.value.code == "ledger_damaged"
    assert settled.log.named("ledger_damaged")


def test_a_ledger_that_was_found_damaged_is_refused_until_it_is_well(settled: Bench) -> None:
    house = Housekeeping(settled.ledger, settled.clock, settled.log, RETENTION)
    with settled.ledger.write() as connection:
        history.note_done(
            connection, "check", settled.clock.now(), "Tree 4 page 9: btreeInitPage() returns error"
        )
    house.refuse_damaged()
    with settled.ledger.read() as connection:
        assert history.done(connection)["check"].detail == ""
    with settled.ledger.write() as connection:
        history.note_done(
            connection, "check", settled.clock.now(), "Tree 4 page 9: btreeInitPage() returns error"
        )
    settled.stop()
    spoil(settled.path)
    with Ledger.open(settled.path) as ledger, pytest.raises(LedgerError, match="is damaged"):
        Housekeeping(ledger, settled.clock, settled.log, RETENTION).refuse_damaged()
