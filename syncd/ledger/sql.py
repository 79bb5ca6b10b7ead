"""Tools of every query module: sets of ids as one parameter, and the tally.

Differences between database systems belong here: `among` is SQLite's `json_each`, where PostgreSQL has `= ANY`.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, select
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql.elements import ColumnElement

from syncd.core.lead_state import STANDING
from syncd.ledger.schema import Tally, table

_NOTHING: Mapping[str, object] = MappingProxyType({})
upsert = insert
"""INSERT that can say ON CONFLICT; PostgreSQL's has the same form."""


class Bulk:
    """One INSERT or UPDATE for many rows, compiled once, when it is first run, and handed to the driver with plain tuples.

    SQLAlchemy's own way through `execute` costs three times as much a row, in looking at values that need no looking
    at. `names`: the parameters, which a row must have, in any order.
    """

    def __init__(self, statement: Any, names: Sequence[str]) -> None:
        """`names`: the statement's parameters; for an INSERT its columns; none where it names them all itself."""
        self._statement = statement
        self._names = names

    @cached_property
    def _compiled(self) -> tuple[str, Callable[[Mapping[str, object]], Any]]:
        """The text, and what takes a row's values in its order."""
        compiled = self._statement.compile(dialect=_DIALECT, column_keys=list(self._names) or None)
        return str(compiled), itemgetter(*compiled.positiontup)

    def __call__(self, connection: Connection, rows: Sequence[Mapping[str, object]]) -> int:
        """Run it for all rows; how many it changed."""
        if not rows:
            return 0
        text, pick = self._compiled
        return driver(connection).executemany(text, [pick(row) for row in rows]).rowcount


class Insert:
    """An INSERT of many rows given as plain tuples, a hundred to a statement; what they have in common is given once.

    The driver lets go of the interpreter for each statement and must then wait for it: with a row to a statement, two
    lanes at work slow each other down, and with many rows to one they work side by side.
    """

    def __init__(self, into: Any, shared: Sequence[str], names: Sequence[str]) -> None:
        """`shared`: columns in which all rows are alike; `names`: the others, in the order of a row's members."""
        self._head = f"INSERT INTO {into.name} ({', '.join([*shared, *names])}) VALUES "  # noqa: S608 - names of our own
        self._shared, self._own = len(shared), len(names)
        self._hundred = self._text(_TOGETHER)

    def __call__(
        self, connection: Connection, shared: tuple[object, ...], rows: Sequence[tuple[object, ...]]
    ) -> None:
        """Insert them all."""
        for start in range(0, len(rows), _TOGETHER):
            some = rows[start : start + _TOGETHER]
            text = self._hundred if len(some) == _TOGETHER else self._text(len(some))
            driver(connection).execute(text, (*shared, *chain.from_iterable(some)))

    def _text(self, rows: int) -> str:
        alike = "".join(f"?{n}, " for n in range(1, self._shared + 1))
        starts = range(self._shared + 1, self._shared + rows * self._own, self._own)
        each = (", ".join(f"?{n}" for n in range(start, start + self._own)) for start in starts)
        return self._head + ", ".join(f"({alike}{own})" for own in each)


class Prepared:
    """A statement that runs for each page or call: compiled once, when it is first run, and handed to the driver.

    SQLAlchemy's own `execute` takes ten times as long as SQLite does over one that touches a row or none.
    """

    def __init__(self, build: Callable[[], Any]) -> None:
        """`build`: makes the statement, whose every parameter is a name, or has its value already."""
        self._build = build

    @cached_property
    def _compiled(self) -> tuple[str, Sequence[str], Mapping[str, object]]:
        """The text, its parameters in order, and what those are that have their value already."""
        compiled = self._build().compile(dialect=_DIALECT)
        return compiled.string, compiled.positiontup or (), compiled.construct_params(_check=False)

    def __call__(self, connection: Connection, values: Mapping[str, object] = _NOTHING) -> sqlite3.Cursor:
        """Run it. `values`: by the parameters' names. Rows are the driver's plain tuples: SQLite's 0 and 1 for truth."""
        text, names, given = self._compiled
        chosen = [values[name] if name in values else given[name] for name in names]
        return driver(connection).execute(text, chosen)


class Rows(Prepared):
    """A SELECT of that kind, whose rows are read at once."""

    def __call__(  # type: ignore[override]
        self, connection: Connection, values: Mapping[str, object] = _NOTHING
    ) -> list[tuple[Any, ...]]:
        """Its rows. `values`: by the parameters' names."""
        return super().__call__(connection, values).fetchall()


def driver(connection: Connection) -> sqlite3.Connection:
    """Return the driver's connection, inside SQLAlchemy's transaction, for statements that are plain text."""
    found: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    return found


_TOGETHER = 100


_DIALECT = sqlite_dialect(paramstyle="qmark")

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


def array(values: Iterable[object]) -> str:
    """The parameter that `among` wants."""
    return json.dumps(values if isinstance(values, list) else list(values))


_tally = table(Tally)


@dataclass(frozen=True, slots=True)
class Books:
    """A transaction that moves rows from state to state, at one wall time; `close` writes what moved to the tally."""

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
        _tally_up(self.connection, self.moves)


def _tally_up(connection: Connection, moves: Moves) -> None:
    changes = [(*key, n) for key, n in moves.items() if n]
    # SQLite checks n >= 0 on the row to insert before it looks for a conflict: make the rows first
    if changes:
        _MAKE(
            connection,
            [{"kind": kind, "name": name, "state": state, "n": 0} for kind, name, state, _ in changes],
        )
        _ADD(connection, [dict(zip("kmsd", change, strict=True)) for change in changes])


_MAKE = Bulk(upsert(_tally).on_conflict_do_nothing(), ("kind", "name", "state", "n"))
_ADD = Bulk(
    _tally.update()
    .where(_tally.c.kind == bindparam("k"), _tally.c.name == bindparam("m"), _tally.c.state == bindparam("s"))
    .values(n=_tally.c.n + bindparam("d")),
    ("n",),
)
