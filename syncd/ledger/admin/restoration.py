"""A restored ledger takes over facts from the ledger that it replaces, because the world has moved on since the backup.

It does not know the work between the backup and now. So it takes over, as far as the replaced ledger can be read:

- the tombstones of forgotten people, and it forgets those people too;
- pauses by hand, and the acts of people, for the record;
- the requests of the last minute: without them it would spend the allowance twice. Unread, a minute is waited;
- where sources began that it does not know, so that a start at "now" is not a later now;
- exports, made or owed, and the leads that are therefore known to be delivered;
- the remote object of each person at a connector;
- credits that enriching spent, and alerts that people have received;
- the backups that were made, so that the engine deletes its own in time;
- subscriptions at CTGO, for nobody else knows their ids;
- feedback on people, and how much of it CTGO has;
- counts by the hour, for plots;
- windows of the past that an engine was asked for, to be pulled again;
- its last instant, for the wall clock may be behind when people restore.

The rest is doubted: every delivery of a lead that was discovered before the restore counts as *maybe sent*, no matter if
the backup holds it or a pull brings it again. See `syncd.ledger.deliveries.due.doubted`.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from syncd.core.lane_state import BY_HAND
from syncd.core.tombstone import carried_by, marks, of_row
from syncd.ledger.admin.forgotten import erase
from syncd.ledger.database import Ledger
from syncd.ledger.deliveries.due import MARGIN
from syncd.ledger.files import connect_to_read
from syncd.ledger.history import REACHED, log_action, note_done
from syncd.ledger.schema import Forgotten, Payload, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.schema_history import METADATA
from syncd.ledger.sql import Books, array, driver
from syncd.ledger.tombstones import keys

_lead, _forgotten, _payload = table(LeadRow), table(Forgotten), table(Payload)
_CHUNK = 1000

# ruff: noqa: S608 - statements are put together from names of our own


@dataclass(slots=True)
class Carried:
    """The facts taken over from the replaced ledger. `unread`: the parts of it that could not be read."""

    forgotten: int = 0
    pauses: list[str] = field(default_factory=list)
    acts: dict[str, int] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)


def bring_up_to_now(restored: Ledger, replaced: Path, now: float, *, who: str, name: str) -> Carried:
    """Tell a restored ledger, which is not in its place yet, what it must know. `name`: the backup's."""
    carried = Carried()
    with restored.write() as connection:
        if replaced.exists():
            with _part(carried, "anything"), closing(connect_to_read(replaced)) as old:
                for what, carry in _PARTS.items():
                    with _part(carried, what):
                        carry(connection, old, carried)
        else:
            carried.unread.append("anything")
        carried.forgotten = _forget_again(connection, now)
        note_done(connection, "check", now)
        note_done(connection, "restore", now)
        log_action(connection, now, who=who, verb="restore", name=name)
    return carried


@contextmanager
def _part(carried: Carried, what: str) -> Iterator[None]:
    """A part that cannot be read, or that an older ledger does not have, does not keep the rest from being carried."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if "no such table" not in str(error):
            carried.unread.append(what)


def _copy(connection: Connection, old: sqlite3.Connection, query: str, statement: str) -> None:
    """Run a statement in the restored ledger for each row that a query finds in the replaced one."""
    cursor = old.execute(query)
    while rows := cursor.fetchmany(_CHUNK):
        connection.exec_driver_sql(statement, rows)


def _copied(query: str, statement: str) -> Callable[[Connection, sqlite3.Connection, Carried], None]:
    return lambda connection, old, _: _copy(connection, old, query, statement)


def _replace(
    connection: Connection, old: sqlite3.Connection, name: str, where: str = "", *, but: tuple[str, ...] = ()
) -> None:
    """Take over rows of a table in the place of those with the same key. Their ids are not kept."""
    known = METADATA.tables[name].c
    theirs = [column[0] for column in old.execute(f"SELECT * FROM {name} LIMIT 0").description]
    columns = [f'"{column}"' for column in theirs if column in known and column not in {"id", *but}]
    listed, places = ", ".join(columns), ", ".join("?" * len(columns))
    _copy(
        connection,
        old,
        f"SELECT {listed} FROM {name} {where}",
        f"INSERT OR REPLACE INTO {name} ({listed}) VALUES ({places})",
    )


def _replaced(
    *names: str, emptied: tuple[str, ...] = ()
) -> Callable[[Connection, sqlite3.Connection, Carried], None]:
    """Take over these tables. `emptied`: rows that the backup alone has go, once the replaced ledger's can be read."""

    def carry(connection: Connection, old: sqlite3.Connection, _: Carried) -> None:
        for name in names:
            if name in emptied:
                old.execute(f"SELECT * FROM {name}").fetchall()
                connection.exec_driver_sql(f"DELETE FROM {name}")
            _replace(connection, old, name)

    return carry


