"""Sources: how far each was pulled, its books against CTGO's, windows that a command asked for, and the names on its lists."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, true, update

from syncd.core.reconciliation import Books
from syncd.ledger.schema import Label, Reconciliation, Source, Tally, Window, table
from syncd.ledger.sql import among, array, execute_many, quoted, upsert
from syncd.ledger.tombstones import without_forgotten_names

_source, _books, _tally = table(Source), table(Reconciliation), table(Tally)
_window, _label = table(Window), table(Label)


def load_source(connection: Connection, name: str) -> Any:
    """The source's row; made if it is new."""
    found = connection.execute(_SOURCE, {"name": name}).first()
    if found is None:
        connection.execute(upsert(_source).values(name=name, started=False, listing="all"))
        found = connection.execute(_SOURCE, {"name": name}).one()
    return found


_SOURCE = select(_source).where(_source.c.name == bindparam("name"))


def is_started(connection: Connection, name: str) -> bool:
    """True once a source's first whole pass is over."""
    found = connection.execute(_SOURCE, {"name": name}).first()
    return found is not None and bool(found.started)


def update_source(connection: Connection, name: str, **values: object) -> None:
    """Set columns of the source's row."""
    connection.execute(update(_source).where(_source.c.name == name).values(**values))


def move_watermark(connection: Connection, name: str, to: float, now: float) -> None:
    """Forward only; part of the last page's transaction."""
    connection.execute(_FORWARD, {"source": name, "to": to, "now": now})


_FORWARD = (
    update(_source)
    .where(_source.c.name == bindparam("source"))
    .values(
        watermark=func.max(func.coalesce(_source.c.watermark, bindparam("to")), bindparam("to")),
        pulled_at=bindparam("now"),
        started=true(),
    )
)


def set_budgets(connection: Connection, budgets: Mapping[str, str]) -> None:
    """A start, or a reload: the names of the budgets of these sources' keys, for a reader who has no key."""
    rows = [{"source": source, "its": name} for source, name in budgets.items()]
    execute_many(connection, _SET_BUDGET, rows)


_SET_BUDGET = (
    update(_source)
    .where(_source.c.name == bindparam("source"), _source.c.budget != bindparam("its"))
    .values(budget=bindparam("its"))
)


# Books: see `syncd.core.reconciliation`

EXPORTED = ("exported", "elsewhere")
"""The states of leads that CTGO does not list as new."""


def load_books(connection: Connection, source: str) -> Books:
    """Return a source's books; empty ones if nothing was compared yet."""
    return load_all_books(connection).get(source, Books())


def load_all_books(connection: Connection) -> dict[str, Books]:
    """Return the books of every source that was compared, by its name."""
    rows = connection.execute(select(_books.c.source, *(_books.c[name] for name in Books._fields)))
    return {source: Books(*values) for source, *values in rows}


def save_books(connection: Connection, source: str, books: Books) -> None:
    """Write a source's books."""
    values = books._asdict()
    new = upsert(_books).values(source=source, **values)
    connection.execute(new.on_conflict_do_update(index_elements=["source"], set_=values))


def unexported(connection: Connection, source: str) -> int:
    """Count the rows that the ledger holds and has not exported: those that CTGO lists as new."""
    count = func.coalesce(func.sum(_tally.c.n), 0)
    mine = (_tally.c.kind == "lead", _tally.c.name == source, _tally.c.state.not_in(EXPORTED))
    return int(connection.execute(select(count).where(*mine)).scalar_one())


# Windows of the past that a command asked the running engine to pull: kept here, so that no death loses one


