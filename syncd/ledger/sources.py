"""Sources as the ledger keeps them: how far each was pulled, and from where."""

from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, select, update

from syncd.ledger.schema import Source, table
from syncd.ledger.sql import Bulk, upsert

_source = table(Source)


def load_source(connection: Connection, name: str) -> Any:
    """The source's row; made if it is new."""
    found = connection.execute(_SOURCE, {"name": name}).first()
    if found is None:
        connection.execute(upsert(_source).values(name=name, started=False, listing="all"))
        found = connection.execute(_SOURCE, {"name": name}).one()
    return found


_SOURCE = select(_source).where(_source.c.name == bindparam("name"))


def update_source(connection: Connection, name: str, **values: object) -> None:
    """Set columns of the source's row."""
    connection.execute(update(_source).where(_source.c.name == name).values(**values))


def move_watermark(connection: Connection, name: str, to: float, now: float) -> None:
    """Forward only; part of the last page's transaction."""
    _FORWARD(connection, [{"source": name, "to": to, "now": now}])


_FORWARD = Bulk(
    update(_source)
    .where(_source.c.name == bindparam("source"))
    .values(
        watermark=func.max(func.coalesce(_source.c.watermark, bindparam("to")), bindparam("to")),
        pulled_at=bindparam("now"),
        started=literal_column("1"),
    ),
    (),
)
