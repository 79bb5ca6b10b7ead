"""Opens the ledger and owns its transactions.

SQLite in WAL mode with `synchronous=FULL`: NORMAL may roll a commit back after a power cut, which would undo evidence
that an export was based on. One connection with a lock round it: writes serialise anyway, and every transaction is
short. A write begins with `BEGIN IMMEDIATE`, so that other processes' writes wait for it and never deadlock.

An I/O error ends the process: after one, what the connection believes and what the disk holds may differ.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event
from sqlalchemy.exc import DatabaseError

from syncd.ledger import files, schema, sql
from syncd.ledger.errors import LedgerError, translated
from syncd.ledger.files import EngineLock, connect, sync_names
from syncd.ledger.flow import COUNTED
from syncd.ledger.leads.recent import Fresh
from syncd.ledger.schema_history import METADATA
from syncd.ledger.sql import driver

__all__ = ["EngineLock", "Ledger"]

CLOSE_SECONDS = 2.0
"""Seconds that closing waits for the transaction of another thread."""

_LEFT_OPEN: list[Connection] = []
"""Connections that must not be closed, not even by the collector of garbage."""

OLDEST_SQLITE = (3, 35, 0)
"""RETURNING."""


class Ledger:
    """An open ledger. Use `open` (read and write) or `open_to_read`, and close it."""

    def __init__(self, path: Path, engine: Engine) -> None:
        self.path = path
        self._engine = engine
        self._lock = threading.RLock()
        self._connection = engine.connect()
        self._version = 0
        self.lock: EngineLock | None = None
        self._opened: files.Files | None = None
        self.in_flight: set[tuple[str, int]] = set()
        """(source, lead id) of exports being sent; read and changed inside `write` or `guarded` only."""
        self.fresh = Fresh()
        """Leads that were committed a moment ago, for those who deliver them."""

    @classmethod
    def open(cls, path: Path, *, upgrade: bool = False, lock: EngineLock | None = None) -> Self:
        """Open for reading and writing; make it if need be.

        `upgrade`: bring an older schema up to date, which only an engine that holds the lock may do. `lock`: that lock, which
        `check` then looks after. Raises LedgerError.
        """
        _check_sqlite()
        with translated(path):
            if not path.exists():
                _make(path)
            ledger = cls(path, _engine(path, read_only=False))
            try:
                if ledger._is_empty():
                    sync_names(path)  # before anything is in it: whoever made it may have been killed
                    ledger._create()
                elif upgrade:
                    ledger._bring_up_to_date()
                else:
                    ledger._check_revision(ledger.revision())
            except BaseException:
                ledger.close()
                raise
            ledger.lock = lock
            return ledger

    @classmethod
    def open_to_read(cls, path: Path) -> Self:
        """Open without any right to write. Raises LedgerError, also when there is no ledger yet."""
        _check_sqlite()
        if not path.exists():
            raise LedgerError("ledger_broken", f"There is no ledger at {path} yet: run syncd --once first.")
        with translated(path):
            ledger = cls(path, _engine(path, read_only=True))
            try:
                ledger._check_revision(ledger.revision())
            except BaseException:
                ledger.close()
                raise
            return ledger

    @classmethod
    def in_memory(cls) -> Self:
        """Make an empty ledger that is never on disk, for a dry run when there is no ledger yet."""
        ledger = cls(Path(":memory:"), _engine(Path(":memory:"), read_only=False))
        ledger._create()
        return ledger

    def guarded(self) -> threading.RLock:
        """Return the lock of every transaction, as a context for changes that must not happen during one."""
        return self._lock

    @property
    def flow(self) -> bool:
        """True while transactions also count flow: see `syncd.ledger.flow`."""
        return bool(self._connection.info.get(COUNTED))

    @flow.setter
    def flow(self, on: bool) -> None:
        with self._lock:
            self._connection.info[COUNTED] = on

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that writes: committed to the disk at the end, rolled back on any exception."""
        with self._lock, translated(self.path), self._connection.begin():
            yield self._connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One transaction that only reads: a consistent view."""
        with self._lock, translated(self.path):
            self._connection.info["deferred"] = True
            try:
                with self._connection.begin():
                    yield self._connection
            finally:
                self._connection.info["deferred"] = False

    def changed_elsewhere(self) -> bool:
        """True if another process has written since the last call; costs no read of the disk."""
        with self.read() as connection:
            version: int = connection.exec_driver_sql("PRAGMA data_version").scalar_one()
        before, self._version = self._version, version
        return version != before

    def check(self) -> None:
        """Raise LedgerError if nothing should be sent: the file was replaced, or the disk has hardly room to record it."""
        if self.lock is not None:
            self.lock.check()
        if self._opened is None:
            self._opened = files.files_of(self.path)
        files.check_place(self.path, self._opened)
        self.check_room()

    def check_room(self) -> None:
        """Raise LedgerError while the disk has so little room that the outcome of a call might not be recorded."""
        files.check_room(self.path)

    def touch(self) -> None:
        """Commit a transaction that changes nothing, to prove that the ledger can be written. Raises LedgerError."""
        self.check()
        with self.write() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")

    @contextmanager
    def bare(self) -> Iterator[sqlite3.Connection]:
        """The driver's connection outside of any transaction, for what SQLite does not do inside one."""
        with self._lock, translated(self.path):
            driver: Any = self._connection.connection.driver_connection
            yield driver

    def revision(self) -> str:
        """The schema's revision; empty when there is none."""
        with self.read() as connection:
            try:
                row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
            except DatabaseError as error:
                if "no such table" in str(error.orig):
                    return ""
                raise
        return row[0] if row else ""

    def close(self) -> None:
        """Close the connection; SQLite then folds the WAL into the file, and deletes it by its name.

        The connection stays open, which is harmless, in two cases: the name may be another ledger's by now (see `files`), or a
        thread does not come back from its transaction. Closing it under that thread would end the process.
        """
        alone = self._lock.acquire(timeout=CLOSE_SECONDS)
        try:
            if not alone or (self._opened is not None and files.moved(self.path, self._opened)):
                _LEFT_OPEN.append(self._connection)
                return
            self._connection.close()
            self._engine.dispose()
        finally:
            if alone:
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _is_empty(self) -> bool:
        """True if it holds no table at all: it is new, or its making was cut short."""
        with self.read() as connection:
            return not connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()

    def _create(self) -> None:
        with self.write() as connection:
            METADATA.create_all(connection, checkfirst=False)
            connection.exec_driver_sql(
                "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
            )
            connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (schema.SCHEMA,))

    def _check_revision(self, revision: str) -> None:
        if not revision:
            raise LedgerError(
                "ledger_broken", f"{self.path} is not a ledger of syncd: point state.url elsewhere."
            )
        if revision != schema.SCHEMA:
            raise LedgerError(
                "ledger_newer" if revision > schema.SCHEMA else "ledger_broken",
                f"{self.path} has schema {revision}, and this syncd knows {schema.SCHEMA}: "
                + (
                    "upgrade syncd, or restore a backup."
                    if revision > schema.SCHEMA
                    else "run syncd --once to upgrade it."
                ),
            )

    def _bring_up_to_date(self) -> None:
        revision = self.revision()
        if revision and revision < schema.SCHEMA:
            from syncd.ledger.upgrade import migrate  # noqa: PLC0415 - Alembic only when the schema is behind

            migrate(self.path, self._connection)
            revision = self.revision()
        self._check_revision(revision)


