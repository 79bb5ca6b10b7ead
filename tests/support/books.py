"""What must be true of a ledger at all times, asked from outside."""

from syncd.core.lead import utc_text
from syncd.ledger import Ledger, overview


def assert_books(ledger: Ledger) -> None:
    """I-9 and I-12: the tally is what the rows say, every row is where its deliveries put it, the file is sound."""
    with ledger.read() as connection:
        tally = {
            (kind, name, state): n
            for kind, names in overview.counts(connection).items()
            for name, states in names.items()
            for state, n in states.items()
        }
        assert tally == overview.recount(connection)
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").first() is None
        for sql in _CONTRADICTIONS:
            assert connection.exec_driver_sql(sql).all() == [], sql


_CONTRADICTIONS = (
    """SELECT seq FROM lead WHERE (settled_at IS NULL) <>
       (state IN ('enriching', 'delivering', 'rejected', 'exporting', 'quarantined'))""",
    "SELECT id FROM delivery WHERE (settled_at IS NULL) <> (state = 'pending') AND code <> 'filter_failed'",
    """SELECT seq FROM lead l WHERE state IN ('exporting', 'exported', 'unexported') AND EXISTS (SELECT 1 FROM
       delivery d WHERE d.lead_seq = l.seq AND required AND d.state IN ('pending', 'rejected') AND remote_id IS NULL)""",
    """SELECT seq FROM lead l WHERE state = 'delivering' AND NOT EXISTS (SELECT 1 FROM delivery d WHERE
       d.lead_seq = l.seq AND d.state = 'pending')""",
    """SELECT seq FROM lead l WHERE state = 'exporting' AND NOT EXISTS (SELECT 1 FROM export e WHERE
       e.source = l.source AND e.lead_id = l.lead_id AND e.state IN ('pending', 'rejected')) AND NOT EXISTS
       (SELECT 1 FROM lead s WHERE s.lead_id = l.lead_id AND (s.source = l.source OR s.person = l.person) AND s.state IN
       ('enriching', 'delivering', 'rejected', 'quarantined'))""",
)
"""Queries that find nothing in sound books."""


def iso(instant: float) -> str:
    """An instant as CTGO writes it."""
    return utc_text(instant)
