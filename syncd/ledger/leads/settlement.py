"""Settlement: deliveries settle leads and make exports owed, in the transaction that changes them.

Exports are put off where a source no longer exports, or has left the configuration. There is no lane that would make them,
and what never settles would count as work left for ever and keep its payload. So their leads settle as *unexported*, and the
exports are *shelved*: they are owed again, should the source come back or `export` be true again. What is delivered while
`export` is false is not shelved: CTGO is not to be told of it.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from json import loads
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, case, exists, func, literal, or_, select, update

from syncd.core.lead_state import HOLDS_EXPORT, UNSETTLED, DeliveryStates, LeadState, lead_state
from syncd.ledger.overview import counts
from syncd.ledger.schema import Delivery, Export, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import Books, among, array, is_standing, is_there, quoted, upsert
from syncd.ledger.twins import held, shared_host, twins

_lead, _delivery, _export = table(LeadRow), table(Delivery), table(Export)
_sibling = _lead.alias("sibling")


def _standings(*but: Any) -> Any:
    """Group leads by the states of their deliveries; return one row per group. A batch has two or three.

    `but`: cases of deliveries that stand as if they were in another state.
    """
    stands = case((is_there(_delivery), quoted("delivered")), *but, else_=_delivery.c.state)
    dropped = or_(_delivery.c.state == quoted("dropped"), *([stands == quoted("dropped")] if but else []))

    def some(state: str, *, required: bool) -> Any:
        return func.max(and_(stands == state, _delivery.c.required.is_(required)))

    each = (
        select(
            _lead.c.seq,
            _lead.c.source,
            _lead.c.lead_id,
            _lead.c.state,
            some("pending", required=True).label("required_pending"),
            some("rejected", required=True).label("required_rejected"),
            some("delivered", required=True).label("required_delivered"),
            some("pending", required=False).label("other_pending"),
            some("rejected", required=False).label("other_rejected"),
            some("delivered", required=False).label("other_delivered"),
            # A `where` that was mended and says no takes the delivery away as if it had never been made
            func.max(and_(dropped, _delivery.c.code != quoted("unwanted"))).label("dropped"),
        )
        .join(_delivery, _delivery.c.lead_seq == _lead.c.seq)
        .where(among(_lead.c.seq, "seqs"), _lead.c.state.in_(("delivering", "rejected", "exporting")))
        .group_by(_lead.c.seq)
        .subquery()
    )
    alike = [column for column in each.c if column.name not in {"seq", "lead_id"}]
    ids = func.json_group_array(each.c.seq), func.json_group_array(each.c.lead_id)
    return select(*alike, *ids).group_by(*alike)


_STANDINGS = _standings()
_IF_DROPPED = _standings((among(_delivery.c.id, "ids"), quoted("dropped")))


def after_drop(
    connection: Connection, rows: Sequence[Any], exports: Mapping[str, bool]
) -> Counter[LeadState]:
    """Count the unsettled leads of these deliveries by the state that they come to if the deliveries are dropped."""
    found = Counter[LeadState]()
    values = {"seqs": array(row.lead_seq for row in rows), "ids": array(row.id for row in rows)}
    for source, _, *standing, members, _ in connection.execute(_IF_DROPPED, values):
        state = lead_state(DeliveryStates(*standing), exports=exports.get(source, False))
        found[state] += len(loads(members))
    return found


_ALL_DELIVERED = (
    select(func.min(and_(_delivery.c.state == quoted("delivered"), _delivery.c.required.is_(True))))
    .where(_delivery.c.lead_seq == _lead.c.seq)
    .scalar_subquery()
)
_MOVE_DELIVERED = (
    update(_lead)
    .where(among(_lead.c.seq, "seqs"), _lead.c.state == quoted("delivering"), _ALL_DELIVERED)
    .values(state=bindparam("new"), settled_at=bindparam("at"))
)
_IDS = select(_lead.c.lead_id).where(among(_lead.c.seq, "seqs"))


def settle_delivered(
    books: Books, source: str, seqs: Sequence[int], *, exports: bool | None
) -> set[str] | None:
    """Settle leads whose deliveries are all required and delivered, as nearly all are, at half the cost of `settle`.

    `exports`: as in `owe_everywhere`. Returns the sources that may owe an export now; None: some lead is of another kind, so call `settle` for all.
    """
    new = lead_state(DeliveryStates(required_delivered=True), exports=bool(exports))
    moved = _move(books, _MOVE_DELIVERED, source, ("delivering", new), {"seqs": array(seqs)})
    if moved < len(seqs):
        return None
    if exports is False and not shared_host(books.connection, source):
        return set()
    ids = set(books.connection.execute(_IDS, {"seqs": array(seqs)}).scalars())
    return owe_everywhere(books, source, ids, exports=exports)


def settle(books: Books, seqs: Collection[int], exports: Mapping[str, bool]) -> set[str]:
    """Bring these leads' states up to their deliveries. `exports`: for each configured source, True if it exports.

    Returns the sources that may owe an export now.
    """
    ids: dict[str, set[int]] = {}
    rows = books.connection.execute(_STANDINGS, {"seqs": array(seqs)}).all()
    for source, state, *standing, members, lead_ids in rows:
        new = lead_state(DeliveryStates(*standing), exports=exports.get(source, False))
        if new != state:
            _move(books, _MOVE, source, (state, new), {"seqs": members, "old": state})
        ids.setdefault(source, set()).update(loads(lead_ids))
    each = (owe_everywhere(books, source, its, exports=exports.get(source)) for source, its in ids.items())
    return set[str]().union(*each)


_MOVE = (
    update(_lead)
    .where(among(_lead.c.seq, "seqs"), _lead.c.state == bindparam("old"))
    .values(state=bindparam("new"), settled_at=bindparam("at"))
)


def _move(
    books: Books, statement: Any, source: str, states: tuple[str, str], which: Mapping[str, object]
) -> int:
    """Run a statement that moves leads of a source from one state to another; return how many it moved."""
    old, new = states
    values = {**which, "new": new, "at": None if new in UNSETTLED else books.now}
    moved = books.connection.execute(statement, values).rowcount
    books.move("lead", source, moved, old=old, new=new)
    return moved


def owe_everywhere(books: Books, source: str, ids: Collection[int], *, exports: bool | None) -> set[str]:
    """Make the exports that are due after rows of a source have settled, also at sources that have twins of them.

    `exports`: True if the source itself exports; None: it is not configured. Returns the sources that may owe one now.
    """
    owing = set[str]()
    if exports is None:
        _shelve(books, source, ids)
    # Whatever the file says now: a row that is `exporting` belongs to an engine that exports, or it is put off at the next start
    if owe_exports(books, source, ids) or exports:
        owing.add(source)
    host = shared_host(books.connection, source)
    for name, its in twins(books.connection, source, host, ids).items() if host else ():
        if owe_exports(books, name, its):
            owing.add(name)
    return owing


def owe_exports(books: Books, source: str, ids: Collection[int]) -> int:
    """Make a source's exports that are due now, one for each id that no row and no twin still holds; return how many."""
    free = set(ids) - held(books.connection, source, ids)
    made = books.connection.execute(_OWE, {"owner": source, "ids": array(free)}).rowcount
    books.move("export", source, made, new="pending")
    close_exported(books, source, ids)
    return made


