"""The flood gate in the ledger: what is held, in sets, inside the transaction that made it.

A held delivery is pending and never due. What is marked `unasked` is held too, but by no gate: see
`syncd.ledger.leads.enrichment`. A gate is closed when `closed_at` is set and something is marked `gate`; what is
held while it is open was brought by a pass that is not over yet, and is counted when it is. See `syncd.core.flood_gate`.
"""

from collections.abc import Collection, Mapping, Sequence
from json import loads
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, case, exists, false, func, not_, select, update

from syncd.core.flood_gate import FIRST, Gates, decide
from syncd.ledger.schema import Delivery, Gate, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import among, array, quoted, upsert

_lead, _delivery, _gate = table(LeadRow), table(Delivery), table(Gate)

UNASKED = "unasked"
"""The mark of what waits for an answer of enriching: no gate holds it, frees it or counts it."""

# Written out, as in the partial indexes
_PENDING = (_delivery.c.state == quoted("pending")) & (_delivery.c.held != quoted(UNASKED))
_HELD = _PENDING & (_delivery.c.held != quoted(""))
_FREE = _PENDING & (_delivery.c.held == quoted(""))
_OURS = _delivery.c.connector == bindparam("name")
_ON_PAGE = (_delivery.c.id > bindparam("after"), _PENDING, among(_delivery.c.connector, "names"))
_APPROVED = func.coalesce(
    select(_gate.c.approved).where(_gate.c.connector == bindparam("name")).scalar_subquery(), 0
)


class GateState(NamedTuple):
    """A connector's gate. `since`: when it closed; None while it is open, though a pass under way may hold some.

    `first`: the deliveries that it let through when it closed.
    """

    connector: str
    size: int
    since: float | None
    held: int
    first: tuple[int, ...] = ()


# What a pass brings

GATE = "gate"
"""The mark of what waits for a release, or for the next pass to be counted with: the one that brought it is no more."""


class Page(NamedTuple):
    """A page of a source's pass of this kind. `after`: the last delivery before it."""

    source: str
    kind: str
    after: int


_NEW = select(_delivery.c.connector, func.count()).where(*_ON_PAGE).group_by(_delivery.c.connector)
_OF_PASS = (
    _HELD,
    among(_delivery.c.connector, "names"),
    _delivery.c.held.in_((bindparam("kind"), quoted(GATE))),
    exists().where(_lead.c.seq == _delivery.c.lead_seq, _lead.c.source == bindparam("source")),
)
_WAITING = select(_delivery.c.connector, func.count()).where(*_OF_PASS).group_by(_delivery.c.connector)
_BEHIND = exists().where(_HELD, _delivery.c.held == GATE, _delivery.c.connector == _gate.c.connector)
_CLOSED = select(_gate.c.connector).where(_gate.c.closed_at.is_not(None), _BEHIND)
_HOLD_PAGE = update(_delivery).where(*_ON_PAGE).values(held=bindparam("kind"))
_FREE_PASS = update(_delivery).where(*_OF_PASS).values(held="")


def page(connection: Connection, gates: Gates, source: str, kind: str) -> Page:
    """Begin a page: what it will bring comes after what is there now."""
    return Page(source, kind, _last(connection) if gates else 0)


def take_in(connection: Connection, gates: Gates, page: Page, now: float, *, over: bool) -> None:
    """Hold, free or close over what a page brought, in its transaction. `over`: its pass is."""
    if gates.approving:
        approve(connection, gates.approving)
    if not gates.sizes:
        return
    on_page = {"after": page.after, "kind": page.kind, "names": array(gates.sizes)}
    new = _counted(connection, _NEW, on_page)
    if not new and not over:
        return
    closed = closed_gates(connection)
    of_pass = {**on_page, "source": page.source, "names": array(n for n in gates.sizes if n not in closed)}
    waiting = _counted(connection, _WAITING, of_pass) if over else {}
    moves = {
        name: decide(new.get(name, 0) + waiting.get(name, 0), size, closed=name in closed, over=over)
        for name, size in gates.sizes.items()
        if name in new or name in waiting
    }
    to_hold = {name for name, move in moves.items() if move == "hold"}
    for mark, names in ((GATE, to_hold & closed), (page.kind, to_hold - closed)):
        if names:
            connection.execute(_HOLD_PAGE, {**on_page, "kind": mark, "names": array(names)})
    to_free = [name for name, move in moves.items() if move == "free" and name in waiting]
    if to_free:
        connection.execute(_FREE_PASS, {**of_pass, "names": array(to_free)})
    for name, move in moves.items():
        if move == "close":
            close(connection, name, now)


