"""Windows of the past that a command asked the running engine to pull: kept here, so that neither a kill loses them."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from syncd.ledger.schema import Window, table
from syncd.ledger.sql import among, array, quoted

_window = table(Window)


def ask(
    connection: Connection,
    source: str,
    now: float,
    *,
    since: float,
    until: float | None,
    limit: int | None,
    who: str,
) -> int:
    """Ask for a window of a source's leads; its number. Instants are seconds since the epoch."""
    row = {"source": source, "since": since, "until": until, "most": limit, "asked_at": now, "who": who}
    made: int = connection.execute(
        _window.insert().returning(_window.c.id), {**row, "state": "pending", "new": 0}
    ).scalar_one()
    return made


def pending(connection: Connection) -> Sequence[Any]:
    """The windows that are still to be pulled, oldest first. `most`: how many new leads are left to be found."""
    return connection.execute(_PENDING).all()


_LEFT = func.max(0, _window.c.most - _window.c.new).label("most")
_PENDING = (
    select(*(column for column in _window.c if column is not _window.c.most), _LEFT)
    .where(_window.c.state == quoted("pending"))
    .order_by(_window.c.id)
)


def found(connection: Connection, number: int, new: int, now: float | None) -> None:
    """Note how many new leads a window brought so far. `now`: when it is done, None if it goes on."""
    values = {"new": _window.c.new + new, **({} if now is None else {"state": "done", "done_at": now})}
    connection.execute(
        update(_window).where(_window.c.id == bindparam("number")).values(values), {"number": number}
    )


def stand_of(connection: Connection, numbers: Collection[int]) -> Sequence[Any]:
    """These windows as they are now."""
    return connection.execute(
        select(_window).where(among(_window.c.id, "ids")).order_by(_window.c.id), {"ids": array(numbers)}
    ).all()