_HOLDS = exists().where(
    _sibling.c.source == _lead.c.source,
    _sibling.c.lead_id == _lead.c.lead_id,
    _sibling.c.state.in_(HOLDS_EXPORT),
)


def _rows_of(state: str) -> tuple[Any, ...]:
    """Return the conditions for rows of the source `owner` with these `ids` that are in a state."""
    return _lead.c.source == bindparam("owner"), among(_lead.c.lead_id, "ids"), _lead.c.state == quoted(state)


_READY = select(_lead.c.source, _lead.c.lead_id, literal("pending")).where(*_rows_of("exporting"), ~_HOLDS)
_OWE = upsert(_export).from_select(["source", "lead_id", "state"], _READY.distinct()).on_conflict_do_nothing()


_CLOSED = {"delivered": "exported", "gone": "gone", "elsewhere": "elsewhere", "dropped": "unexported"}
"""The state that a lead settles in, by the state of its id's export."""

_MARK = (
    select(
        case({quoted(state): quoted(settled) for state, settled in _CLOSED.items()}, value=_export.c.state)
    )
    .where(_export.c.source == _lead.c.source, _export.c.lead_id == _lead.c.lead_id)
    .scalar_subquery()
)
_MARKED = exists().where(
    _export.c.source == _lead.c.source,
    _export.c.lead_id == _lead.c.lead_id,
    _export.c.state.in_(map(quoted, _CLOSED)),
)


