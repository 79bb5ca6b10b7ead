"""What a pull leaves in the ledger, each of its safety nets with the others out of the way."""

from typing import Any

from syncd.core.delivery import Change
from syncd.ledger import Ledger
from syncd.ledger.deliveries.queue import EXPORT_QUEUE
from syncd.ledger.sources import load_source, move_watermark
from tests.ledger.rows import NOW, admission, ids, malformed, put, settle

CAP = 3600.0
OWED = "SELECT lead_id FROM export WHERE state = 'pending'"


def _due(ledger: Ledger) -> list[int]:
    with ledger.read() as connection:
        return [claim.lead_id for claim in EXPORT_QUEUE.due(connection, "main", NOW, CAP, 10)]


def _deliver(ledger: Ledger, lead_id: int, stream: int = 1) -> None:
    rows = ids(
        ledger, "SELECT d.id, l.lead_id, l.stream_id FROM delivery d JOIN lead l ON l.seq = d.lead_seq"
    )
    (delivery,) = [row[0] for row in rows if row[1:] == (lead_id, stream)]
    settle(ledger, Change(delivery, "delivered", 1))


def test_the_watermark_moves_forward_only(ledger: Ledger) -> None:
    def moved(to: float) -> Any:
        with ledger.write() as connection:
            load_source(connection, "main")
            move_watermark(connection, "main", to, NOW)
            return load_source(connection, "main").watermark

    assert [moved(NOW), moved(NOW - 3600.0), moved(NOW + 60.0)] == [NOW, NOW, NOW + 60.0]


def test_an_export_that_is_owed_is_withdrawn_when_a_new_row_comes(ledger: Ledger) -> None:
    put(ledger, admission(1))
    _deliver(ledger, 1)
    assert ids(ledger, OWED) == [1]
    put(ledger, admission(1, stream=2))
    assert ids(ledger, OWED) == [], "nothing but the export's own lane would hold it"
    _deliver(ledger, 1, stream=2)
    assert ids(ledger, OWED) == [1]


def test_no_export_is_owed_while_a_row_of_its_id_holds_it(ledger: Ledger) -> None:
    put(ledger, admission(1), admission(1, stream=2))
    _deliver(ledger, 1)
    assert ids(ledger, OWED) == []
    _deliver(ledger, 1, stream=2)
    assert ids(ledger, OWED) == [1]


def test_exports_that_are_held_starve_none_behind_them(ledger: Ledger) -> None:
    for n in range(1, 41):
        put(ledger, admission(n, stream=7))
        _deliver(ledger, n, stream=7)
        put(ledger, malformed=[malformed(n)])
    put(ledger, admission(100, stream=7))
    _deliver(ledger, 100, stream=7)
    with ledger.read() as connection:
        assert EXPORT_QUEUE.next_due(connection, "main") == 0.0
    assert _due(ledger) == [100]
    put(ledger, malformed=[malformed(100)])
    with ledger.read() as connection:
        assert EXPORT_QUEUE.next_due(connection, "main") is None


def test_an_export_is_not_chosen_while_a_row_of_its_id_holds_it(ledger: Ledger) -> None:
    put(ledger, admission(1), admission(2))
    _deliver(ledger, 1)
    _deliver(ledger, 2)
    assert _due(ledger) == [1, 2]
    for state, due in (("delivering", [2]), ("exporting", [1, 2])):
        with ledger.write() as connection:  # as no pull would leave it
            connection.exec_driver_sql("UPDATE lead SET state = ? WHERE lead_id = 1", (state,))
        assert _due(ledger) == due
