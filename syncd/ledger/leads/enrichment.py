"""Leads that wait for enriching, their asks and answers: all that a source's enriching lane reads and writes."""

import json
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, select, update

from syncd.core.enrichment import CreditBalance
from syncd.core.lead_state import UNSETTLED
from syncd.ledger.leads import unenriched
from syncd.ledger.leads.ingest import insert_deliveries
from syncd.ledger.leads.settlement import owe_everywhere
from syncd.ledger.leads.unenriched import ASKED_BEFORE, Enriched, Waiting
from syncd.ledger.schema import Ask, AskDay, Credits, Payload, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import Books, among, array, execute_many, is_standing, quoted, upsert

_lead, _ask, _day, _credits = table(LeadRow), table(Ask), table(AskDay), table(Credits)
_payload = table(Payload)

_UNMARKED: Mapping[str, str] = MappingProxyType({})


class Asked(NamedTuple):
    """An ask without an answer: how often it left, for what, and when it last did. 0: CTGO refused it."""

    asks: int
    outputs: tuple[str, ...]
    asked_at: float


_COLUMNS = (
    _lead.c.seq,
    _lead.c.lead_id,
    _lead.c.person,
    _lead.c.discovered_at,
    _payload.c.text,
    _lead.c.ingested_at,
)


def _waiting(condition: Any) -> Any:
    return (
        select(*_COLUMNS)
        .outerjoin(_payload, _payload.c.seq == _lead.c.seq)
        .where(
            is_standing(_lead),
            _lead.c.state == quoted("enriching"),
            _lead.c.source == bindparam("source"),
            condition,
        )
        .order_by(_lead.c.ingested_at, _lead.c.seq)
        .limit(bindparam("most"))
    )


_FRESH, _LATER = _waiting(~ASKED_BEFORE), _waiting(ASKED_BEFORE)
_KNOWN = (
    select(_lead.c.person, _lead.c.enrichment)
    .where(
        _lead.c.source == bindparam("source"),
        among(_lead.c.person, "persons"),
        _lead.c.enrichment.is_not(None),
    )
    .order_by(_lead.c.seq)
)


def waiting(connection: Connection, source: str, limit: int, names: Collection[str] = ()) -> list[Waiting]:
    """The leads that wait for enriching, oldest first; behind them those that were asked about without an answer.

    Some wait as a whole, others for connectors of these names: `limit` of each.
    """
    found = _of_both(connection, source, limit, names, later=False)
    if len(found) < limit:
        found += _of_both(connection, source, limit, names, later=True)
    return found


def _of_both(
    connection: Connection, source: str, limit: int, names: Collection[str], *, later: bool
) -> list[Waiting]:
    rows = connection.execute(_LATER if later else _FRESH, {"source": source, "most": limit})
    for_some = unenriched.standing(connection, source, names, limit, later=later)
    return sorted((*(Waiting(*row) for row in rows), *for_some), key=lambda it: (it.ingested_at, it.seq))


def look_up(connection: Connection, seqs: Collection[int]) -> list[Waiting]:
    """These leads, in whatever state they are."""
    query = select(*_COLUMNS).outerjoin(_payload, _payload.c.seq == _lead.c.seq)
    rows = connection.execute(query.where(among(_lead.c.seq, "seqs")), {"seqs": array(seqs)})
    return [Waiting(*row) for row in rows]


def still_waits(connection: Connection, seq: int) -> bool:
    """True if this lead still waits for enriching: another process may have forgotten it since it was read."""
    whole = connection.execute(_STILL, {"seqs": array([seq])}).first() is not None
    return whole or bool(unenriched.still_open(connection, [seq]))


