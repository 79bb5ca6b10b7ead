"""Replays: older leads that a connector does not have, or that are to be written once more, and their deliveries."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, and_, case, exists, literal, null, or_, select, update

from syncd.ledger.deliveries import flood_gate
from syncd.ledger.leads.ingest import WAITS_FOR_ANSWER
from syncd.ledger.leads.settlement import settle
from syncd.ledger.schema import Delivery, Export, Payload, Person, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import Books, among, array, quoted, upsert

_lead, _delivery, _export, _payload = table(LeadRow), table(Delivery), table(Export), table(Payload)
_person = table(Person)
_HAVING = ("delivering", "rejected", "exporting", "exported", "unexported", "gone")
"""States of leads that some connector was given; with *unwanted*, those that a replay may be about."""
_WITH_RECORD = (*_HAVING, "elsewhere")
"""States of leads that may have a record at a remote."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A replay's choice of older leads. `since`: discovered from here on; None: all there are.

    `delivered`: no new ones, but those that are there. Each person's record gets their newest lead, which is what it holds.
    """

    connector: str
    sources: Collection[str]
    since: float | None = None
    rejected: bool = False
    unwanted: bool = False
    delivered: bool = False


class Older(NamedTuple):
    """An older lead. `delivery`: its delivery to the connector; None: it never had one. `there`: the remote has it."""

    seq: int
    source: str
    discovered_at: float
    payload: str | None
    enrichment: str | None
    delivery: int | None
    rejected: bool
    there: bool


def older(connection: Connection, wanted: Wanted, after: int, limit: int) -> list[Older]:
    """The next of these leads behind a sequence number, in its order. It walks every lead there is."""
    ours = (_delivery.c.lead_seq == _lead.c.seq) & (_delivery.c.connector == wanted.connector)
    states = _WITH_RECORD if wanted.delivered else _HAVING
    if wanted.unwanted:
        states = (*states, "unwanted")
    chosen = [and_(_RECORDED, _IS_NEWEST) if wanted.delivered else _delivery.c.id.is_(None)]
    if wanted.rejected:
        chosen.append(_delivery.c.state == quoted("rejected"))
    if wanted.unwanted:
        chosen.append(and_(_delivery.c.state == quoted("dropped"), _delivery.c.code == quoted("unwanted")))
    query = (
        select(
            _lead.c.seq, _lead.c.source, _lead.c.discovered_at, _payload.c.text, _lead.c.enrichment, _delivery.c.id,
            _delivery.c.state == quoted("rejected"), _delivery.c.state == quoted("delivered"),
        )
        .outerjoin(_payload, _payload.c.seq == _lead.c.seq)
        .outerjoin(_delivery, ours)
        .where(_lead.c.seq > after, _lead.c.source.in_(wanted.sources), _lead.c.state.in_(states), or_(*chosen))
        .order_by(_lead.c.seq)
        .limit(limit)
    )  # fmt: skip
    if wanted.since is not None:
        query = query.where(_lead.c.discovered_at >= wanted.since)
    return [Older(*row[:-2], bool(row[-2]), bool(row[-1])) for row in connection.execute(query)]


_RECORDED = and_(_delivery.c.state == quoted("delivered"), _delivery.c.remote_id.is_not(None))
"""Deliveries that can go as an update: the remote gave their record an id."""
_IS_NEWEST = exists().where(
    _person.c.connector == _delivery.c.connector,
    _person.c.person == _lead.c.person,
    _person.c.remote_id.is_not(None),
    _person.c.discovered_at <= _lead.c.discovered_at,
)


@dataclass(frozen=True, slots=True)
class Making:
    """The form of a replay's deliveries. `required`: as the connector says, for leads that nobody wanted so far."""

    connector: str
    required: bool
    held: bool
    exports: dict[str, bool]
    unasked: bool = False
    """They wait until CTGO was asked for what `where` needs."""

    @property
    def mark(self) -> str:
        """The kind of hold that keeps them from being due, or empty."""
        return flood_gate.UNASKED if self.unasked else flood_gate.GATE if self.held else ""

    @property
    def waits(self) -> tuple[str, str]:
        """The code and the detail of what they wait for."""
        return (flood_gate.UNASKED, WAITS_FOR_ANSWER) if self.unasked else ("", "")


_EXPORTED = exists().where(_export.c.source == _lead.c.source, _export.c.lead_id == _lead.c.lead_id)


