"""What every query module shares: sets of ids as one parameter, and the tally.

Differences between database systems belong here: `among` is SQLite's `json_each`, where PostgreSQL has `= ANY`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql.elements import ColumnElement

from syncd.ledger.tables import Tally, table

upsert = insert
"""INSERT that can say ON CONFLICT; PostgreSQL's has the same form."""


def bulk(connection: Connection, statement: Any, rows: Sequence[Mapping[str, object]]) -> int:
    """Run one INSERT or UPDATE for many rows: how many it changed.

    The statement is compiled once and handed to the driver with the rows as they are. SQLAlchemy's own way through
    `execute` costs three times as much a row, in looking at values that need no looking at.
    """
    if not rows:
        return 0
    text = _COMPILED.get(id(statement))
    if text is None:
        text = _COMPILED[id(statement)] = str(statement.compile(dialect=_NAMED, column_keys=list(rows[0])))
        _KEPT.append(statement)
    return connection.exec_driver_sql(text, list(rows)).rowcount


_NAMED = sqlite_dialect(paramstyle="named")
_COMPILED: dict[int, str] = {}
_KEPT: list[object] = []
"""The statements compiled, so that no other gets the id of one that is gone."""

Moves = Counter[tuple[str, str, str]]
"""(kind, name, state) -> how many rows came into it, less how many left."""


def among(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """`column IN (the JSON array bound to parameter)`: one statement however many ids there are."""
    each = func.json_each(bindparam(parameter)).table_valued("value")
    return column.in_(select(each.c.value))


def array(values: Iterable[object]) -> str:
    """The parameter that `among` wants."""
    return json.dumps(list(values))


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
        names = ("kind", "name", "state")
        connection.execute(
            upsert(_tally).on_conflict_do_nothing(),
            [dict(zip(names, c[:3], strict=True), n=0) for c in changes],
        )
        connection.execute(_ADD, [dict(zip(("k", "m", "s", "d"), c, strict=True)) for c in changes])


_ADD = (
    _tally.update()
    .where(_tally.c.kind == bindparam("k"), _tally.c.name == bindparam("m"), _tally.c.state == bindparam("s"))
    .values(n=_tally.c.n + bindparam("d"))
)
