"""Leads that wait for enriching, requests to enrich and their answers: all that a source's enriching lane reads and writes.

A lead waits as a whole, or it goes on and some connectors wait for what CTGO was not asked for: their `where` cannot say yes
or no yet. The delivery of such a connector is pending and marked `unasked`, so it is never due, and the payload is kept.
When the answer comes, the decision on what the connector wants takes the place of the mark.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, exists, func, select, update

from syncd.core.enrichment import CreditBalance
from syncd.core.lead_state import UNSETTLED
from syncd.ledger.deliveries.flood_gate import UNASKED
from syncd.ledger.leads.ingest import NewDelivery, insert_deliveries
from syncd.ledger.leads.settlement import owe_everywhere, settle
from syncd.ledger.schema import Ask, AskDay, Credits, Delivery, Payload, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import Books, among, array, execute_many, is_standing, quoted, upsert

_lead, _payload, _delivery = table(LeadRow), table(Payload), table(Delivery)
_ask, _day, _credits = table(Ask), table(AskDay), table(Credits)

_UNMARKED: Mapping[str, str] = MappingProxyType({})


class Waiting(NamedTuple):
    """A lead that waits for enriching.

    `required`: None if all of it waits; else the connectors that do, and whether the lead's export waits for each.
    """

    seq: int
    lead_id: int
    person: str
    discovered_at: float
    payload: str | None
    ingested_at: float
    required: Mapping[str, bool] | None = None


class Enriched(NamedTuple):
    """A lead whose enriching is over, with what was decided about it. `document`: JSON text, None for nothing.

    `names`: the connectors of which that was decided; None: of all, and the lead is in `state`.
    """

    seq: int
    lead_id: int
    state: str
    deliveries: Sequence[NewDelivery]
    document: str | None
    names: Collection[str] | None = None


class Asked(NamedTuple):
    """An ask without an answer: how often it left, for what, and when it last did. 0: CTGO refused it.

    `refused_at`: when CTGO first refused to answer, or did not find the lead.
    """

    asks: int
    outputs: tuple[str, ...]
    asked_at: float
    refused_at: float | None = None


_SEQS = among(_lead.c.seq, "seqs")
_COLUMNS = (
    _lead.c.seq, _lead.c.lead_id, _lead.c.person, _lead.c.discovered_at, _payload.c.text, _lead.c.ingested_at,
)  # fmt: skip
_LOOK_UP = select(*_COLUMNS).outerjoin(_payload, _payload.c.seq == _lead.c.seq)
_WHOLE = (
    _LOOK_UP.where(
        is_standing(_lead), _lead.c.state == quoted("enriching"), _lead.c.source == bindparam("source")
    )
    .order_by(_lead.c.ingested_at, _lead.c.seq)
    .limit(bindparam("most"))
)
_STILL_WHOLE = select(_lead.c.seq).where(_SEQS, _lead.c.state == quoted("enriching"))
# Written out, as in the partial index
_OPEN = (
    (_delivery.c.state == quoted("pending"))
    & (_delivery.c.held != quoted(""))
    & (_delivery.c.held == quoted(UNASKED))
)
_OF_CONNECTOR = (
    select(_delivery.c.lead_seq)
    .join(_lead, _lead.c.seq == _delivery.c.lead_seq)
    .where(_delivery.c.connector == bindparam("name"), _OPEN, _lead.c.source == bindparam("source"))
    .order_by(_delivery.c.lead_seq)
    .limit(bindparam("most"))
)
_WITH_CONNECTORS = (
    select(*_COLUMNS, func.json_group_object(_delivery.c.connector, _delivery.c.required))
    .join(_delivery, _delivery.c.lead_seq == _lead.c.seq)
    .outerjoin(_payload, _payload.c.seq == _lead.c.seq)
    .where(_SEQS, _OPEN, among(_delivery.c.connector, "names"))
    .group_by(_lead.c.seq)
    .order_by(_lead.c.seq)
)
_ASKED_BEFORE = exists().where(_ask.c.source == _lead.c.source, _ask.c.person == _lead.c.person)
"""An ask about the person left and was not answered, or was refused: theirs come after all others."""


def waiting(connection: Connection, source: str, limit: int, names: Collection[str] = ()) -> list[Waiting]:
    """The leads that wait for enriching, oldest first; behind them those that were asked about without an answer.

    Some wait as a whole, others for connectors of these names: `limit` of each.
    """
    found = _of_both(connection, source, limit, names, ~_ASKED_BEFORE)
    if len(found) < limit:
        found += _of_both(connection, source, limit, names, _ASKED_BEFORE)
    return found


def _of_both(
    connection: Connection, source: str, limit: int, names: Collection[str], condition: Any
) -> list[Waiting]:
    rows = connection.execute(_WHOLE.where(condition), {"source": source, "most": limit})
    of_some = standing(connection, source, names, limit, condition)
    return sorted((*(Waiting(*row) for row in rows), *of_some), key=lambda it: (it.ingested_at, it.seq))


def standing(
    connection: Connection, source: str, names: Collection[str], limit: int, condition: Any
) -> list[Waiting]:
    """Return a source's leads for which connectors of these names wait, oldest first."""
    query = _OF_CONNECTOR.where(condition)
    found = {
        seq
        for name in names
        for seq in connection.execute(query, {"name": name, "source": source, "most": limit}).scalars()
    }
    if not found:
        return []
    values = {"seqs": array(sorted(found)[:limit]), "names": array(names)}
    return [
        Waiting._make((*row[:-1], {name: bool(it) for name, it in json.loads(row[-1]).items()}))
        for row in connection.execute(_WITH_CONNECTORS, values)
    ]


