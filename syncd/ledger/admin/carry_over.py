"""Marks that a restored ledger must know as its own, with the leads that bear them.

CTGO has been told of leads since the backup. Without the marks, another row of such an id would be taken for somebody else's, and
delivered nowhere; with the marks alone, the leads themselves would be taken for new and sent once more. So both are
carried from the replaced ledger, and what became of their deliveries.
"""

import sqlite3

from sqlalchemy import Connection

from syncd.ledger.sql import driver

_KEY = "source, lead_id, stream_id, segment_id"
_LEAD = f"{_KEY}, digest, person, discovered_at, state, ingested_at, settled_at, code, detail, enrichment"
_DELIVERY = (
    "connector, required, state, attempts, due_at, suspect, mark, failing_since, maybe_sent, code, detail, settled_at,"
    " remote_id, created, held"
)
_EXPORT = "source, lead_id, state, attempts, due_at, suspect, maybe_sent, code, detail, settled_at"
_OF_LEAD = " WHERE source = ? AND lead_id = ? AND stream_id = ? AND segment_id = ? AND digest = ''"
_UNDER_WAY = "'enriching', 'delivering'"
_CHUNK = 1000

# ruff: noqa: S608 - put together from the lines above


def carry_marks(connection: Connection, old: sqlite3.Connection) -> None:
    """Exports that are owed or made, and the leads that the backup does not hold of them; all or nothing."""
    with connection.begin_nested():
        new = driver(connection)
        _drop_overtaken(new, old)
        (last,) = new.execute("SELECT coalesce(max(seq), 0) FROM lead").fetchone()
        _copy(old, new, "lead", _LEAD, "WHERE lead_id > 0 AND state IN ('exporting', 'exported')")
        for seq, *key in new.execute(f"SELECT seq, {_KEY} FROM lead WHERE seq > ?", (last,)).fetchall():
            (theirs,) = old.execute(f"SELECT seq FROM lead{_OF_LEAD}", key).fetchone()
            _copy(old, new, "delivery", _DELIVERY, "WHERE lead_seq = ?", theirs, also=("lead_seq", seq))
            _copy(old, new, "payload", "text, refilled_at", "WHERE seq = ?", theirs, also=("seq", seq))
        _copy(
            old,
            new,
            "export",
            _EXPORT,
            "WHERE lead_id > 0 AND state IN ('pending', 'delivered')",
            conflict="(source, lead_id) DO UPDATE SET state = excluded.state, settled_at = excluded.settled_at,"
            " maybe_sent = max(maybe_sent, excluded.maybe_sent), code = excluded.code, detail = excluded.detail"
            " WHERE state IN ('pending', 'rejected')",
        )
        new.execute(
            "UPDATE lead SET state = 'exported', settled_at = e.settled_at FROM export e WHERE lead.state = 'exporting'"
            " AND e.source = lead.source AND e.lead_id = lead.lead_id AND e.state = 'delivered'"
        )
        for kind, name in (("lead", "source"), ("delivery", "connector"), ("export", "source")):
            new.execute("DELETE FROM tally WHERE kind = ?", (kind,))
            new.execute(
                f"INSERT INTO tally (kind, name, state, n) SELECT ?, {name}, state, count(*) FROM {kind}"
                f" GROUP BY {name}, state",
                (kind,),
            )


def _drop_overtaken(new: sqlite3.Connection, old: sqlite3.Connection) -> None:
    """Drop leads that were under way at the backup and are exported since: they are then carried whole, like leads that it lacks."""
    under_way = new.execute(f"SELECT seq, {_KEY} FROM lead WHERE state IN ({_UNDER_WAY}) AND digest = ''")
    exported = f"SELECT 1 FROM lead{_OF_LEAD} AND lead_id > 0 AND state = 'exported'"
    gone = [(seq,) for seq, *key in under_way.fetchall() if old.execute(exported, key).fetchone()]
    for table, column in (("delivery", "lead_seq"), ("payload", "seq"), ("lead", "seq")):
        new.executemany(f"DELETE FROM {table} WHERE {column} = ?", gone)


def _copy(
    old: sqlite3.Connection,
    new: sqlite3.Connection,
    table: str,
    columns: str,
    where: str,
    *which: object,
    also: tuple[str, object] | None = None,
    conflict: str = "DO NOTHING",
) -> None:
    """Rows from the old ledger into the new one. `also`: a column that is another there, and its value."""
    names, first = (f"{also[0]}, {columns}", (also[1],)) if also else (columns, ())
    places = ", ".join("?" * len(names.split(",")))
    cursor = old.execute(f"SELECT {columns} FROM {table} {where}", which)
    while rows := cursor.fetchmany(_CHUNK):
        new.executemany(
            f"INSERT INTO {table} ({names}) VALUES ({places}) ON CONFLICT {conflict}",
            [(*first, *row) for row in rows],
        )