def _pauses(connection: Connection, old: sqlite3.Connection, carried: Carried) -> None:
    """Without the ids of deliveries that a lane doubts, for other deliveries have them in the backup."""
    where = f"WHERE status = 'paused' AND code = '{BY_HAND}'"
    _replace(connection, old, "lane", where, but=("doubts", "pauses"))
    carried.pauses += [f"{kind} {name}" for kind, name in old.execute(f"SELECT kind, name FROM lane {where}")]


def _acts(connection: Connection, old: sqlite3.Connection, carried: Carried) -> None:
    """Without the ids of the deliveries that they touched, as above."""
    since = (
        f"WHERE at > {connection.exec_driver_sql('SELECT max(at) FROM action').scalar() or 0.0!r} ORDER BY id"
    )
    for (verb,) in old.execute(f"SELECT verb FROM action {since}").fetchall():
        carried.acts[verb] = carried.acts.get(verb, 0) + 1
    _replace(connection, old, "action", since, but=("touched",))


def _reach(connection: Connection, old: sqlite3.Connection, _: Carried) -> None:
    """The newest that was pulled, by CTGO's time; a date from the future is none."""
    (reached,) = old.execute(
        "SELECT max(at) FROM (SELECT max(watermark) AS at FROM source UNION ALL"
        " SELECT max(discovered_at) FROM lead WHERE discovered_at <= ingested_at + ?)",
        (MARGIN,),
    ).fetchone()
    if reached is not None:
        note_done(connection, REACHED, reached)


def _feedback(connection: Connection, old: sqlite3.Connection, carried: Carried) -> None:
    """Take over feedback: it is not sent again, and none is lost. These rows are newer than the backup's."""
    _replaced("heard", "hearing", "feedback")(connection, old, carried)
    _recount(connection, "feedback", "source")


def _recount(connection: Connection, kind: str, name: str) -> None:
    connection.exec_driver_sql("DELETE FROM tally WHERE kind = ?", (kind,))
    connection.exec_driver_sql(
        f"INSERT INTO tally (kind, name, state, n) SELECT ?, {name}, state, count(*) FROM {kind} GROUP BY {name}, state",
        (kind,),
    )


def _spending(connection: Connection, old: sqlite3.Connection, _: Carried) -> None:
    _copy(
        connection,
        old,
        "SELECT source, day, asks FROM askday",
        "INSERT INTO askday (source, day, asks) VALUES (?, ?, ?) ON CONFLICT (source, day) DO UPDATE SET"
        " asks = max(asks, excluded.asks)",
    )
    _replace(connection, old, "ask")
    _replace(connection, old, "credits")
    # Answers about leads that the backup has waiting need not be paid for again
    _copy(
        connection,
        old,
        "SELECT source, lead_id, stream_id, segment_id, enrichment FROM lead WHERE enrichment IS NOT NULL",
        "UPDATE lead SET enrichment = ?5 WHERE source = ?1 AND lead_id = ?2 AND stream_id = ?3 AND segment_id = ?4"
        " AND (state = 'enriching' AND enrichment IS NULL OR EXISTS (SELECT 1 FROM delivery WHERE lead_seq = lead.seq"
        " AND delivery.state = 'pending' AND held = 'unasked'))",
    )