def _counted(
    connection: Connection, query: Any, values: Mapping[str, object] | None = None
) -> dict[str, int]:
    rows: Sequence[Any] = connection.execute(query, values or {}).all()
    return dict(rows)


def closed_gates(connection: Connection) -> set[str]:
    """The connectors whose gate is closed."""
    return set(connection.execute(_CLOSED).scalars())


_HOLD_ALL = update(_delivery).where(_FREE, _OURS, _delivery.c.id > _APPROVED).values(held=GATE)
_HOLD_PASSES = update(_delivery).where(_HELD, _delivery.c.held != GATE, _OURS).values(held=GATE)
_OLDEST = (
    select(_delivery.c.id)
    .join(_lead, _lead.c.seq == _delivery.c.lead_seq)
    .where(_HELD, _OURS)
    .order_by(_lead.c.discovered_at, _delivery.c.id)
    .limit(bindparam("most"))
)
_FREE_OLDEST = update(_delivery).where(_delivery.c.id.in_(_OLDEST)).values(held="").returning(_delivery.c.id)
_FREE_ALL = update(_delivery).where(_HELD, _OURS).values(held="")


def close(connection: Connection, name: str, now: float) -> None:
    """Hold all that waits for this connector and that no person has let through, but for the five oldest."""
    connection.execute(_HOLD_ALL, {"name": name})
    connection.execute(_HOLD_PASSES, {"name": name})
    first = connection.execute(_FREE_OLDEST, {"name": name, "most": FIRST}).scalars().all()
    _set(connection, name, closed_at=now, first=array(sorted(first)))


def hold(connection: Connection, name: str) -> int:
    """Hold what waits for this connector and that no person has let through, with no exception; return how many."""
    return int(connection.execute(_HOLD_ALL, {"name": name}).rowcount)


_LET_THROUGH = {
    "held": "",
    "waits_from": case(
        (_delivery.c.due_at <= bindparam("now"), bindparam("now")), else_=_delivery.c.waits_from
    ),
}
"""As long as `waits_from` is the time of the release, nothing was tried since."""
_RELEASE_ALL = update(_delivery).where(_HELD, _OURS).values(_LET_THROUGH).returning(_delivery.c.id)
_RELEASE_OLDEST = (
    update(_delivery).where(_delivery.c.id.in_(_OLDEST)).values(_LET_THROUGH).returning(_delivery.c.id)
)


def release(connection: Connection, name: str, first: int | None, now: float) -> Sequence[int]:
    """Let through what is held, the `first` oldest or all; return their ids."""
    values = {"name": name, "most": first, "now": now}
    freed = connection.execute(_RELEASE_ALL if first is None else _RELEASE_OLDEST, values).scalars().all()
    if freed and name not in closed_gates(connection):
        _set(connection, name, closed_at=None)
        approve(connection, [name])
    return sorted(freed)


def hold_again(connection: Connection, entry: Any, now: float) -> int:
    """Hold what an entry of a release let through and nobody tried since; return how many. It closes the gate again."""
    query = update(_delivery).where(*_released_by(entry)).values(held=GATE, waits_from=None)
    held = connection.execute(query, _values_of(entry)).rowcount
    if held and entry.name not in closed_gates(connection):
        _set(connection, entry.name, closed_at=now)
    return int(held)


def count_released(connection: Connection, entry: Any) -> int:
    """Count what `hold_again` would hold."""
    query = select(func.count()).select_from(_delivery).where(*_released_by(entry))
    return int(connection.execute(query, _values_of(entry)).scalar_one())


def _released_by(entry: Any) -> tuple[Any, ...]:
    return _FREE, _OURS, among(_delivery.c.id, "ids"), untouched_since(_delivery, entry.at)


def _values_of(entry: Any) -> Mapping[str, str]:
    return {"name": entry.name, "ids": entry.touched or "[]"}


def untouched_since(rows: Any, at: float) -> Any:
    """Return the condition for rows that a person put into the line at this instant, and that nobody tried since."""
    return and_(rows.c.waits_from == at, rows.c.due_at <= at, not_(rows.c.suspect), not_(rows.c.maybe_sent))


