"""Names of campaigns, segments and tracked accounts, as CTGO's lists last showed them.

A row of the kind `list:…` and the id 0 says when a list was last asked for, and with which code that failed, if it did.
A name that is on the list no more stays what it was.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, func, select

from syncd.ledger.privacy.tombstones import without_forgotten_names
from syncd.ledger.schema import Label, table
from syncd.ledger.sql import Bulk, Rows, upsert

_label = table(Label)

Names = dict[int, str]


def load_names(connection: Connection, source: str) -> tuple[Names, Names, Names]:
    """Return a source's known names by id: of campaigns, segments, tracked accounts."""
    found: dict[str, Names] = {"stream": {}, "segment": {}, "account": {}}
    for kind, number, name in _NAMES(connection, {"source": source}):
        if kind in found:
            found[kind][number] = name
    return found["stream"], found["segment"], found["account"]


def load_asked(connection: Connection, source: str) -> dict[str, tuple[float, str]]:
    """Return, by kind, when its list was last asked for and the code of the failure, empty if there was none."""
    rows = _ASKED(connection, {"source": source})
    return {kind.removeprefix("list:"): (at, code or "") for kind, at, code in rows}


_OURS = _label.c.source == bindparam("source")
_NAMES = Rows(
    lambda: select(_label.c.kind, _label.c.id, _label.c.name).where(_OURS, _label.c.name.is_not(None))
)
_ASKED = Rows(
    lambda: select(_label.c.kind, _label.c.seen_at, _label.c.name).where(
        _OURS, _label.c.kind.startswith("list:"), _label.c.id == 0
    )
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
    connection.execute(
        upsert(_label)
        .values(row)
        .on_conflict_do_update(
            index_elements=["source", "kind", "id"], set_={"name": row["name"], "seen_at": now}
        )
    )


def campaigns(connection: Connection, source: str) -> list[int]:
    """Return every campaign that a lead or a listing of this source ever named."""
    return [row[0] for row in _STREAMS(connection, {"source": source})]


_STREAMS = Rows(
    lambda: select(_label.c.id).where(_label.c.source == bindparam("source"), _label.c.kind == "stream")
)


def save_labels(
    connection: Connection, source: str, kind: str, names: Mapping[int, str | None], now: float
) -> None:
    """Remember names; a missing name never replaces a known one."""
    rows = [{"source": source, "kind": kind, "id": i, "name": n, "seen_at": now} for i, n in names.items()]
    _SAVE_LABELS(connection, rows)


_NEW_LABEL = upsert(_label)


_SAVE_LABELS = Bulk(
    _NEW_LABEL.on_conflict_do_update(
        index_elements=["source", "kind", "id"],
        set_={
            "name": func.coalesce(_NEW_LABEL.excluded.name, _label.c.name),
            "seen_at": _NEW_LABEL.excluded.seen_at,
        },
    ),
    ("source", "kind", "id", "name", "seen_at"),
)
