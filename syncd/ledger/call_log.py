"""The journal of calls: what was sent to a remote, what it answered, and for which deliveries. A file beside the ledger.

No promise rests on it: whatever goes wrong with the file, leads go on, and nothing of it is in a backup. It holds personal data,
so whoever is forgotten goes from it, with every call that a delivery of theirs was in.
"""

import json
import os
import sqlite3
import threading
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import select

from syncd.connector import Logger
from syncd.ledger.database import Ledger
from syncd.ledger.files import connect, connect_to_read
from syncd.ledger.schema import Delivery, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import among, array

ROOM = 32 * 2**20
"""Bytes of the disk that are left to the ledger."""
DAY = 86400.0
_PATIENCE = 200
"""Milliseconds that a lane waits for another process that writes here."""

_TABLES = """
CREATE TABLE IF NOT EXISTS attempt (id INTEGER PRIMARY KEY, batch INTEGER NOT NULL, at REAL NOT NULL, connector TEXT NOT NULL,
  delivery_id INTEGER NOT NULL, outcome TEXT NOT NULL, code TEXT NOT NULL, ms INTEGER NOT NULL, fields BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS attempt_delivery ON attempt (delivery_id);
CREATE INDEX IF NOT EXISTS attempt_batch ON attempt (batch);
CREATE INDEX IF NOT EXISTS attempt_at ON attempt (at, batch);
CREATE TABLE IF NOT EXISTS call (id INTEGER PRIMARY KEY, batch INTEGER NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
  status INTEGER NOT NULL, headers TEXT NOT NULL, request BLOB NOT NULL, response BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS call_batch ON call (batch);
"""
_OF = (
    "DELETE FROM call WHERE batch IN (SELECT batch FROM attempt WHERE delivery_id IN (SELECT value FROM json_each(?1)))",
    "DELETE FROM attempt WHERE delivery_id IN (SELECT value FROM json_each(?1))",
)
_UP_TO = ("DELETE FROM call WHERE batch <= ?1", "DELETE FROM attempt WHERE batch <= ?1")


class Call(NamedTuple):
    """A request to a remote and its answer, without what is secret. `status` 0: there was no answer."""

    method: str
    path: str
    status: int
    headers: dict[str, str]
    request: str
    response: str


class Attempt(NamedTuple):
    """A delivery in a call. `outcome`: the state after it; `fields`: as mapped."""

    delivery_id: int
    outcome: str
    code: str
    ms: int
    fields: dict[str, Any]


class Kept(NamedTuple):
    """An attempt of the journal, with the calls that it was in."""

    at: float
    connector: str
    attempt: Attempt
    calls: Sequence[Call]


def path_beside(ledger: Path) -> Path:
    """Return the journal's file."""
    return ledger.with_name(f"{ledger.stem}.calls{ledger.suffix}")


class CallsFile:
    """The journal as the engine writes it, from any thread. Nothing here raises."""

    def __init__(self, ledger: Path, log: Logger) -> None:
        """Open nothing yet. `ledger`: its path."""
        self.path, self._log = path_beside(ledger), log
        self._days, self._size = 14, 64 << 20
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None
        self._failed = False

    def bound(self, days: int, size: int) -> None:
        """Set for how many days calls are kept, and the bytes of the file above which the oldest go first."""
        self._days, self._size = days, size

    def keep(self, connector: str, attempts: Sequence[Attempt], calls: Sequence[Call], now: float) -> bool:
        """Write what was sent at once and what came of it. Returns False if it could not be written."""
        with self._lock:
            try:
                self._check_room()
                with _transaction(self._connection()) as writing:
                    _write(writing, connector, attempts, calls, now)
                    self._trim(writing, now)
            except (sqlite3.Error, OSError) as error:
                self._fail(error)
                return False
            self._failed = False
            return True

    def close(self) -> None:
        """Close the file."""
        with self._lock, suppress(sqlite3.Error):
            if self._opened is not None:
                self._opened.close()
            self._opened = None

    def _check_room(self) -> None:
        disk = os.statvfs(self.path.parent)
        if disk.f_blocks and disk.f_bavail * disk.f_frsize < ROOM:
            raise OSError(f"less than {ROOM >> 20} MiB are free on the disk")

    def _connection(self) -> sqlite3.Connection:
        if self._opened is not None and not self.path.exists():  # a person's, or a restore's act
            self._opened.close()
            self._opened = None
        if self._opened is None:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            self._opened = _open(self.path, _PATIENCE)
            self._opened.executescript(_TABLES)
        return self._opened

    def _trim(self, writing: sqlite3.Connection, now: float) -> None:
        """Delete what is too old, and the oldest tenth for as long as all is too much."""
        (old,) = writing.execute(
            "SELECT max(batch) FROM attempt WHERE at < ?", (now - self._days * DAY,)
        ).fetchone()
        if old is not None:
            _delete(writing, _UP_TO, old)
        while _used(writing) > self._size:
            first, last = writing.execute("SELECT min(batch), max(batch) FROM attempt").fetchone()
            if first is None:
                return
            _delete(writing, _UP_TO, first + (last - first) // 10)

    def _fail(self, error: Exception) -> None:
        if not self._failed:
            self._log.warning("calls_not_kept", file=str(self.path), error=str(error))
        self._failed = True
        with suppress(sqlite3.Error):
            if self._opened is not None:
                self._opened.close()
        self._opened = None
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            with suppress(OSError):  # damaged: begin a new one
                delete(self.path)


def _open(path: Path, patience: int) -> sqlite3.Connection:
    connection = connect(str(path), isolation_level=None, check_same_thread=False)
    for pragma in (
        f"busy_timeout={patience}",
        "journal_mode=WAL",
        "synchronous=OFF",
        "secure_delete=ON",
        "journal_size_limit=1048576",
    ):
        connection.execute(f"PRAGMA {pragma}").close()
    return connection


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _write(
    writing: sqlite3.Connection,
    connector: str,
    attempts: Sequence[Attempt],
    calls: Sequence[Call],
    now: float,
) -> None:
    (batch,) = writing.execute("SELECT coalesce(max(batch), 0) + 1 FROM attempt").fetchone()
    writing.executemany(
        "INSERT INTO attempt (batch, at, connector, delivery_id, outcome, code, ms, fields) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                batch,
                now,
                connector,
                it.delivery_id,
                it.outcome,
                it.code,
                it.ms,
                _packed(json.dumps(it.fields, default=str)),
            )
            for it in attempts
        ),
    )
    writing.executemany(
        "INSERT INTO call (batch, method, path, status, headers, request, response) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (
                batch,
                it.method,
                it.path,
                it.status,
                json.dumps(it.headers),
                _packed(it.request),
                _packed(it.response),
            )
            for it in calls
        ),
    )