def ask_window(
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


def pending_windows(connection: Connection) -> Sequence[Any]:
    """The windows that are still to be pulled, oldest first. `most`: how many new leads are left to be found."""
    return connection.execute(_PENDING).all()


_LEFT = func.max(0, _window.c.most - _window.c.new).label("most")
_PENDING = (
    select(*(column for column in _window.c if column is not _window.c.most), _LEFT)
    .where(_window.c.state == quoted("pending"))
    .order_by(_window.c.id)
)


def note_window(connection: Connection, number: int, new: int, now: float | None) -> None:
    """Add new leads to those that a window brought so far. `now`: when it is done, None if it goes on."""
    values = {"new": _window.c.new + new, **({} if now is None else {"state": "done", "done_at": now})}
    connection.execute(update(_window).where(_window.c.id == number).values(values))


def windows_of(connection: Connection, numbers: Collection[int]) -> Sequence[Any]:
    """These windows as they are now."""
    return connection.execute(
        select(_window).where(among(_window.c.id, "ids")).order_by(_window.c.id), {"ids": array(numbers)}
    ).all()


# Names of campaigns, segments and tracked accounts, as CTGO's lists last showed them. A name that is on the list no more
# stays what it was. A row of the kind `list:…` and the id 0 holds when a list was last asked for, and the code of a failure

Names = dict[int, str]


def load_names(connection: Connection, source: str) -> tuple[Names, Names, Names]:
    """Return a source's known names by id: of campaigns, segments, tracked accounts."""
    found: dict[str, Names] = {"stream": {}, "segment": {}, "account": {}}
    for kind, number, name in connection.execute(_NAMES, {"source": source}):
        if kind in found:
            found[kind][number] = name
    return found["stream"], found["segment"], found["account"]


def load_asked(connection: Connection, source: str) -> dict[str, tuple[float, str]]:
    """Return, by kind, when its list was last asked for and the code of the failure, empty if there was none."""
    rows = connection.execute(_ASKED, {"source": source})
    return {kind.removeprefix("list:"): (at, code or "") for kind, at, code in rows}


_OURS = _label.c.source == bindparam("source")
_NAMES = select(_label.c.kind, _label.c.id, _label.c.name).where(_OURS, _label.c.name.is_not(None))
_ASKED = select(_label.c.kind, _label.c.seen_at, _label.c.name).where(
    _OURS, _label.c.kind.startswith("list:"), _label.c.id == 0
)


def save_names(
    connection: Connection,
    source: str,
    kind: str,
    names: Mapping[int, str | None],
    now: float,
    *,
    failed: str = "",
) -> None:
    """Save the names on a list, and that it was asked for now; `failed`: the code if it was not answered.

    A tracked account may be somebody who was forgotten: it stays without a name.
    """
    if kind == "account":
        names = without_forgotten_names(connection, names)
    save_labels(connection, source, kind, names, now)
    row = {"source": source, "kind": f"list:{kind}", "id": 0, "name": failed or None, "seen_at": now}
    changes = {"name": row["name"], "seen_at": now}
    connection.execute(
        upsert(_label)
        .values(row)
        .on_conflict_do_update(index_elements=["source", "kind", "id"], set_=changes)
    )


def campaigns(connection: Connection, source: str) -> list[int]:
    """Return every campaign that a lead or a listing of this source ever named."""
    return list(connection.execute(_STREAMS, {"source": source}).scalars())


_STREAMS = select(_label.c.id).where(_OURS, _label.c.kind == "stream")


def save_labels(
    connection: Connection, source: str, kind: str, names: Mapping[int, str | None], now: float
) -> None:
    """Remember names; a missing name never replaces a known one."""
    rows = [{"source": source, "kind": kind, "id": i, "name": n, "seen_at": now} for i, n in names.items()]
    execute_many(connection, _SAVE_LABELS, rows)


_NEW_LABEL = upsert(_label)
_SAVE_LABELS = _NEW_LABEL.on_conflict_do_update(
    index_elements=["source", "kind", "id"],
    set_={
        "name": func.coalesce(_NEW_LABEL.excluded.name, _label.c.name),
        "seen_at": _NEW_LABEL.excluded.seen_at,
    },
)