GONE_FOR = 3600.0
"""Seconds that a *gone* export stays so at least, whatever CTGO lists: each poll would try it again otherwise."""


def reopen_gone(books: Books, source: str, ids: Collection[int], *, suspect: bool = False) -> int:
    """Make *gone* exports of these lead ids due again, because CTGO knows the leads; return how many.

    `suspect`: the route was at fault, so they are due at once, at the end of the line. Else only those gone for `GONE_FOR`.
    """
    before = books.now if suspect else books.now - GONE_FOR
    values = {"owner": source, "ids": array(ids), "before": before, "suspect": suspect}
    values["due"] = books.now if suspect else 0.0
    found = list(books.connection.execute(_REOPEN, values).scalars())
    if found:
        books.move("export", source, len(found), old="gone", new="pending")
        moved = books.connection.execute(_UNSETTLE, {"owner": source, "ids": array(found)}).rowcount
        books.move("lead", source, moved, old="gone", new="exporting")
    return len(found)


_IS_GONE = exists().where(
    _lead.c.source == _export.c.source,
    _lead.c.lead_id == _export.c.lead_id,
    _lead.c.state == quoted("gone"),
)
_REOPEN = (
    update(_export)
    .where(
        _export.c.source == bindparam("owner"),
        among(_export.c.lead_id, "ids"),
        _export.c.state == quoted("gone"),
        _export.c.settled_at <= bindparam("before"),
        _IS_GONE,
    )
    .values(
        state=quoted("pending"),
        settled_at=None,
        due_at=bindparam("due"),
        suspect=bindparam("suspect"),
        attempts=func.max(0, _export.c.attempts - 1),
    )
    .returning(_export.c.lead_id)
)
_UNSETTLE = update(_lead).where(*_rows_of("gone")).values(state=quoted("exporting"), settled_at=None)


def close_exported(books: Books, source: str, ids: Collection[int]) -> None:
    """Settle the rows whose id was exported, or never will be: also a row that came after the export."""
    settled = books.connection.execute(_CLOSE, {"owner": source, "ids": array(ids), "now": books.now}).all()
    for state, n in Counter(row[0] for row in settled).items():
        books.move("lead", source, n, old="exporting", new=state)


_CLOSE = (
    update(_lead)
    .where(*_rows_of("exporting"), _MARKED)
    .values(state=_MARK, settled_at=bindparam("now"))
    .returning(_lead.c.state)
)


# Exports that are put off

_WITHOUT_EXPORT = select(_lead.c.lead_id).where(
    is_standing(_lead),
    _lead.c.state == quoted("exporting"),
    _lead.c.source == bindparam("owner"),
    ~exists().where(
        _export.c.source == _lead.c.source,
        _export.c.lead_id == _lead.c.lead_id,
        _export.c.state.in_((quoted("pending"), quoted("rejected"))),
    ),
)
"""Leads whose export nobody makes: something held it, and was settled under a configuration that did not export."""