def _packed(text: str) -> bytes:
    return zlib.compress(text.encode("utf-8", "replace"), 1)


def _unpacked(packed: bytes) -> str:
    return zlib.decompress(packed).decode()


def _delete(writing: sqlite3.Connection, statements: Sequence[str], which: object) -> None:
    for statement in statements:
        writing.execute(statement, (which,))


def _used(connection: sqlite3.Connection) -> int:
    pages, free, page = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * page)


def delete(path: Path) -> None:
    """Delete the journal's files."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def forget(ledger: Ledger, among_: Collection[int] | None = None) -> int:
    """Delete attempts of forgotten people, and all calls that they were in; return how many attempts.

    `among_`: ids of deliveries; if none of them is a forgotten person's, nothing is done. A file that cannot be read is deleted. Raises OSError.
    """
    path = path_beside(ledger.path)
    if not path.exists():
        return 0
    if among_ is not None and not _of_forgotten(ledger, among_):
        return 0
    try:
        with closing(_open(path, 15_000)) as connection:
            ids = [row[0] for row in connection.execute("SELECT DISTINCT delivery_id FROM attempt")]
            theirs = _of_forgotten(ledger, ids)
            if theirs:
                with _transaction(connection) as writing:
                    _delete(writing, _OF, array(theirs))
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
            return len(theirs)
    except sqlite3.Error:
        delete(path)
        return 0


def _of_forgotten(ledger: Ledger, ids: Collection[int]) -> list[int]:
    delivery, lead = table(Delivery), table(LeadRow)
    query = select(delivery.c.id).join(lead, lead.c.seq == delivery.c.lead_seq)
    with ledger.read() as connection:
        found = connection.execute(
            query.where(among(delivery.c.id, "ids"), lead.c.state == "forgotten"), {"ids": array(ids)}
        )
        return list(found.scalars())


def calls_of(ledger: Path, deliveries: Collection[int], *, limit: int = 50) -> list[Kept] | None:
    """Return the newest attempts of these deliveries with their calls; None if the journal is not there or cannot be read."""
    path = path_beside(ledger)
    try:
        with closing(connect_to_read(path)) as connection:
            rows = connection.execute(
                "SELECT at, connector, batch, delivery_id, outcome, code, ms, fields FROM attempt"
                " WHERE delivery_id IN (SELECT value FROM json_each(?)) ORDER BY id DESC LIMIT ?", (array(deliveries), limit),
            ).fetchall()  # fmt: skip
            calls = _calls_in(connection, {row[2] for row in rows})
    except (sqlite3.Error, zlib.error, ValueError):
        return None
    return [
        Kept(
            at,
            connector,
            Attempt(id_, outcome, code, ms, json.loads(_unpacked(fields))),
            calls.get(batch, ()),
        )
        for at, connector, batch, id_, outcome, code, ms, fields in rows
    ]


def _calls_in(connection: sqlite3.Connection, batches: Collection[int]) -> dict[int, list[Call]]:
    found: dict[int, list[Call]] = {}
    for batch, method, path, status, headers, request, response in connection.execute(
        "SELECT batch, method, path, status, headers, request, response FROM call"
        " WHERE batch IN (SELECT value FROM json_each(?)) ORDER BY id", (array(batches),),
    ):  # fmt: skip
        call = Call(method, path, status, json.loads(headers), _unpacked(request), _unpacked(response))
        found.setdefault(batch, []).append(call)
    return found