def look_up(connection: Connection, seqs: Collection[int]) -> list[Waiting]:
    """These leads, in whatever state they are."""
    return [Waiting(*row) for row in connection.execute(_LOOK_UP.where(_SEQS), {"seqs": array(seqs)})]


def still_waits(connection: Connection, seq: int) -> bool:
    """True if this lead still waits for enriching: another process may have forgotten it since it was read."""
    whole = connection.execute(_STILL_WHOLE, {"seqs": array([seq])}).first() is not None
    return whole or bool(_still_open(connection, [seq]))


def _still_open(connection: Connection, seqs: Collection[int]) -> set[int]:
    """Those of these leads for which some connector waits now."""
    query = select(_delivery.c.lead_seq).where(among(_delivery.c.lead_seq, "seqs"), _OPEN)
    return set(connection.execute(query, {"seqs": array(seqs)}).scalars())


def unasked_counts(connection: Connection) -> dict[str, int]:
    """By source, how many leads connectors wait for. Costs follow their number."""
    rows: Sequence[Any] = connection.execute(
        select(_lead.c.source, func.count(_delivery.c.lead_seq.distinct()))
        .join(_lead, _lead.c.seq == _delivery.c.lead_seq)
        .where(_OPEN)
        .group_by(_lead.c.source)
    ).all()
    return dict(rows)


_KNOWN = (
    select(_lead.c.person, _lead.c.enrichment)
    .where(
        _lead.c.source == bindparam("source"),
        among(_lead.c.person, "persons"),
        _lead.c.enrichment.is_not(None),
    )
    .order_by(_lead.c.seq)
)


