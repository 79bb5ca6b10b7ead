"""A restored ledger takes over facts from the ledger that it replaces, because the world has moved on since the backup.

It does not know the work between the backup and now. So it takes over, as far as the replaced ledger can be read:

- the tombstones of forgotten people, and it forgets those people too;
- pauses by hand, and the acts of people, for the record;
- the requests of the last minute: without them it would spend the allowance twice. Unread, a minute is waited;
- where sources began that it does not know, so that a start at "now" is not a later now;
- exports, made or owed, and the leads that are therefore known to be delivered;
- the remote object of each person at a connector;
- credits that enriching spent, and alerts that people have received;
- subscriptions at CTGO, for nobody else knows their ids;
- feedback on people, and how much of it CTGO has;
- windows of the past that an engine was asked for, to be pulled again;
- its last instant, for the wall clock may be behind when people restore.

The rest is doubted: every delivery of a lead that was discovered before the restore counts as *maybe sent*, no matter if
the backup holds it or a pull brings it again. See `restored`.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from syncd.core.lane_state import BY_HAND
from syncd.core.tombstone import carried_by, marks, of_row
from syncd.ledger.admin.carry_over import carry_marks
from syncd.ledger.admin.forgotten import erase
from syncd.ledger.database import Ledger
from syncd.ledger.deliveries.due import MARGIN
from syncd.ledger.files import connect_to_read
from syncd.ledger.history import REACHED, log_action, note_done
from syncd.ledger.schema import Forgotten, Payload, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import Books
from syncd.ledger.tombstones import keys

_lead, _forgotten, _payload = table(LeadRow), table(Forgotten), table(Payload)
_CHUNK = 1000


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
            with _part(carried, "anything"), closing(_open(replaced)) as old:
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


def _open(replaced: Path) -> sqlite3.Connection:
    connection = connect_to_read(replaced)
    connection.row_factory = sqlite3.Row
    return connection


@contextmanager
def _part(carried: Carried, what: str) -> Iterator[None]:
    """A part that cannot be read, or that an older ledger does not have, does not keep the rest from being carried."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if "no such table" not in str(error):
            carried.unread.append(what)


def _forgotten_people(connection: Connection, old: sqlite3.Connection, _: Carried) -> None:
    _copy(connection, old, "SELECT key FROM secret", "INSERT OR IGNORE INTO secret (key) VALUES (?)")
    _copy(connection, old, "SELECT mark FROM forgotten", "INSERT OR IGNORE INTO forgotten (mark) VALUES (?)")


def _pauses(connection: Connection, old: sqlite3.Connection, carried: Carried) -> None:
    for row in old.execute("SELECT * FROM lane WHERE status = 'paused' AND code = ?", (BY_HAND,)):
        values = {key: row[key] for key in row.keys()}  # noqa: SIM118 - a Row iterates over its values
        connection.exec_driver_sql(
            'INSERT OR REPLACE INTO lane (kind, name, status, code, detail, "by", since, until, probing, failures,'
            " delivered, alike_code, alike) VALUES (:kind, :name, :status, :code, :detail, :by, :since, :until, :probing,"
            " :failures, :delivered, :alike_code, :alike)",
            values,
        )
        carried.pauses.append(f"{row['kind']} {row['name']}")


def _acts(connection: Connection, old: sqlite3.Connection, carried: Carried) -> None:
    last = connection.exec_driver_sql("SELECT max(at) FROM action").scalar() or 0.0
    rows = old.execute(
        "SELECT at, who, verb, name, detail FROM action WHERE at > ? ORDER BY id", (last,)
    ).fetchall()
    for row in rows:
        carried.acts[row["verb"]] = carried.acts.get(row["verb"], 0) + 1
        connection.exec_driver_sql(
            "INSERT INTO action (at, who, verb, name, detail) VALUES (?, ?, ?, ?, ?)", tuple(row)
        )


def _requests(connection: Connection, old: sqlite3.Connection, _: Carried) -> None:
    budgets = old.execute(
        "SELECT name, boot, server_limit, blocked_until, pull_at, pull_needs, pull_every FROM budget"
    ).fetchall()
    slots = old.execute("SELECT budget, boot, free_at, n FROM slot").fetchall()
    connection.exec_driver_sql("DELETE FROM slot")
    for row in budgets:
        connection.exec_driver_sql(
            "INSERT OR REPLACE INTO budget (name, boot, server_limit, blocked_until, pull_at, pull_needs, pull_every)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            tuple(row),
        )
    for row in slots:
        connection.exec_driver_sql(
            "INSERT INTO slot (budget, boot, free_at, n) VALUES (?, ?, ?, ?)", tuple(row)
        )


def _beginnings(connection: Connection, old: sqlite3.Connection, _: Carried) -> None:
    _copy(
        connection,
        old,
        "SELECT name, floor, listing FROM source",
        "INSERT INTO source (name, floor, listing, started) VALUES (?, ?, ?, 0) ON CONFLICT (name) DO UPDATE SET"
        " floor = coalesce(floor, CASE WHEN started THEN NULL ELSE excluded.floor END)",
    )


def _reach(connection: Connection, old: sqlite3.Connection, _: Carried) -> None:
    """The newest that was pulled, by CTGO's time; a date from the future is none."""
    (reached,) = old.execute(
        "SELECT max(at) FROM (SELECT max(watermark) AS at FROM source UNION ALL"
        " SELECT max(discovered_at) FROM lead WHERE discovered_at <= ingested_at + ?)",
        (MARGIN,),
    ).fetchone()
    if reached is not None:
        note_done(connection, REACHED, reached)


