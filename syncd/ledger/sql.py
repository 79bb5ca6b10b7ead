"""Tools of every query module: sets of ids as one parameter, and the tally.

Differences between database systems belong here: `among` is SQLite's `json_each`, where PostgreSQL has `= ANY`.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, bindparam, func, literal_column, or_, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.sql.elements import ColumnElement

from syncd.core.lead_state import STANDING
from syncd.core.texts import bare, fold
from syncd.ledger import flow
from syncd.ledger.schema import Tally, table

T = TypeVar("T")

upsert = insert
"""INSERT that can say ON CONFLICT; PostgreSQL's has the same form."""


def execute_many(connection: Connection, statement: Any, rows: Sequence[Mapping[str, object]]) -> None:
    """Run an INSERT or UPDATE for each row. SQLAlchemy takes an empty list for a row of defaults; here nothing runs."""
    if rows:
        connection.execute(statement, rows)


def insert_rows(
    connection: Connection, target: Table, columns: Sequence[str], rows: Sequence[tuple[object, ...]]
) -> None:
    """Insert values that SQLite takes as they are: SQLAlchemy would look at each, at twice the cost of the insert."""
    marks = ", ".join("?" * len(columns))
    text = f"INSERT INTO {target.name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - names of the schema
    connection.exec_driver_sql(text, [*rows])


def driver(connection: Connection) -> sqlite3.Connection:
    """Return the driver's connection, inside SQLAlchemy's transaction, for statements that are plain text."""
    found: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    return found


_STEPS = 10_000
"""Steps of SQLite between two looks if a query is late; a fraction of a millisecond."""


def unless_late(
    connection: Connection, late: Callable[[], bool], query: Callable[[Connection], T]
) -> T | None:
    """Return what a reading query finds; None if it was cut short, because `late` became true."""
    bare = driver(connection)
    bare.set_progress_handler(late, _STEPS)
    try:
        return query(connection)
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorname", "") != "SQLITE_INTERRUPT":
            raise
        return None
    finally:
        bare.set_progress_handler(None, 0)


Moves = Counter[tuple[str, str, str]]
"""(kind, name, state) -> how many rows came into it, less how many left."""


def among(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """`column IN (the JSON array bound to parameter)`: one statement however many ids there are."""
    each = func.json_each(bindparam(parameter)).table_valued("value")
    return column.in_(select(each.c.value))


def quoted(state: str) -> ColumnElement[str]:
    """A state written into the statement: SQLite uses a partial index only for what it can read there."""
    return literal_column(f"'{state}'")


def is_standing(lead: Any) -> ColumnElement[bool]:
    """Rows of the partial index over leads, in its own words: another condition goes beside this one."""
    rows: ColumnElement[bool] = lead.c.state.in_([quoted(state) for state in STANDING])
    return rows


def is_there(delivery: Any) -> ColumnElement[bool]:
    """True for deliveries that the remote has, also those that are on their way again: these keep their remote id."""
    return or_(delivery.c.state == quoted("delivered"), delivery.c.remote_id.is_not(None))


def array(values: Iterable[object]) -> str:
    """The parameter that `among` wants."""
    return json.dumps(values if isinstance(values, list) else list(values))


_tally = table(Tally)


@dataclass(frozen=True, slots=True)
class Books:
    """A transaction that moves rows from state to state, at one wall time; `close` writes what moved to the tally.

    Where the ledger counts flow, it writes that too.
    """

    connection: Connection
    now: float
    moves: Moves = field(default_factory=Moves)

    def move(self, kind: str, name: str, n: int, *, old: str = "", new: str = "") -> None:
        """Count n rows that left `old` (empty: they are new) and came into `new` (empty: they are gone)."""
        if old:
            self.moves[kind, name, old] -= n
        if new:
            self.moves[kind, name, new] += n

    def close(self) -> None:
        """Write the counts; the last thing in the transaction."""
        changes = [(*key, n) for key, n in self.moves.items() if n]
        # SQLite checks n >= 0 on the row to insert before it looks for a conflict: make the rows first
        makes = [{"kind": kind, "name": name, "state": state, "n": 0} for kind, name, state, _ in changes]
        execute_many(self.connection, _MAKE, makes)
        execute_many(self.connection, _ADD, [dict(zip("kmsd", change, strict=True)) for change in changes])
        if changes and self.connection.info.get(flow.COUNTED):
            flow.add(self.connection, flow.arrivals(self.moves), self.now)


_MAKE = upsert(_tally).on_conflict_do_nothing()
_ADD = (
    _tally.update()
    .where(_tally.c.kind == bindparam("k"), _tally.c.name == bindparam("m"), _tally.c.state == bindparam("s"))
    .values(n=_tally.c.n + bindparam("d"))
)


def add_functions(connection: sqlite3.Connection) -> None:
    """Give a connection `fold(text)` and `holds(json, sought, place)`, to search for people whatever the case and alphabet.

    SQLite's own `lower` knows ASCII alone, and JSON has escapes.
    """
    connection.create_function("fold", 1, lambda text: text and fold(text), deterministic=True)
    connection.create_function("holds", 3, holds, deterministic=True)


def holds(text: str | None, sought: str, place: str) -> bool:
    """True if a stored JSON value holds a text as a whole value. Text that is cut off must hold it in quotes.

    Args:
        text: JSON, or None.
        sought: folded; a handle is bare.
        place: `handle` for that of the profile, empty for anywhere.
    """
    if not text:
        return False
    folded = fold(text)
    if sought not in folded and "\\u" not in text:  # cheap, and true of most
        return False
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return f'"{sought}"' in folded
    if place:
        profile = value.get("profile") if isinstance(value, dict) else None
        handle = profile.get("handle") if isinstance(profile, dict) else None
        return handle is not None and bare(str(handle)) == sought
    return any(fold(one.strip()) == sought for one in _texts(value))


def _texts(value: Any) -> Iterator[str]:
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict | list):
            rest += one.values() if isinstance(one, dict) else one
