"""The books of sources, as the ledger keeps them: see `syncd.core.reconciliation`."""

from sqlalchemy import Connection, func, select

from syncd.core.reconciliation import Books
from syncd.ledger.schema import Reconciliation, Tally, table
from syncd.ledger.sql import upsert

_kept, _tally = table(Reconciliation), table(Tally)
_BOOKS = [_kept.c[name] for name in Books._fields]

EXPORTED = ("exported", "elsewhere")
"""The states of leads that CTGO does not list as new."""


def load(connection: Connection, source: str) -> Books:
    """Return a source's books; empty ones if nothing was compared yet."""
    found = connection.execute(select(*_BOOKS).where(_kept.c.source == source)).first()
    return Books(*found) if found else Books()


def load_all(connection: Connection) -> dict[str, Books]:
    """Return the books of every source that was compared, by its name."""
    rows = connection.execute(select(_kept.c.source, *_BOOKS))
    return {source: Books(*values) for source, *values in rows}


def save(connection: Connection, source: str, books: Books) -> None:
    """Write a source's books."""
    values = books._asdict()
    new = upsert(_kept).values(source=source, **values)
    connection.execute(new.on_conflict_do_update(index_elements=["source"], set_=values))


def held(connection: Connection, source: str) -> int:
    """Count the rows that the ledger holds and has not exported: those that CTGO lists as new."""
    count = func.coalesce(func.sum(_tally.c.n), 0)
    mine = (_tally.c.kind == "lead", _tally.c.name == source, _tally.c.state.not_in(EXPORTED))
    return int(connection.execute(select(count).where(*mine)).scalar_one())