SHELVED = "shelved"


class Moved(NamedTuple):
    """By source, how many exports were put off, and how many taken up again."""

    put_off: Mapping[str, int]
    taken_up: Mapping[str, int]


def apply_exporting(connection: Connection, exporting: Mapping[str, bool], now: float) -> Moved:
    """Put exports off and take them up at a start or a reload. `exporting`: whether each configured source exports."""
    books, tally = Books(connection, now), counts(connection)
    exports, leads = tally["export"], tally["lead"]
    open_ = {name for name, states in exports.items() if states.keys() & {"pending", "rejected"}}
    open_ |= {name for name, states in leads.items() if "exporting" in states}
    put_off = {name: _put_off(books, name) for name in sorted(open_) if not exporting.get(name)}
    shelved = [name for name, on in exporting.items() if on and SHELVED in exports.get(name, ())]
    taken_up = {name: _take_up(books, name) for name in shelved}
    for name in sorted(open_ - put_off.keys()):
        ids = connection.execute(_WITHOUT_EXPORT, {"owner": name}).scalars().all()
        if ids:
            owe_exports(books, name, ids)
    books.close()
    return Moved(put_off, taken_up)


def _shelve(books: Books, source: str, ids: Collection[int]) -> int:
    """Shelve the exports of unexported leads, which are owed when their source comes back; return how many."""
    which = {"owner": source, "ids": array(ids), "now": books.now}
    made = int(books.connection.execute(_SHELVE, which).rowcount)
    books.move("export", source, made, new=SHELVED)
    return made


_UNEXPORTED = select(_lead.c.source, _lead.c.lead_id, literal(SHELVED), bindparam("now")).where(
    *_rows_of("unexported")
)
_SHELVE = (
    upsert(_export)
    .from_select(["source", "lead_id", "state", "settled_at"], _UNEXPORTED.distinct())
    .on_conflict_do_nothing()
)


def _put_off(books: Books, source: str) -> int:
    mine = (is_standing(_lead), _lead.c.state == quoted("exporting"), _lead.c.source == source)
    ids = books.connection.execute(select(_lead.c.lead_id).where(*mine).distinct()).scalars().all()
    moved = books.connection.execute(
        update(_lead).where(*mine).values(state="unexported", settled_at=books.now)
    )
    books.move("lead", source, moved.rowcount, old="exporting", new="unexported")
    # One that was tried may have reached CTGO, and then the mark on a later row is ours
    tried = or_(_export.c.maybe_sent, _export.c.attempts > 0, _export.c.code != "")
    n = sum(
        _change(books, source, (state, SHELVED), settled_at=books.now, maybe_sent=tried)
        for state in ("pending", "rejected")
    )
    return n + _shelve(books, source, ids)  # those that another row of their id held


def _take_up(books: Books, source: str) -> int:
    n = _change(
        books, source, (SHELVED, "pending"),
        attempts=0, due_at=0.0, suspect=False, mark=None, failing_since=None, settled_at=None, code="", detail="",
    )  # fmt: skip
    owed = select(_export.c.lead_id).where(_export.c.source == source, _export.c.state == quoted("pending"))
    moved = books.connection.execute(
        update(_lead)
        .where(_lead.c.source == source, _lead.c.lead_id.in_(owed), _lead.c.state == quoted("unexported"))
        .values(state="exporting", settled_at=None)
    )
    books.move("lead", source, moved.rowcount, old="unexported", new="exporting")
    return n


def _change(books: Books, source: str, states: tuple[str, str], **values: Any) -> int:
    old, new = states
    which = update(_export).where(_export.c.source == source, _export.c.state == quoted(old))
    n = int(books.connection.execute(which.values(state=new, **values)).rowcount)
    books.move("export", source, n, old=old, new=new)
    return n