def _check_sqlite() -> None:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise LedgerError(
            "ledger_broken",
            f"syncd needs SQLite 3.35 or later, and this Python has {sqlite3.sqlite_version}.",
        )


def _make(path: Path) -> None:
    """Make the file ourselves: it holds personal data, so nobody else may read it, whatever the umask."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _engine(path: Path, *, read_only: bool) -> Engine:
    memory = str(path) == ":memory:"
    address = ":memory:" if memory else f"{path.resolve().as_uri()}?{_mode(path, read_only=read_only)}"

    def opened() -> sqlite3.Connection:
        # isolation_level None: the driver begins no transactions of its own, `_begin` does
        connection = connect(address, uri=not memory, isolation_level=None, check_same_thread=False)
        try:
            for pragma in _pragmas(read_only=read_only, memory=memory):
                connection.execute(f"PRAGMA {pragma}").close()
            sql.add_functions(connection)
        except BaseException:  # no database, say
            connection.close()
            raise
        return connection

    engine = create_engine(
        "sqlite://",
        creator=opened,
        poolclass=StaticPool,
        hide_parameters=True,  # they hold personal data, and SQLAlchemy puts them in its exceptions
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        deferred = read_only or connection.info.get("deferred")
        driver(connection).execute("BEGIN" if deferred else "BEGIN IMMEDIATE")

    return engine


def _mode(path: Path, *, read_only: bool) -> str:
    if not read_only:
        return "mode=rw"
    # SQLite wants a file beside a ledger in WAL mode even to read it. Where none can be made, nobody else can write either
    at_rest = not path.with_name(path.name + "-wal").exists() and not os.access(path.parent, os.W_OK)
    return "mode=ro&immutable=1" if at_rest else "mode=ro"


def _pragmas(*, read_only: bool, memory: bool) -> tuple[str, ...]:
    if read_only:
        return ("query_only=ON", "foreign_keys=ON")
    durable = () if memory else ("auto_vacuum=INCREMENTAL", "journal_mode=WAL", "synchronous=FULL")
    return (
        *durable,
        "secure_delete=ON",
        "foreign_keys=ON",
        "journal_size_limit=16777216",
        "temp_store=MEMORY",
    )