def known(
    connection: Connection, source: str, persons: Collection[str]
) -> dict[str, list[Mapping[str, Any]]]:
    """By person, the documents of all their leads, oldest first."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for person, document in connection.execute(_KNOWN, {"source": source, "persons": array(persons)}):
        found.setdefault(person, []).append(json.loads(document))
    return found


_ASKS_OF = (_ask.c.source == bindparam("its"), among(_ask.c.person, "persons"))
_UNANSWERED = select(_ask.c.person, _ask.c.asks, _ask.c.outputs, _ask.c.asked_at, _ask.c.refused_at).where(
    *_ASKS_OF
)


def unanswered(connection: Connection, source: str, persons: Collection[str]) -> dict[str, Asked]:
    """By person, the ask whose answer the ledger does not have."""
    rows = connection.execute(_UNANSWERED, {"its": source, "persons": array(persons)})
    return {person: Asked(asks, tuple(json.loads(outputs)), *at) for person, asks, outputs, *at in rows}


def note_ask(
    connection: Connection, source: str, person: str, outputs: Sequence[str], *, day: str, now: float
) -> None:
    """An ask is about to leave: committed before its first byte. The balance is unknown until its answer."""
    row = {"source": source, "person": person, "outputs": array(outputs), "asks": 1, "asked_at": now}
    again = {"outputs": row["outputs"], "asks": _ask.c.asks + 1, "asked_at": now}
    connection.execute(
        upsert(_ask).values(row).on_conflict_do_update(index_elements=["source", "person"], set_=again)
    )
    connection.execute(
        upsert(_day)
        .values(source=source, day=day, asks=1)
        .on_conflict_do_update(index_elements=["source", "day"], set_={"asks": _day.c.asks + 1})
    )
    save_balance(connection, source, None, now)


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


def note_refused(connection: Connection, source: str, person: str, now: float) -> float:
    """CTGO refuses to answer about the lead; return when it first did."""
    mine = (_ask.c.source == source) & (_ask.c.person == person)
    first = func.coalesce(_ask.c.refused_at, now)
    found = connection.execute(update(_ask).where(mine).values(refused_at=first).returning(first)).scalar()
    return now if found is None else float(found)


def close_asks(connection: Connection, source: str, persons: Collection[str]) -> None:
    """These were answered, or are given up."""
    connection.execute(delete(_ask).where(*_ASKS_OF), {"its": source, "persons": array(persons)})


def asked_in_vain(connection: Connection, source: str, since: float) -> int:
    """Count the persons who were asked about since then, without an answer."""
    query = select(func.count()).select_from(_ask).where(_ask.c.source == source, _ask.c.asked_at > since)
    return connection.execute(query).scalar() or 0


def asked_on(connection: Connection, source: str, day: str) -> int:
    """Count the asks of a day."""
    query = select(_day.c.asks).where(_day.c.source == source, _day.c.day == day)
    return connection.execute(query).scalar() or 0


def load_balance(connection: Connection, source: str) -> CreditBalance:
    """The credits as CTGO last gave them."""
    row = connection.execute(select(_credits).where(_credits.c.source == source)).first()
    return CreditBalance(row.balance, row.told_at, row.price) if row else CreditBalance()


def save_balance(
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


def settle_enriched(
    connection: Connection,
    source: str,
    enriched: Sequence[Enriched],
    now: float,
    *,
    exports: bool,
    marks: Mapping[str, str] = _UNMARKED,
) -> set[str]:
    """Make the deliveries of leads whose enriching is over, as a whole or for some connectors.

    What somebody settled meanwhile stays so. Exports that these leads held are owed now, if none of them holds any more.
    `marks`: by connector, what holds a yes until its gate has counted it. Returns the connectors that have work.
    """
    books = Books(connection, now)
    whole = [it for it in enriched if it.names is None]
    of_some = [it for it in enriched if it.names is not None]
    still = set(connection.execute(_STILL_WHOLE, {"seqs": array(it.seq for it in whole)}).scalars())
    over = [it for it in whole if it.seq in still]
    rows = []
    for it in over:
        at = None if it.state in UNSETTLED else now
        rows.append({"the_seq": it.seq, "new": it.state, "document": it.document, "at": at})
        books.move("lead", source, 1, old="enriching", new=it.state)
    execute_many(connection, _OVER, rows)
    woken = insert_deliveries(books, ((it.seq, it.deliveries) for it in over))
    if over:
        owe_everywhere(books, source, {it.lead_id for it in over}, exports=exports)
    if of_some:
        woken |= _decide(books, source, of_some, marks, exports=exports)
    books.close()
    return woken


_SAVE_DOCUMENT = (
    update(_lead).where(_lead.c.seq == bindparam("the_seq")).values(enrichment=bindparam("document"))
)
_DECIDE = (
    update(_delivery)
    .where(_delivery.c.lead_seq == bindparam("the_seq"), _delivery.c.connector == bindparam("name"), _OPEN)
    .values(
        state=bindparam("new"), code=bindparam("why"), detail=bindparam("reason"), held=bindparam("hold"),
        settled_at=bindparam("at"),
    )
)  # fmt: skip


def _decide(
    books: Books, source: str, decided: Sequence[Enriched], marks: Mapping[str, str], *, exports: bool
) -> set[str]:
    """Put decisions in the place of the marks, and settle the leads.

    A no is a delivery that nobody wanted: ids are not given twice, for a gate counts by them.
    """
    still, woken = _still_open(books.connection, [it.seq for it in decided]), set[str]()
    for it in decided:
        if it.seq not in still:
            continue
        books.connection.execute(_SAVE_DOCUMENT, {"the_seq": it.seq, "document": it.document})
        wanted = {new.connector: new for new in it.deliveries}
        for name in it.names or ():
            new = wanted.get(name)
            state, why, reason, mark = "dropped", "unwanted", "Its `where` says no.", ""
            if new is not None:
                state, why, reason = new.state, new.code, new.detail
                mark = new.held or (marks.get(name, "") if state == "pending" else "")
            at = None if state == "pending" else books.now
            values = {
                "the_seq": it.seq,
                "name": name,
                "new": state,
                "why": why,
                "reason": reason,
                "hold": mark,
                "at": at,
            }
            moved = books.connection.execute(_DECIDE, values).rowcount
            books.move("delivery", name, moved, old="pending", new=state)
            if moved and state == "pending":
                woken.add(name)
    settle(books, sorted(still), {source: exports})
    return woken
