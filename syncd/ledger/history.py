"""The ledger's history: acts of people, jobs of maintenance, alerts that were sent."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, delete, func, select

from syncd.ledger.schema import table
from syncd.ledger.schema_history import Action, Alert, Digest, Upkeep
from syncd.ledger.sql import array, execute_many, upsert

_action, _upkeep, _alert, _digest = table(Action), table(Upkeep), table(Alert), table(Digest)


MOST_TOUCHED = 5000
"""Deliveries that an act may touch and be taken back for."""


def log_action(
    connection: Connection,
    now: float,
    *,
    who: str,
    verb: str,
    name: str = "",
    detail: str = "",
    via: str = "cli",
    touched: Sequence[int] = (),
) -> int:
    """Note in the operator's log who did what, and when; part of the transaction that does it. Returns its number.

    `via`: the way that the act came. `touched`: the deliveries that it may be taken back for; of too many, none is kept.
    """
    kept = array(touched) if 0 < len(touched) <= MOST_TOUCHED else None
    values = {
        "at": now,
        "who": who,
        "verb": verb,
        "name": name,
        "detail": detail,
        "via": via,
        "touched": kept,
    }
    return int(connection.execute(_action.insert().values(**values).returning(_action.c.id)).scalar_one())


def actions(
    connection: Connection,
    limit: int = 20,
    *,
    since: float | None = None,
    until: float | None = None,
    before: int | None = None,
    name: str = "",
    who: str = "",
    verb: str = "",
) -> Sequence[Any]:
    """Return the newest acts of people, newest first.

    `since`, `until`: none earlier, and none from then on; `before`: those with a smaller number only. `name`: of this source or connector only; `who`, `verb`:
    likewise.
    """
    query = select(_action).order_by(_action.c.id.desc()).limit(limit)
    if since is not None:
        query = query.where(_action.c.at >= since)
    if until is not None:
        query = query.where(_action.c.at < until)
    if before is not None:
        query = query.where(_action.c.id < before)
    for column, wanted in ((_action.c.name, name), (_action.c.who, who), (_action.c.verb, verb)):
        if wanted:
            query = query.where(column == wanted)
    return connection.execute(query).all()


_LATELY = 1000
"""Newest acts that names of people and verbs are taken from."""


def actors(connection: Connection) -> tuple[list[str], list[str]]:
    """Return who acted lately, and the verbs of their acts, each in order."""
    rows = actions(connection, _LATELY)
    return sorted({row.who for row in rows}), sorted({row.verb for row in rows})


def newest_action(connection: Connection) -> int:
    """The number of the newest act: when it grows, somebody did something."""
    return connection.execute(select(func.max(_action.c.id))).scalar() or 0


def acted_since(connection: Connection, number: int, verbs: Collection[str], names: Collection[str]) -> bool:
    """True if somebody did one of these acts, about one of these names, after the act of this number."""
    newer = select(_action.c.id).where(_action.c.id > number)
    mine = newer.where(_action.c.verb.in_(verbs), _action.c.name.in_(names))
    return connection.execute(mine.limit(1)).first() is not None


def parts_of(connection: Connection, number: int) -> Sequence[Any]:
    """Return the entries of an act, the oldest first: one that took several transactions has an entry for each."""
    one = select(_action).where(_action.c.id == number).subquery()
    same = (_action.c[name] == one.c[name] for name in ("at", "who", "verb", "name"))
    return connection.execute(select(_action).join(one, and_(*same)).order_by(_action.c.id)).all()


def newest_touching(connection: Connection, verb: str, name: str = "") -> int | None:
    """Return the number of the newest act of a kind that may be taken back, None if there is none."""
    query = select(func.max(_action.c.id)).where(_action.c.verb == verb, _action.c.touched.is_not(None))
    return connection.execute(query.where(_action.c.name == name) if name else query).scalar()


def acts_of(connection: Connection, verb: str) -> Sequence[tuple[str, float]]:
    """Return the objects and times of a person's acts of one kind, oldest first."""
    query = select(_action.c.name, _action.c.at).where(_action.c.verb == verb).order_by(_action.c.id)
    return [(row.name, row.at) for row in connection.execute(query)]


class Done(NamedTuple):
    """When something was last done to the ledger as a whole, in wall time; `detail` is empty when all was well."""

    at: float
    detail: str = ""


OWED = "owed"
"""The detail of `vacuum` while the file may still hold traces of forgotten people in bytes that it does not use."""

REACHED = "replaced"
"""The job that says how far the ledger reached that a restore replaced, by CTGO's time."""


_OWN = "backup:"
"""The names of the jobs that made the engine's own backups begin with this; the file follows."""


def done(connection: Connection) -> dict[str, Done]:
    """Return each job's last run by its name.

    Jobs: `retention`, `check`, `vacuum`, `backup`, `backup_failed`, `restore`, and `REACHED`.
    """
    jobs = select(_upkeep).where(_upkeep.c.name.not_like(f"{_OWN}%"))
    return {row.name: Done(row.done_at, row.detail) for row in connection.execute(jobs)}


def note_done(connection: Connection, name: str, now: float, detail: str = "") -> None:
    """Write down that it was done, or with a detail, what came of it."""
    values = {"done_at": now, "detail": detail}
    new = upsert(_upkeep).values(name=name, **values)
    connection.execute(new.on_conflict_do_update(index_elements=["name"], set_=values))


def clear_done(connection: Connection, name: str) -> None:
    """Delete a job's note."""
    connection.execute(delete(_upkeep).where(_upkeep.c.name == name))


def own_backups(connection: Connection) -> dict[Path, float]:
    """Return the files that the engine made as backups, or began to, each with its time; some may be gone."""
    rows = connection.execute(select(_upkeep).where(_upkeep.c.name.like(f"{_OWN}%")))
    return {Path(row.name.removeprefix(_OWN)): row.done_at for row in rows}


def note_backup(connection: Connection, file: Path, now: float) -> None:
    """Write down that a file is a backup of the engine's own: only such a file may be deleted."""
    note_done(connection, f"{_OWN}{file}", now)


def clear_backup(connection: Connection, file: Path) -> None:
    """Delete the note about a file."""
    clear_done(connection, f"{_OWN}{file}")


def restored_at(connection: Connection) -> float | None:
    """When this ledger was last put in place from a backup: by this machine's clock, or by CTGO's if that was ahead."""
    found = done(connection)
    if "restore" not in found:
        return None
    return max(found[name].at for name in ("restore", REACHED) if name in found)


def load_alerts(connection: Connection) -> Sequence[Mapping[str, Any]]:
    """Every alert that was sent, so that a restart neither repeats nor forgets one, with `kind` and `place` for its topic."""
    return [dict(row) for row in connection.execute(select(_alert)).mappings()]


def save_alerts(connection: Connection, rows: Sequence[Mapping[str, object]]) -> None:
    """Replace all rows by these; there are few."""
    connection.execute(delete(_alert))
    execute_many(connection, _alert.insert(), [dict(row) for row in rows])


def load_digest(connection: Connection) -> Mapping[str, Any] | None:
    """The totals of the last daily summary; None before the first."""
    query = select(_digest.c.at, _digest.c.found, _digest.c.delivered, _digest.c.exported)
    row = connection.execute(query).mappings().first()
    return dict(row) if row else None


def save_digest(connection: Connection, totals: Mapping[str, object]) -> None:
    """The totals that the next one counts from."""
    connection.execute(delete(_digest))
    connection.execute(_digest.insert(), dict(totals))
