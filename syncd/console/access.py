"""Links and sessions of the console, in a database of its own beside the ledger: nothing secret is kept but as a hash.

A link is good once and for ten minutes. Using it makes a session, whose secret only the browser holds. Events of entering
are kept for 90 days.
"""

import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Literal, NamedTuple

from syncd.clock import Clock
from syncd.ledger.errors import translated
from syncd.ledger.files import connect

Role = Literal["viewer", "operator"]

LINK_SECONDS = 600.0
KEPT = 90 * 86400.0
MOST_SESSIONS = 20
IDLE = 3600.0
"""Seconds without use after which a session of the usual length ends."""
_SELDOM = 60.0
"""Seconds between two writes that a session was used."""
_BYTES = 32

_SCHEMA = """
CREATE TABLE IF NOT EXISTS link (
  hash BLOB PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, lasts REAL, until REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS session (
  hash BLOB PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, peer TEXT NOT NULL, began REAL NOT NULL,
  seen REAL NOT NULL, idle REAL NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spent (
  session BLOB NOT NULL, nonce TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (session, nonce)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (
  id INTEGER PRIMARY KEY, at REAL NOT NULL, who TEXT NOT NULL, verb TEXT NOT NULL, detail TEXT NOT NULL);
"""


class Session(NamedTuple):
    """A visit. `key`: the hash of its secret; `idle`: seconds without use that end it; `until`: when it ends anyhow."""

    key: bytes
    name: str
    role: Role
    peer: str
    began: float
    seen: float
    idle: float
    until: float

    def ends_at(self) -> float:
        """When it ends if nobody uses it."""
        return min(self.until, self.seen + self.idle)


class Event(NamedTuple):
    """An event of entering, or a look at a lead."""

    id: int
    at: float
    who: str
    verb: str
    detail: str


def file_beside(ledger: Path) -> Path:
    """Name the console's database: `syncd.console.db` beside `syncd.db`."""
    return ledger.with_suffix(".console.db")


def hash_of(secret: str) -> bytes:
    """Hash a secret of 256 random bits; such a one needs no salt."""
    return sha256(secret.encode()).digest()