def make(books: Books, making: Making, seqs: Sequence[int], *, failed: str = "") -> int:
    """Make deliveries for leads that have none here; how many. Somebody may have been quicker: nothing is made twice.

    What a lead requires was fixed when it came in, so only a lead that nobody wanted, and of whose id nothing was ever
    exported, waits for the connector. `failed`: why `where` could not be evaluated for these; they are set aside.
    """
    state = "rejected" if failed else "pending"
    code, detail = ("filter_failed", failed) if failed else making.waits
    values = {
        "lead_seq": _lead.c.seq,
        "connector": literal(making.connector),
        "required": and_(literal(making.required), _lead.c.state == quoted("unwanted"), ~_EXPORTED),
        "state": literal(state),
        "attempts": literal(0),
        "due_at": literal(0.0),
        "suspect": literal(value=False),
        "maybe_sent": literal(value=False),
        "code": literal(code),
        "detail": literal(detail),
        "created": literal(value=False),
        "settled_at": literal(books.now) if failed else null(),
        "held": literal("" if failed else making.mark),
    }
    chosen = select(*values.values()).where(
        among(_lead.c.seq, "seqs"), _lead.c.state.in_((*_HAVING, "unwanted"))
    )
    made = books.connection.execute(
        upsert(_delivery).from_select(list(values), chosen).on_conflict_do_nothing(), {"seqs": array(seqs)}
    ).rowcount
    books.move("delivery", making.connector, made, new=state)
    _want(books, seqs, "rejected" if failed else "delivering")
    return int(made)


_AGAIN = {
    "state": "pending", "attempts": 0, "due_at": 0.0, "mark": None, "failing_since": None, "settled_at": None,
    "call_limit": None, "suspect": False,
}  # fmt: skip


def again(books: Books, making: Making, ids: Sequence[int]) -> int:
    """Deliveries that were rejected, or given up because nobody wanted them, go back to pending; how many.

    So do those that are there: they keep their remote id, so their lead stands as if nothing were pending.
    """
    state = (
        select(_lead.c.state).where(_lead.c.seq == _delivery.c.lead_seq).scalar_subquery().label("lead_state")
    )
    query = select(_delivery.c.id, _delivery.c.lead_seq, _delivery.c.state, state).where(
        among(_delivery.c.id, "ids"),
        or_(
            _delivery.c.state == quoted("rejected"),
            and_(_delivery.c.state == quoted("dropped"), _delivery.c.code == quoted("unwanted")),
            _RECORDED,
        ),
    )
    rows = books.connection.execute(query, {"ids": array(ids)}).all()
    unwanted = _delivery.c.state == quoted("dropped")
    books.connection.execute(
        update(_delivery)
        .where(among(_delivery.c.id, "ids"))
        .values(
            **_AGAIN,
            required=case((unwanted, literal(value=False)), else_=_delivery.c.required),
            code=case(
                (or_(unwanted, literal(making.unasked)), literal(making.waits[0])), else_=_delivery.c.code
            ),
            held=making.mark,
        ),
        {"ids": array(row.id for row in rows)},
    )
    for row in rows:
        books.move("delivery", making.connector, 1, old=row.state, new="pending")
    seqs = [row.lead_seq for row in rows]
    _want(books, seqs, "delivering")
    settle(books, seqs, making.exports)
    return len(rows)


def given_up(connection: Connection, connector: str, seqs: Collection[int]) -> Sequence[int]:
    """The deliveries of these leads that nobody wanted."""
    query = select(_delivery.c.id).where(
        among(_delivery.c.lead_seq, "seqs"),
        _delivery.c.connector == connector,
        _delivery.c.state == quoted("dropped"),
        _delivery.c.code == quoted("unwanted"),
    )
    return connection.execute(query, {"seqs": array(seqs)}).scalars().all()


def _want(books: Books, seqs: Sequence[int], state: str) -> None:
    """Leads that nobody wanted are wanted now: those that have a delivery in hand."""
    in_hand = exists().where(
        _delivery.c.lead_seq == _lead.c.seq, _delivery.c.state.in_((quoted("pending"), quoted("rejected")))
    )
    rows = books.connection.execute(
        update(_lead)
        .where(among(_lead.c.seq, "seqs"), _lead.c.state == quoted("unwanted"), in_hand)
        .values(state=state, settled_at=None)
        .returning(_lead.c.source),
        {"seqs": array(seqs)},
    )
    for (source,) in rows.all():
        books.move("lead", source, 1, old="unwanted", new=state)