def approve(connection: Connection, names: Collection[str]) -> None:
    """Remember that a person let through all there is for these connectors."""
    last = _last(connection)
    for name in names:
        _set(connection, name, approved=last)


def _last(connection: Connection) -> int:
    return connection.execute(select(func.max(_delivery.c.id))).scalar() or 0


ROW = (
    _delivery.c.id, _delivery.c.lead_seq, _delivery.c.connector, _delivery.c.state, _delivery.c.remote_id,
)  # fmt: skip
"""The columns of a delivery that a person decides about."""


def held_of(connection: Connection, name: str) -> Sequence[Any]:
    """Return the rows of what is held for a connector."""
    return connection.execute(select(*ROW).where(_HELD, _OURS), {"name": name}).all()


_NOTHING_BEHIND = update(_gate).where(_gate.c.closed_at.is_not(None), ~_BEHIND).values(closed_at=None)
_ORPHANED = update(_delivery).where(_HELD, _delivery.c.held != GATE).values(held=GATE)


_UNAPPROVED = select(func.count()).where(_FREE, _OURS, _delivery.c.id > _APPROVED)


_OF_OTHERS = exists().where(_lead.c.seq == _delivery.c.lead_seq, not_(among(_lead.c.source, "sources")))
_LEFT_BEHIND = update(_delivery).where(_HELD, _OURS, _OF_OTHERS).values(held="")


def start(
    connection: Connection,
    sizes: Mapping[str, int],
    routes: Mapping[str, Collection[str]],
    lifted: Collection[str],
    now: float,
) -> None:
    """An engine starts, or its configuration changed. `sizes`: of every configured connector, 0 for none.

    What passes that were cut short had brought is counted with the next one of their source; that of a source which no longer
    delivers there, and has no next one, is a burst. `routes`: the connectors of each configured source.

    `lifted`: the connectors whose halt this lifts. What gathered for them, and for one that is back in the
    configuration, is a burst.
    """
    connection.execute(_NOTHING_BEHIND)
    connection.execute(_ORPHANED)
    before = {row.connector: row for row in connection.execute(select(_gate))}
    connection.execute(update(_gate).values(configured=false()))
    for name, size in sizes.items():
        back = name in before and not before[name].configured
        _set(connection, name, size=size, configured=True)
        if not size and name not in closed_gates(connection):
            connection.execute(_FREE_ALL, {"name": name})  # of a pass that was cut short, when it had a gate
        left = 0
        if name not in closed_gates(connection):
            counting = array(source for source, its in routes.items() if name in its)
            left = connection.execute(_LEFT_BEHIND, {"name": name, "sources": counting}).rowcount
        if back or left or name in lifted:
            set_going(connection, name, now)


def know(connection: Connection, name: str, size: int) -> None:
    """A connector that no engine may have started with yet has a gate of this size, 0 for none."""
    _set(connection, name, size=size, configured=True)


def set_going(connection: Connection, name: str, now: float) -> bool:
    """A lane that stood still goes on: count what has gathered as one burst. Whether that closes its gate."""
    size = connection.execute(select(_gate.c.size).where(_gate.c.connector == name)).scalar() or 0
    if not size or name in closed_gates(connection):
        return False
    gathered = connection.execute(_UNAPPROVED, {"name": name}).scalar_one()
    if decide(gathered, size, closed=False, over=True) != "close":
        return False
    close(connection, name, now)
    return True


def _set(connection: Connection, name: str, **values: Any) -> None:
    new = upsert(_gate).values(connector=name, **{"size": 0, "approved": 0, "configured": True, **values})
    connection.execute(new.on_conflict_do_update(index_elements=["connector"], set_=values))


# Reading

_COUNT_HELD = select(_delivery.c.connector, func.count()).where(_HELD).group_by(_delivery.c.connector)


def gates(connection: Connection) -> dict[str, GateState]:
    """The gates behind which something is held. Costs follow what is held."""
    held = _counted(connection, _COUNT_HELD)
    if not held:
        return {}
    rows = {row.connector: row for row in connection.execute(select(_gate))}
    closed = closed_gates(connection)
    return {
        name: GateState(
            name,
            rows[name].size if name in rows else 0,
            rows[name].closed_at if name in closed else None,
            n,
            tuple(loads(rows[name].first)) if name in closed else (),
        )
        for name, n in held.items()
    }
