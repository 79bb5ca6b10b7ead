"""Cost follows what is pending: SQLite's own plans say that no query of a pass or of `status` walks what is settled."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from syncd.core.delivery import Change
from syncd.core.flood_gate import Gates
from syncd.core.lane_state import LaneState
from syncd.core.verdict import Verdict
from syncd.ledger import Ledger, overview, twins
from syncd.ledger.admin.maintenance import FIRST, drop_payloads
from syncd.ledger.deliveries import flood_gate, statuses
from syncd.ledger.deliveries.attempts import next_due
from syncd.ledger.deliveries.due import due, record
from syncd.ledger.deliveries.queue import EXPORT_QUEUE, FEEDBACK_QUEUE
from syncd.ledger.history import done
from syncd.ledger.leads import enrichment
from syncd.ledger.leads.ingest import exported_here, ingest, known_keys
from syncd.ledger.schema import Delivery, Export, Feedback
from tests.ledger.rows import EXPORTS, NOW, ROUTES, admission, lead, malformed, put

Said = list[str]


@contextmanager
def _listening(ledger: Ledger) -> Iterator[Said]:
    """What SQLite is asked, values and all, whichever way it came to it."""
    said: Said = []
    with ledger.bare() as driver:
        driver.set_trace_callback(said.append)
    try:
        yield said
    finally:
        with ledger.bare() as driver:
            driver.set_trace_callback(None)


def _plans(ledger: Ledger, said: Said) -> list[str]:
    lines = []
    with ledger.read() as connection:
        raw: Any = connection.connection.driver_connection
        for statement in dict.fromkeys(said):
            if statement.split()[0] in {"SELECT", "UPDATE", "DELETE", "INSERT", "WITH"}:
                lines += [row[3] for row in raw.execute("EXPLAIN QUERY PLAN " + statement)]
    return lines


def _walks(lines: list[str]) -> list[str]:
    return [
        line
        for line in lines
        if line.startswith("SCAN")
        and any(name in line.split() for name in ("lead", "delivery", "export", "sibling", "person", "twin"))
        and not any(
            index in line
            for index in (
                "delivery_pending",
                "delivery_held",
                "export_pending",
                "lead_standing",
                "_rejected",
            )
        )
    ]


@pytest.fixture
def full(ledger: Ledger) -> Ledger:
    put(ledger, *(admission(n) for n in range(1, 300)))
    with ledger.write() as connection:
        done = tuple(Change(n, "delivered", 1, remote_id="r") for n in range(1, 250))
        record(
            connection, "crm", Verdict(done, LaneState("deliver", "crm")), sent={}, exports=EXPORTS, now=NOW
        )
        exported = tuple(Change(n, "delivered", 1) for n in range(1, 200))
        EXPORT_QUEUE.record(connection, "main", Verdict(exported, LaneState("export", "main")), now=NOW)
        connection.exec_driver_sql("ANALYZE")
    return ledger


def test_choosing_what_is_due_uses_the_index_of_what_is_pending(full: Ledger) -> None:
    with _listening(full) as said, full.read() as connection:
        assert len(due(connection, LaneState("deliver", "crm"), NOW, 3600.0, 10)) == 10
        assert next_due(connection, Delivery, "crm") == 0.0
        assert next_due(connection, Export, "main") == 0.0
        assert EXPORT_QUEUE.due(connection, "main", NOW, 3600.0, 10)
    plans = _plans(full, said)
    assert _walks(plans) == []
    assert any("delivery_pending" in line for line in plans)
    assert any("export_pending" in line for line in plans)


def test_choosing_what_is_due_reads_in_the_indexes_order(full: Ledger) -> None:
    with _listening(full) as said, full.read() as connection:
        due(connection, LaneState("deliver", "crm"), NOW, 3600.0, 10)
    assert not [line for line in _plans(full, said) if "TEMP B-TREE" in line]


def test_recording_a_call_walks_nothing(full: Ledger) -> None:
    with _listening(full) as said, full.write() as connection:
        verdict = Verdict((Change(260, "delivered", 1),), LaneState("deliver", "crm"), revived=(3,))
        record(connection, "crm", verdict, sent={}, exports=EXPORTS, now=NOW)
        exported = Verdict((Change(210, "delivered", 1),), LaneState("export", "main"))
        EXPORT_QUEUE.record(connection, "main", exported, now=NOW)
    assert _walks(_plans(full, said)) == []


@pytest.mark.parametrize("exports", [True, False])
def test_settling_what_every_connector_has_walks_nothing(full: Ledger, *, exports: bool) -> None:
    with full.write() as connection:
        # No ledger of ours has statistics, and without them SQLite thinks little of a list of row numbers
        connection.exec_driver_sql("DELETE FROM sqlite_stat1")
        connection.exec_driver_sql("ANALYZE sqlite_schema")
        members = {one.item.id: one for one in due(connection, LaneState("deliver", "crm"), NOW, 3600.0, 10)}
    with _listening(full) as said, full.write() as connection:
        verdict = Verdict(tuple(Change(n, "delivered", 1) for n in members), LaneState("deliver", "crm"))
        recorded = record(
            connection, "crm", verdict, sent={}, exports={"main": exports}, now=NOW, members=members
        )
    assert recorded.owing == ({"main"} if exports else set())
    assert _walks(_plans(full, said)) == []
    assert not [line for line in _plans(full, said) if line.startswith("SEARCH lead") and "source=?)" in line]


def test_taking_a_page_in_walks_nothing(full: Ledger) -> None:
    with _listening(full) as said, full.write() as connection:
        page = [admission(n) for n in (5, 1001)]
        ingest(connection, (), page, [malformed(2000)], NOW, refill=True)
        known_keys(connection, "main", [5])
        exported_here(connection, "main", [lead(5)[0]])
    assert _walks(_plans(full, said)) == []


def test_a_gate_walks_nothing_but_what_it_holds(full: Ledger) -> None:
    gates = Gates({"crm": 3})
    with _listening(full) as said, full.write() as connection:
        flood_gate.start(connection, {"crm": 3}, ROUTES, ["crm"], NOW)
        flood_gate.release(connection, "crm", 2, NOW)
        page = flood_gate.page(connection, gates, "main", "live")
        ingest(connection, (), [admission(n) for n in range(2000, 2009)], (), NOW)
        flood_gate.take_in(connection, gates, page, NOW, over=False)
        flood_gate.release(connection, "crm", None, NOW)
        flood_gate.take_in(connection, gates, page, NOW, over=True)
        flood_gate.gates(connection)
        flood_gate.held_of(connection, "crm")
    assert _walks(_plans(full, said)) == []


def test_status_walks_nothing(full: Ledger) -> None:
    with _listening(full) as said, full.read() as connection:
        overview.counts(connection)
        overview.causes(connection)
        overview.oldest_unsettled(connection)
        overview.oldest_pending(connection)
        overview.pending_elsewhere(connection, ["crm"])
        overview.export_of(connection, "main", 5)
        overview.deliveries_of(connection, 5)
        list(overview.rejected_rows(connection))
        list(overview.rejected_rows(connection, overview.Rejections("delivery", "crm", "invalid", 5)))
    assert _walks(_plans(full, said)) == []


def test_house_keeping_walks_nothing_but_what_still_has_a_payload(full: Ledger) -> None:
    with _listening(full) as said, full.write() as connection:
        dropped, _ = drop_payloads(connection, NOW + 1, FIRST, 50)
        assert dropped == 50
        done(connection)
    plans = _plans(full, said)
    assert _walks(plans) == []
    assert any(line.startswith("SEARCH payload USING INTEGER PRIMARY KEY (rowid>?)") for line in plans)
    assert not [line for line in plans if "TEMP B-TREE" in line]


def test_the_audit_does_walk(full: Ledger) -> None:
    """Negative control."""
    with _listening(full) as said, full.read() as connection:
        overview.recount(connection)
    assert _walks(_plans(full, said))


def test_enriching_reads_what_waits_and_who_was_asked_and_walks_nothing(full: Ledger) -> None:
    with full.write() as connection:
        connection.exec_driver_sql("UPDATE lead SET enrichment = '{}' WHERE seq < 3")
        connection.exec_driver_sql("UPDATE delivery SET held = 'unasked', code = 'unasked' WHERE id = 280")
    with _listening(full) as said, full.write() as connection:
        assert [it.seq for it in enrichment.waiting(connection, "main", 1000, ["crm"])] == [280]
        assert enrichment.unasked_counts(connection) == {"main": 1}
        assert enrichment.still_waits(connection, 280)
        assert len(enrichment.known(connection, "main", ["p1", "p2"])) <= 2
        enrichment.note_ask(connection, "main", "p1", ["email"], day="2026-06-11", now=NOW)
        assert enrichment.unanswered(connection, "main", ["p1"])["p1"].asks == 1
        enrichment.take_back(connection, "main", "p1", "2026-06-11", NOW, last=False)
        enrichment.close_asks(connection, "main", ["p1"])
        over = [
            enrichment.Enriched(290, 290, "unwanted", (), None),
            enrichment.Enriched(280, 280, "", (), None, ["crm"]),
        ]
        enrichment.settle_enriched(connection, "main", over, NOW, exports=True)
    plans = _plans(full, said)
    assert _walks(plans) == []
    assert any("lead_enriched" in line for line in plans)
    assert any("lead_standing" in line for line in plans)


def test_hearing_finds_people_by_the_indexes_that_it_makes_and_telling_by_what_is_pending(
    full: Ledger,
) -> None:
    with full.write() as connection:
        statuses.make_indexes(connection)
        statuses.make_indexes(connection)
        connection.exec_driver_sql("INSERT INTO person SELECT 'crm', person, 'r' || lead_id, 0 FROM lead")
        connection.exec_driver_sql("ANALYZE")
    reports = [statuses.Report(f"x{n}", "", "bad bot") for n in range(1, 20)] + [
        statuses.Report("", "r3", "good")
    ]
    with _listening(full) as heard, full.write() as connection:
        news = statuses.news_in(connection, "crm", reports)
        assert statuses.take_in(connection, "crm", news, NOW) == {"main"}
        statuses.save_cursor(connection, "crm", "mark", "7", NOW)
        (first, *_) = FEEDBACK_QUEUE.due(connection, "main", NOW, 3600.0, 8)
        assert next_due(connection, Feedback, "main") == 0.0
        verdict = Verdict((Change(first.item.id, "delivered", 1),), LaneState("feedback", "main"))
        FEEDBACK_QUEUE.record(connection, "main", verdict, claims=[first], now=NOW)
    assert len(news.rows) == 19
    plans = _plans(full, heard)
    assert _walks(plans) == []
    walked = [line for line in plans if line.startswith("SCAN") and "feedback" in line.split()]
    assert all("feedback_pending" in line for line in walked)
    assert any("lead_person" in line for line in plans)


def test_twins_are_found_by_the_index_that_sources_of_one_address_make(full: Ledger) -> None:
    with full.write() as connection:
        twins.set_addresses(connection, {"main": "https://ctgo.test"})
        assert "lead_id" not in _indexes(connection)
        twins.set_addresses(connection, {"main": "https://ctgo.test", "second": "https://ctgo.test"})
        connection.exec_driver_sql(
            "INSERT INTO lead SELECT seq + 1000, 'second', lead_id, 2, 2, digest, person, discovered_at, 'quarantined',"
            " ingested_at, NULL, code, detail, enrichment FROM lead WHERE seq < 9"
        )
        connection.exec_driver_sql("INSERT INTO tally VALUES ('lead', 'second', 'quarantined', 8)")
        connection.exec_driver_sql("ANALYZE")
    with _listening(full) as said, full.read() as connection:
        host = twins.shared_host(connection, "main")
        assert twins.twins(connection, "main", host, range(5, 99)) == {"second": {5, 6, 7, 8}}
        assert twins.held(connection, "main", range(5, 99)) == {5, 6, 7, 8}
        assert twins.twins_of_new(connection, "main", [(5, "x5"), (6, "x5")]) == {"second": {5}}
    plans = _plans(full, said)
    assert _walks(plans) == []
    assert sum("twin USING INDEX lead_id" in line for line in plans) == 3


def _indexes(connection: Any) -> set[str]:
    return set(
        connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'index'").scalars().all()
    )


def test_without_feedback_nobody_pays_for_those_indexes(full: Ledger) -> None:
    with full.read() as connection:
        assert {"lead_person", "person_remote"} & _indexes(connection) == set()