class Access:
    """The database of links and sessions. Methods may be called from any thread. Raises LedgerError where it cannot be used."""

    def __init__(self, ledger: Path, clock: Clock) -> None:
        """Open it, and make it if need be, for its owner alone."""
        self.path, self._clock, self._lock = file_beside(ledger), clock, threading.Lock()
        with translated(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            self._connection = connect(str(self.path), isolation_level=None, check_same_thread=False)
            self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._lock, translated(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _read(self, query: str, *values: object) -> Sequence[tuple[object, ...]]:
        with self._lock, translated(self.path):
            return self._connection.execute(query, values).fetchall()

    def make_link(self, name: str, role: Role, lasts: float | None = None) -> str:
        """Make a link and return its token. `lasts`: seconds of its session, None: the usual."""
        token, now = secrets.token_urlsafe(_BYTES), self._clock.now()
        with self._write() as db:
            db.execute("DELETE FROM link WHERE until <= ?", (now,))
            values = (hash_of(token), name, role, lasts, now + LINK_SECONDS)
            db.execute("INSERT INTO link VALUES (?, ?, ?, ?, ?)", values)
        return token

    def use_link(self, token: str, peer: str, usual: float) -> str | None:
        """Use a link up and return the secret of its new session; None if the link is unknown, used or too old.

        `usual`: seconds that a session lasts if the link does not say it.
        """
        secret, now = secrets.token_urlsafe(_BYTES), self._clock.now()
        with self._write() as db:
            query = "DELETE FROM link WHERE hash = ? AND until > ? RETURNING name, role, lasts"
            found = db.execute(query, (hash_of(token), now)).fetchall()
            if not found:
                return None
            name, role, lasts = found[0]
            length = usual if lasts is None else lasts
            idle = min(IDLE, length) if lasts is None else length / 4
            values = (hash_of(secret), name, role, peer, now, now, idle, now + length)
            db.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
            self._tidy(db, now)
            self._note(db, now, name, "signed in", f"as {role}, from {peer}")
        return secret

    def _tidy(self, db: sqlite3.Connection, now: float) -> None:
        """End sessions that are over, and those used longest ago if there are too many; forget old events."""
        db.execute("DELETE FROM session WHERE until <= ? OR seen + idle <= ?", (now, now))
        query = "DELETE FROM session WHERE hash NOT IN (SELECT hash FROM session ORDER BY seen DESC, began DESC LIMIT ?)"
        db.execute(query, (MOST_SESSIONS,))
        db.execute("DELETE FROM spent WHERE at <= ? OR length(session) = ? AND session NOT IN (SELECT hash FROM session)",
                   (now - KEPT, _BYTES))  # fmt: skip
        db.execute("DELETE FROM event WHERE at <= ?", (now - KEPT,))

    def find(self, secret: str) -> Session | None:
        """Return the session of a secret; None if there is none, or it is over."""
        rows = self._read("SELECT * FROM session WHERE hash = ?", hash_of(secret))
        found = [Session(*row) for row in rows]  # type: ignore[arg-type]
        return found[0] if found and found[0].ends_at() > self._clock.now() else None

    def use(self, session: Session) -> None:
        """Note that a session is in use; seldom, for that is a write."""
        now = self._clock.now()
        if not 0 <= now - session.seen < min(_SELDOM, session.idle / 4):
            with self._write() as db:
                db.execute("UPDATE session SET seen = ? WHERE hash = ?", (now, session.key))

    def sessions(self) -> list[Session]:
        """List the sessions that are not over, the newest first."""
        now = self._clock.now()
        found = [Session(*row) for row in self._read("SELECT * FROM session ORDER BY began DESC")]  # type: ignore[arg-type]
        return [it for it in found if it.ends_at() > now]

    def end(self, *, key: bytes | None = None, name: str | None = None) -> int:
        """End a session, those of a name, or all if neither is given; return how many. Their unused links end too."""
        now = self._clock.now()
        with self._write() as db:
            if key is not None:
                ended = db.execute("DELETE FROM session WHERE hash = ? RETURNING name", (key,)).fetchall()
            elif name is not None:
                ended = db.execute("DELETE FROM session WHERE name = ? RETURNING name", (name,)).fetchall()
                db.execute("DELETE FROM link WHERE name = ?", (name,))
            else:
                ended = db.execute("DELETE FROM session RETURNING name").fetchall()
                db.execute("DELETE FROM link")
            for (who,) in ended:
                self._note(db, now, who, "signed out", "")
        return len(ended)

    def spend(self, session: bytes, nonce: str) -> bool:
        """Use a form's token up; return False if it was used before."""
        with self._write() as db:
            values = (session, nonce, self._clock.now())
            return db.execute("INSERT OR IGNORE INTO spent VALUES (?, ?, ?)", values).rowcount == 1

    def note(self, who: str, verb: str, detail: str = "") -> None:
        """Keep an event."""
        with self._write() as db:
            self._note(db, self._clock.now(), who, verb, detail)

    def _note(self, db: sqlite3.Connection, now: float, who: str, verb: str, detail: str) -> None:
        db.execute("INSERT INTO event (at, who, verb, detail) VALUES (?, ?, ?, ?)", (now, who, verb, detail))

    def events(self, limit: int, *, before: float = float("inf"), who: str = "") -> list[Event]:
        """List the newest events before an instant, of one person if named."""
        query = "SELECT * FROM event WHERE at < ? AND (? = '' OR who = ?) ORDER BY id DESC LIMIT ?"
        return [Event(*row) for row in self._read(query, before, who, who, limit)]  # type: ignore[arg-type]