# Exports, with their leads. CTGO has been told of leads since the backup. Without the exports, another row of such an id would
# be taken for somebody else's, and delivered nowhere; with the exports alone, the leads themselves would be taken for new and
# sent once more. So both are carried, and what became of their deliveries

_KEY = "source, lead_id, stream_id, segment_id"
_LEAD = f"{_KEY}, digest, person, discovered_at, state, ingested_at, settled_at, code, detail, enrichment"
_DELIVERY = (
    "connector, required, state, attempts, due_at, suspect, mark, failing_since, maybe_sent, code, detail, settled_at,"
    " remote_id, created, held"
)
_EXPORT = "source, lead_id, state, attempts, due_at, suspect, maybe_sent, code, detail, settled_at"
_SAME_LEADS = (
    "FROM json_each(?) AS k CROSS JOIN lead AS l ON l.source = json_extract(k.value, '$[1]') AND l.lead_id = json_extract(k.value, '$[2]')"
    " AND l.stream_id = json_extract(k.value, '$[3]') AND l.segment_id = json_extract(k.value, '$[4]') AND l.digest = ''"
)
"""The leads of the replaced ledger by the keys of leads in the restored one: `[seq, source, lead_id, stream_id, segment_id]`."""


def _exports(connection: Connection, old: sqlite3.Connection, _: Carried) -> None:
    """Carry exports that are owed or made, and the leads that the backup does not hold of them; all or nothing."""
    with connection.begin_nested():
        new = driver(connection)
        _drop_overtaken(new, old)
        (last,) = new.execute("SELECT coalesce(max(seq), 0) FROM lead").fetchone()
        _insert(new, "lead", _LEAD, old.execute(
            f"SELECT {_LEAD} FROM lead WHERE lead_id > 0 AND state IN ('exporting', 'exported')"
        ))  # fmt: skip
        carried = new.execute(f"SELECT seq, {_KEY} FROM lead WHERE seq > ?", (last,)).fetchall()
        _insert(new, "delivery", f"lead_seq, {_DELIVERY}", _of_leads(
            old, f"d.{_DELIVERY.replace(', ', ', d.')}", "JOIN delivery AS d ON d.lead_seq = l.seq", carried
        ))  # fmt: skip
        _insert(new, "payload", "seq, text, refilled_at", _of_leads(
            old, "p.text, p.refilled_at", "JOIN payload AS p ON p.seq = l.seq", carried
        ))  # fmt: skip
        _insert(
            new,
            "export",
            _EXPORT,
            old.execute(
                f"SELECT {_EXPORT} FROM export WHERE lead_id > 0 AND state IN ('pending', 'delivered')"
            ),
            "(source, lead_id) DO UPDATE SET state = excluded.state, settled_at = excluded.settled_at,"
            " maybe_sent = max(maybe_sent, excluded.maybe_sent), code = excluded.code, detail = excluded.detail"
            " WHERE state IN ('pending', 'rejected')",
        )
        new.execute(
            "UPDATE lead SET state = 'exported', settled_at = e.settled_at FROM export e WHERE lead.state = 'exporting'"
            " AND e.source = lead.source AND e.lead_id = lead.lead_id AND e.state = 'delivered'"
        )
        for kind, name in (("lead", "source"), ("delivery", "connector"), ("export", "source")):
            _recount(connection, kind, name)


def _drop_overtaken(new: sqlite3.Connection, old: sqlite3.Connection) -> None:
    """Drop leads that were under way at the backup and are exported since: they are then carried whole, like leads that it lacks."""
    under_way = new.execute(
        f"SELECT seq, {_KEY} FROM lead WHERE state IN ('enriching', 'delivering') AND digest = '' AND lead_id > 0"
    ).fetchall()
    gone = list(_of_leads(old, "1", "WHERE l.state = 'exported'", under_way))
    for name, column in (("delivery", "lead_seq"), ("payload", "seq"), ("lead", "seq")):
        new.executemany(f"DELETE FROM {name} WHERE {column} = ?", [row[:1] for row in gone])


