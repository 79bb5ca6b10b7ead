"""The request budgets as the ledger keeps them, so that every process that uses a key counts together.

Instants are monotonic seconds of one boot. Rows of another boot mean that the machine was restarted: what they stood
for is over, and each is free 60 s from now at the latest.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, select, update

from syncd.core.limiter import WINDOW, Budget, Grant, Slots, clamp, grant, held
from syncd.ledger.schema import Budget as BudgetRow
from syncd.ledger.schema import Slot, table
from syncd.ledger.sql import execute_many, upsert

_budget, _slot = table(BudgetRow), table(Slot)


# Built once: to build a statement takes five times as long as to run it, and these run for every page
_OURS = _slot.c.budget == bindparam("name")
_BUDGET = select(_budget).where(_budget.c.name == bindparam("name"))
_SLOTS = select(_slot.c.free_at, _slot.c.n).where(_OURS)
_FORGET = delete(_slot).where(_OURS, _slot.c.free_at <= bindparam("until"))
_TAKE = _slot.insert().returning(_slot.c.id)
_FREE = delete(_slot).where(_slot.c.id == bindparam("row"))
_THIS = update(_budget).where(_budget.c.name == bindparam("budget"))
_LOWER = _THIS.values(server_limit=bindparam("limit"))
_SCHEDULE = _THIS.values(
    pull_at=bindparam("at"), pull_needs=bindparam("needs"), pull_every=bindparam("every")
)

REMEMBERED = 60.0
"""Seconds for which a slot that is free again is remembered: longer than most passes."""


class Meter(NamedTuple):
    """A budget, the requests a minute that the configuration allows, and the clock that counts them."""

    name: str
    limit: int
    boot: str


class Taken(NamedTuple):
    """Slots taken in one commit: the row that holds them until the requests are over."""

    row: int
    n: int


def load_budget(connection: Connection, meter: Meter, now: float) -> Budget:
    """The budget as it stands; slots that have been free for a while are forgotten.

    Until then they may still explain what an answer under way says of the server's count.
    """
    row = _row(connection, meter, now)
    connection.execute(_FORGET, {"name": meter.name, "until": now - REMEMBERED})
    slots = connection.execute(_SLOTS, {"name": meter.name}).all()
    return _budget_of(row, [Slots(*slot) for slot in slots], meter, now)


def read_budgets(connection: Connection, meters: Iterable[Meter], now: float) -> dict[str, Budget]:
    """The budgets of many keys by their meters' names, without the right to write: two statements however many there are."""
    rows = {row.name: row for row in connection.execute(select(_budget))}
    taken: dict[str, list[Slots]] = {}
    for name, free_at, n in connection.execute(select(_slot.c.budget, _slot.c.free_at, _slot.c.n)):
        taken.setdefault(name, []).append(Slots(free_at, n))
    return {it.name: _budget_of(rows.get(it.name), taken.get(it.name, []), it, now) for it in meters}


def _budget_of(row: Any, taken: Sequence[Slots], meter: Meter, now: float) -> Budget:
    if row is None or row.boot != meter.boot:
        return Budget(meter.limit, clamp(taken, now, same_boot=False))
    limit = min(meter.limit, row.server_limit) if row.server_limit else meter.limit
    return Budget(limit, tuple(taken), row.blocked_until, row.pull_at, row.pull_needs, row.pull_every)


def take(
    connection: Connection, meter: Meter, now: float, *, want: int, live: bool, deadline: float
) -> tuple[Grant, Taken | None]:
    """Take up to `want` slots, part of the transaction that opens a pass. `deadline`: a request's, seconds."""
    granted = grant(load_budget(connection, meter, now), now, want, live=live)
    if not granted.n:
        return granted, None
    row = {"budget": meter.name, "boot": meter.boot, "free_at": held(now, deadline), "n": granted.n}
    made: Any = connection.execute(_TAKE, row).scalar_one()
    return granted, Taken(made, granted.n)


def give_back(connection: Connection, meter: Meter, taken: Taken | None, frees: Iterable[Slots]) -> None:
    """Replace what a pass held by when each of its requests really frees; slots never used are free at once."""
    if taken:
        connection.execute(_FREE, {"row": taken.row})
    add(connection, meter, tuple(frees))


def add(connection: Connection, meter: Meter, slots: Sequence[Slots]) -> None:
    """Count slots as taken: ours, or those of somebody else who uses the key."""
    rows = [{"budget": meter.name, "boot": meter.boot, "free_at": s.free_at, "n": s.n} for s in slots]
    execute_many(connection, _slot.insert(), rows)


def block(connection: Connection, meter: Meter, until: float) -> None:
    """Let nobody use the key before this instant, as the server asked."""
    longest = func.max(_budget.c.blocked_until, until)
    connection.execute(_THIS.values(blocked_until=longest), {"budget": meter.name})


def lower(connection: Connection, meter: Meter, limit: int) -> None:
    """The server's limit, whichever way it moved last; ours stays an upper bound."""
    connection.execute(_LOWER, {"budget": meter.name, "limit": limit})


def schedule_pull(
    connection: Connection, meter: Meter, at: float | None, needs: int, every: float | None = None
) -> None:
    """Note when the next scheduled pull will want its slots, how many, and how often; None when there is none."""
    connection.execute(_SCHEDULE, {"budget": meter.name, "at": at, "needs": max(1, needs), "every": every})


def start_over(connection: Connection, meter: Meter, now: float) -> None:
    """An engine starts, so the one before it is dead: whatever it held is free 60 s from now at the latest."""
    _row(connection, meter, now)
    schedule_pull(connection, meter, None, 1)
    connection.execute(
        update(_slot)
        .where(_slot.c.budget == meter.name, _slot.c.free_at > now + WINDOW)
        .values(free_at=now + WINDOW)
    )
    connection.execute(
        update(_budget)
        .where(_budget.c.name == meter.name, _budget.c.blocked_until > now + 3600)
        .values(blocked_until=now + 3600)
    )


def _row(connection: Connection, meter: Meter, now: float) -> Any:
    """The budget's row, of this boot: rows from before a reboot are brought onto this boot's clock."""
    row = connection.execute(_BUDGET, {"name": meter.name}).first()
    if row is not None and row.boot == meter.boot:
        return row
    fresh = {"name": meter.name, "boot": meter.boot, "blocked_until": 0.0, "pull_at": None, "pull_needs": 1}
    connection.execute(
        upsert(_budget).values(fresh).on_conflict_do_update(index_elements=["name"], set_=fresh)
    )
    old = connection.execute(_SLOTS, {"name": meter.name}).all()
    if old:
        connection.execute(delete(_slot).where(_slot.c.budget == meter.name))
        add(connection, meter, clamp([Slots(*slot) for slot in old], now, same_boot=False))
    return connection.execute(_BUDGET, {"name": meter.name}).one()
