"""People in a table of a SQLite file: a whole plugin, as small as one can be and still keep its word.

One row is one person. The key and the policies are the statement's: a second lead of a person updates the row,
`create_only` and `if_empty` leave it alone, and a field that is not there is no blank.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import ClassVar

from syncd.connector import (
    Change,
    Connector,
    ConnectorOptions,
    Context,
    Delivered,
    Delivery,
    Failure,
    Field,
    Finding,
    Halt,
    Outcome,
    Pause,
    Reject,
)

CODES = {
    "sqlite_busy": "Another program is writing to the file: syncd tries again by itself.",
    "sqlite_failed": "SQLite could not finish and says no more: syncd tries again; if it goes on, check the disk.",
    "sqlite_file": "`path` must be a SQLite file that syncd may write: mend it. Then: syncd resume NAME",
    "sqlite_columns": "The table lacks columns of the mapping. Run: syncd setup",
    "sqlite_refused": "The table has a rule that this row breaks: look at the lead, then: syncd rejected retry",
}
_POLICIES = {
    "always": "{0} = coalesce(excluded.{0}, {0})",
    "if_empty": "{0} = coalesce(nullif({0}, ''), excluded.{0})",
    "create_only": "{0} = {0}",
}


class SqliteOptions(ConnectorOptions):
    """`path`: the file."""

    path: Path


class SqliteConnector(Connector):
    """See the module. One call is one transaction."""

    Options = SqliteOptions
    codes = CODES
    defaults: ClassVar[Mapping[str, str | Field]] = {
        "name": Field(value="{{ display_name }}", policy="if_empty"),
        "x_url": "{{ x_url }}",
        "bio": "{{ bio }}",
        "followers": "{{ follower_count }}",
        "email": Field(value="{{ email if email_status == 'verified' }}", policy="if_empty"),
        "first_seen": Field(value="{{ discovered_at }}", policy="create_only"),
    }
    objects = "people"
    resend_safe = True
    batch_size = 200

    def __init__(self, options: SqliteOptions, context: Context) -> None:
        """Open nothing."""
        super().__init__(options, context)
        self._path, self._fields = options.path, context.fields
        names = ["ctgo_person", *map(_quoted, self._fields)]
        updates = [_POLICIES[field.policy].format(_quoted(name)) for name, field in self._fields.items()]
        self._upsert = (
            f"insert into people ({', '.join(names)}) values ({', '.join('?' * len(names))}) "  # noqa: S608 - quoted
            f"on conflict (ctgo_person) do update set {', '.join(updates)}"
        )

    def check(self) -> Sequence[Finding]:
        """Whether the table is there, with its columns."""
        try:
            missing = self._missing()
        except sqlite3.Error as error:
            why = _explained(error)
            return [Finding("error", why.code, why.detail)]
        if missing:
            return [Finding("error", "sqlite_columns", f"Missing: {', '.join(missing)}")]
        return [Finding("ok", "sqlite_ready", "The table is ready.")]

    def setup(self, apply: bool) -> Sequence[Change]:  # noqa: FBT001 - the contract is positional
        """Make the table and its columns."""
        missing = self._missing()
        if apply and missing:
            with closing(sqlite3.connect(self._path)) as connection:
                connection.execute("create table if not exists people (ctgo_person text primary key)")
                for name in missing:
                    connection.execute(f"alter table people add column {_quoted(name)}")
                connection.commit()
        return [Change(f"column {name}", done=apply) for name in missing]

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Write them in one transaction. Raises Pause or Halt as `codes` tell."""
        try:
            with closing(self._connect()) as connection:
                outcomes = [self._write(connection, each) for each in batch]
                connection.commit()
        except sqlite3.Error as error:
            raise _explained(error) from None
        return outcomes

    def _write(self, connection: sqlite3.Connection, delivery: Delivery) -> Outcome:
        cells = [_cell(delivery.fields.get(name)) for name in self._fields]
        try:
            known = connection.execute(
                "select 1 from people where ctgo_person = ?", [delivery.person]
            ).fetchone()
            connection.execute(self._upsert, [delivery.person, *cells])
        except (sqlite3.IntegrityError, UnicodeEncodeError, OverflowError):
            return Reject("sqlite_refused", "The row was refused.")
        return Delivered(delivery.person, created=known is None)

    def _connect(self) -> sqlite3.Connection:
        """Never makes a file: that is what `setup` is for."""
        return sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=rw", uri=True, timeout=5.0)

    def _missing(self) -> list[str]:
        if not self._path.exists():
            return list(self._fields)
        with closing(self._connect()) as connection:
            there = {row[1] for row in connection.execute("pragma table_info(people)")}
        return [name for name in self._fields if name not in there]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _cell(value: object) -> object:
    return json.dumps(value) if isinstance(value, list | dict) else value


def _explained(error: sqlite3.Error) -> Failure:
    """SQLite's errors in the words of the contract."""
    code = getattr(error, "sqlite_errorcode", None)
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return Pause("sqlite_busy", "The file is locked.", after=5.0)
    if code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        return Halt("sqlite_file", "The file cannot be opened and written.")
    if code == sqlite3.SQLITE_ERROR:  # no such table, no such column
        return Halt("sqlite_columns", "The table is not as it should be.")
    return Pause("sqlite_failed", "SQLite failed.", unexplained=True)