def _of_leads(
    old: sqlite3.Connection, columns: str, rest: str, leads: Sequence[tuple[Any, ...]]
) -> Iterator[tuple[Any, ...]]:
    """Rows of the replaced ledger about these leads, each behind the lead's number in the restored ledger."""
    query = f"SELECT json_extract(k.value, '$[0]'), {columns} {_SAME_LEADS} {rest}"
    for start in range(0, len(leads), _CHUNK):
        yield from old.execute(query, (array(leads[start : start + _CHUNK]),))


def _insert(
    new: sqlite3.Connection,
    name: str,
    columns: str,
    rows: Iterable[tuple[Any, ...]],
    conflict: str = "DO NOTHING",
) -> None:
    places = ", ".join("?" * len(columns.split(",")))
    new.executemany(f"INSERT INTO {name} ({columns}) VALUES ({places}) ON CONFLICT {conflict}", rows)


_PARTS: dict[str, Callable[[Connection, sqlite3.Connection, Carried], None]] = {
    "who was forgotten": _replaced("secret", "forgotten"),
    "pauses": _pauses,
    "acts of people": _acts,
    "requests": _replaced("slot", "budget", emptied=("slot",)),
    "where sources began": _copied(
        "SELECT name, floor, listing FROM source",
        "INSERT INTO source (name, floor, listing, started) VALUES (?, ?, ?, 0) ON CONFLICT (name) DO UPDATE SET"
        " floor = coalesce(floor, CASE WHEN started THEN NULL ELSE excluded.floor END)",
    ),
    "how far it reached": _reach,
    "objects of people": _copied(
        "SELECT connector, person, remote_id, discovered_at FROM person",
        "INSERT INTO person (connector, person, remote_id, discovered_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (connector, person) DO UPDATE SET remote_id = coalesce(excluded.remote_id, remote_id),"
        " discovered_at = max(excluded.discovered_at, discovered_at)",
    ),
    "exports": _exports,
    "credits spent": _spending,
    # Windows that were asked for since are pulled again: the backup does not hold what they brought
    "windows": _copied(
        "SELECT source, since, until, most, asked_at, who FROM window",
        "INSERT INTO window (source, since, until, most, asked_at, who, state, new) SELECT ?1, ?2, ?3, ?4, ?5, ?6, 'pending', 0"
        " WHERE NOT EXISTS (SELECT 1 FROM window WHERE source = ?1 AND since = ?2 AND asked_at = ?5)",
    ),
    "backups": lambda connection, old, _: _replace(connection, old, "upkeep", "WHERE name LIKE 'backup%'"),
    "alerts": _replaced("alert", emptied=("alert",)),
    # A subscription of the backup may be gone, and one that it does not know may be there
    "pushes": _replaced("subscription", emptied=("subscription",)),
    "feedback": _feedback,
    "counts by the hour": _replaced("flow"),
}  # fmt: skip


def _forget_again(connection: Connection, now: float) -> int:
    """Erase everybody who bears a mark; how many leads. Costs nothing when nobody was ever forgotten."""
    known = keys(connection)
    bearing = set(connection.execute(select(_forgotten.c.mark)).scalars()) if known else set()
    found, after = list[int](), 0
    while bearing:
        rows: Any = connection.execute(
            select(
                _lead.c.seq, _lead.c.source, _lead.c.lead_id, _lead.c.digest, _lead.c.person, _payload.c.text
            )
            .outerjoin(_payload, _payload.c.seq == _lead.c.seq)
            .where(_lead.c.seq > after, _lead.c.state != "forgotten")
            .order_by(_lead.c.seq)
            .limit(_CHUNK)
        ).all()
        if not rows:
            break
        after = rows[-1].seq
        found += [
            row.seq for row in rows if not bearing.isdisjoint(marks(known, carried_by(of_row(*row[1:]))))
        ]
    if found:
        erase(Books(connection, now), found)
    return len(found)