def _people(connection: Connection, old: sqlite3.Connection, _: Carried) -> None:
    _copy(
        connection,
        old,
        "SELECT connector, person, remote_id, discovered_at FROM person",
        "INSERT INTO person (connector, person, remote_id, discovered_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (connector, person) DO UPDATE SET remote_id = coalesce(excluded.remote_id, remote_id),"
        " discovered_at = max(excluded.discovered_at, discovered_at)",
    )


def _spending(connection: Connection, old: sqlite3.Connection, _: Carried) -> None:
    _copy(
        connection,
        old,
        "SELECT source, day, asks FROM askday",
        "INSERT INTO askday (source, day, asks) VALUES (?, ?, ?) ON CONFLICT (source, day) DO UPDATE SET"
        " asks = max(asks, excluded.asks)",
    )
    _copy(
        connection,
        old,
        "SELECT source, person, outputs, asks, asked_at FROM ask",
        "INSERT OR REPLACE INTO ask (source, person, outputs, asks, asked_at) VALUES (?, ?, ?, ?, ?)",
    )
    _copy(
        connection,
        old,
        "SELECT source, balance, told_at, price FROM credits",
        "INSERT OR REPLACE INTO credits (source, balance, told_at, price) VALUES (?, ?, ?, ?)",
    )
    # What was answered about leads that the backup has waiting need not be paid for again
    _copy(
        connection,
        old,
        "SELECT source, lead_id, stream_id, segment_id, enrichment FROM lead WHERE enrichment IS NOT NULL",
        "UPDATE lead SET enrichment = ?5 WHERE source = ?1 AND lead_id = ?2 AND stream_id = ?3 AND segment_id = ?4"
        " AND (state = 'enriching' AND enrichment IS NULL OR EXISTS (SELECT 1 FROM delivery WHERE lead_seq = lead.seq"
        " AND delivery.state = 'pending' AND held = 'unasked'))",
    )


def _windows(connection: Connection, old: sqlite3.Connection, _: Carried) -> None:
    """Windows that were asked for since are pulled again: what they brought is not in the backup."""
    _copy(
        connection,
        old,
        "SELECT source, since, until, most, asked_at, who FROM window",
        "INSERT INTO window (source, since, until, most, asked_at, who, state, new) SELECT ?1, ?2, ?3, ?4, ?5, ?6, 'pending', 0"
        " WHERE NOT EXISTS (SELECT 1 FROM window WHERE source = ?1 AND since = ?2 AND asked_at = ?5)",
    )


def _pushes(connection: Connection, old: sqlite3.Connection, _: Carried) -> None:
    """All of it: what the backup believes to be subscribed may be gone, and what is there it may not know."""
    columns = "source, token, digest, remote_id, subscribed_at, leaving, asked, off, heard_at"
    rows = old.execute(f"SELECT {columns} FROM subscription").fetchall()  # noqa: S608
    connection.exec_driver_sql("DELETE FROM subscription")
    for row in rows:
        connection.exec_driver_sql(
            f"INSERT INTO subscription ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            tuple(row),
        )


def _told(connection: Connection, old: sqlite3.Connection, _: Carried) -> None:
    """Take over alerts that people have received, so that they are not sent again."""
    columns = "kind, place, code, since, level, told_at, told_level, over_at"
    rows = old.execute(f"SELECT {columns} FROM alert").fetchall()  # noqa: S608
    connection.exec_driver_sql("DELETE FROM alert")
    for row in rows:
        connection.exec_driver_sql(
            f"INSERT INTO alert ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            tuple(row),
        )


def _feedback(connection: Connection, old: sqlite3.Connection, _: Carried) -> None:
    """Take over feedback: it is not sent again, and none is lost. These rows are newer than the backup's."""
    for name in ("heard", "hearing", "feedback"):
        cursor = old.execute(f"SELECT * FROM {name}")  # noqa: S608 - our own names
        columns = [column[0] for column in cursor.description if column[0] != "id"]
        listed = ", ".join(columns)
        _copy(
            connection,
            old,
            f"SELECT {listed} FROM {name}",  # noqa: S608
            f"INSERT OR REPLACE INTO {name} ({listed}) VALUES ({', '.join('?' * len(columns))})",  # noqa: S608
        )
    connection.exec_driver_sql("DELETE FROM tally WHERE kind = 'feedback'")
    connection.exec_driver_sql(
        "INSERT INTO tally (kind, name, state, n) SELECT 'feedback', source, state, count(*) FROM feedback"
        " GROUP BY source, state"
    )


def _copy(connection: Connection, old: sqlite3.Connection, query: str, statement: str) -> None:
    cursor = old.execute(query)
    while rows := cursor.fetchmany(_CHUNK):
        connection.exec_driver_sql(statement, [tuple(row) for row in rows])


_PARTS: dict[str, Callable[[Connection, sqlite3.Connection, Carried], None]] = {
    "who was forgotten": _forgotten_people,
    "pauses": _pauses,
    "acts of people": _acts,
    "requests": _requests,
    "where sources began": _beginnings,
    "how far it reached": _reach,
    "objects of people": _people,
    "exports": lambda connection, old, _: carry_marks(connection, old),
    "credits spent": _spending,
    "windows": _windows,
    "alerts": _told,
    "pushes": _pushes,
    "feedback": _feedback,
}


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