def known(
    connection: Connection, source: str, persons: Collection[str]
) -> dict[str, list[Mapping[str, Any]]]:
    """By person, the documents of all their leads, oldest first."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    rows = connection.execute(_KNOWN, {"source": source, "persons": array(persons)})
    for person, document in rows:
        found.setdefault(person, []).append(json.loads(document))
    return found


def unanswered(connection: Connection, source: str, persons: Collection[str]) -> dict[str, Asked]:
    """By person, the ask whose answer the ledger does not have."""
    rows = connection.execute(
        select(_ask.c.person, _ask.c.asks, _ask.c.outputs, _ask.c.asked_at).where(
            _ask.c.source == source, among(_ask.c.person, "persons")
        ),
        {"persons": array(persons)},
    )
    return {person: Asked(asks, tuple(json.loads(outputs)), at) for person, asks, outputs, at in rows}


def note_ask(
    connection: Connection, source: str, person: str, outputs: Sequence[str], *, day: str, now: float
) -> None:
    """An ask is about to leave: committed before its first byte. The balance is unknown until its answer."""
    row = {"source": source, "person": person, "outputs": array(outputs), "asks": 1, "asked_at": now}
    connection.execute(
        upsert(_ask)
        .values(row)
        .on_conflict_do_update(
            index_elements=["source", "person"],
            set_={"outputs": row["outputs"], "asks": _ask.c.asks + 1, "asked_at": now},
        )
    )
    connection.execute(
        upsert(_day)
        .values(source=source, day=day, asks=1)
        .on_conflict_do_update(index_elements=["source", "day"], set_={"asks": _day.c.asks + 1})
    )
    tell_balance(connection, source, None, now)


def take_back(connection: Connection, source: str, person: str, day: str, now: float, *, last: bool) -> None:
    """The ask was certainly not charged: as if it had not left. `last`: but that it comes after all others now."""
    mine = (_ask.c.source == source) & (_ask.c.person == person)
    connection.execute(update(_ask).where(mine).values(asks=_ask.c.asks - 1, asked_at=now))
    if not last:
        connection.execute(delete(_ask).where(mine, _ask.c.asks < 1))
    connection.execute(
        update(_day)
        .where(_day.c.source == source, _day.c.day == day)
        .values(asks=func.max(0, _day.c.asks - 1))
    )


def close_asks(connection: Connection, source: str, persons: Collection[str]) -> None:
    """These were answered, or are given up."""
    connection.execute(
        delete(_ask).where(_ask.c.source == source, among(_ask.c.person, "persons")),
        {"persons": array(persons)},
    )


def asked_on(connection: Connection, source: str, day: str) -> int:
    """Count the asks of a day."""
    query = select(_day.c.asks).where(_day.c.source == source, _day.c.day == day)
    return connection.execute(query).scalar() or 0


def load_balance(connection: Connection, source: str) -> CreditBalance:
    """The credits as last told."""
    row = connection.execute(select(_credits).where(_credits.c.source == source)).first()
    return CreditBalance(row.balance, row.told_at, row.price) if row else CreditBalance()


def tell_balance(
    connection: Connection, source: str, balance: int | None, now: float, *, price: int | None = None
) -> None:
    """Remember a balance, None for one that is not known any more, and a price if there is a new one."""
    values: dict[str, Any] = {"balance": balance, "told_at": now} | ({"price": price} if price else {})
    connection.execute(
        upsert(_credits)
        .values(source=source, **{"price": 1, **values})
        .on_conflict_do_update(index_elements=["source"], set_=values)
    )


_OVER = (
    update(_lead)
    .where(_lead.c.seq == bindparam("the_seq"))
    .values(state=bindparam("new"), settled_at=bindparam("at"), enrichment=bindparam("document"))
)
_STILL = select(_lead.c.seq).where(among(_lead.c.seq, "seqs"), _lead.c.state == quoted("enriching"))


def settle_enriched(
    connection: Connection,
    source: str,
    enriched: Sequence[Enriched],
    now: float,
    *,
    exports: bool,
    marks: Mapping[str, str] = _UNMARKED,
) -> set[str]:
    """Leads whose enriching is over, as a whole or for some connectors, get their deliveries.

    What somebody settled meanwhile stays so. `marks`: see `unasked.close`. Returns the connectors that have work. Exports that these leads held are owed now, if none of them holds any more.
    """
    books = Books(connection, now)
    enriched, of_some = (
        [it for it in enriched if it.names is None],
        [it for it in enriched if it.names is not None],
    )
    still = set(connection.execute(_STILL, {"seqs": array(it.seq for it in enriched)}).scalars())
    over = [it for it in enriched if it.seq in still]
    execute_many(connection, _OVER, [
            {
                "the_seq": it.seq, "new": it.state, "document": it.document,
                "at": None if it.state in UNSETTLED else now,
            }
            for it in over
        ])  # fmt: skip
    for it in over:
        books.move("lead", source, 1, old="enriching", new=it.state)
    woken = insert_deliveries(books, ((it.seq, it.deliveries) for it in over))
    if over:
        owe_everywhere(books, source, {it.lead_id for it in over}, exports=exports)
    if of_some:
        woken |= unenriched.close(books, source, of_some, marks, exports=exports)
    books.close()
    return woken
