"""Leads that went on without what CTGO was not asked for, and the connectors that wait for it.

Such a connector's `where` cannot say yes or no yet. Its delivery is pending and marked `unasked`, so it is never due, and the
payload is kept. When the answer comes, what the connector wants takes the place of the mark.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from json import loads
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, exists, func, select, update

from syncd.ledger.deliveries.flood_gate import UNASKED
from syncd.ledger.leads.ingest import NewDelivery
from syncd.ledger.leads.settlement import settle
from syncd.ledger.schema import Ask, Delivery, Payload, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import Books, among, array, quoted

_lead, _ask, _delivery, _payload = table(LeadRow), table(Ask), table(Delivery), table(Payload)

# Written out, as in the partial index
_OPEN = (
    (_delivery.c.state == quoted("pending"))
    & (_delivery.c.held != quoted(""))
    & (_delivery.c.held == quoted(UNASKED))
)
ASKED_BEFORE = exists().where(_ask.c.source == _lead.c.source, _ask.c.person == _lead.c.person)
"""An ask about the person left and was not answered, or was refused: theirs come after all others."""


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


def _first(*conditions: Any) -> Any:
    return (
        select(_delivery.c.lead_seq)
        .join(_lead, _lead.c.seq == _delivery.c.lead_seq)
        .where(
            _delivery.c.connector == bindparam("name"),
            _OPEN,
            _lead.c.source == bindparam("source"),
            *conditions,
        )
        .order_by(_delivery.c.lead_seq)
        .limit(bindparam("most"))
    )


_FRESH, _LATER = _first(~ASKED_BEFORE), _first(ASKED_BEFORE)
_EACH = (
        select(
            _lead.c.seq, _lead.c.lead_id, _lead.c.person, _lead.c.discovered_at, _payload.c.text, _lead.c.ingested_at,
            func.json_group_object(_delivery.c.connector, _delivery.c.required),
        )
        .join(_delivery, _delivery.c.lead_seq == _lead.c.seq)
        .outerjoin(_payload, _payload.c.seq == _lead.c.seq)
        .where(among(_lead.c.seq, "seqs"), _OPEN, among(_delivery.c.connector, "names"))
        .group_by(_lead.c.seq)
        .order_by(_lead.c.seq)
    )  # fmt: skip


def standing(
    connection: Connection, source: str, names: Collection[str], limit: int, *, later: bool = False
) -> list[Waiting]:
    """A source's leads for which connectors of these names wait, oldest first. `later`: those that were asked before."""
    query = _LATER if later else _FRESH
    found = {
        seq
        for name in names
        for seq in connection.execute(query, {"name": name, "source": source, "most": limit}).scalars()
    }
    if not found:
        return []
    rows = connection.execute(_EACH, {"seqs": array(sorted(found)[:limit]), "names": array(names)}).all()
    return [
        Waiting._make((*row[:-1], {name: bool(it) for name, it in loads(row[-1]).items()})) for row in rows
    ]


def still_open(connection: Connection, seqs: Collection[int]) -> set[int]:
    """Those for which some connector waits now: another process may have forgotten one since it was looked at."""
    query = select(_delivery.c.lead_seq).where(among(_delivery.c.lead_seq, "seqs"), _OPEN)
    return set(connection.execute(query, {"seqs": array(seqs)}).scalars())


def counts(connection: Connection) -> dict[str, int]:
    """By source, how many leads connectors wait for. Costs follow their number."""
    rows = connection.execute(
        select(_lead.c.source, func.count(_delivery.c.lead_seq.distinct()))
        .join(_lead, _lead.c.seq == _delivery.c.lead_seq)
        .where(_OPEN)
        .group_by(_lead.c.source)
    )
    return {row[0]: row[1] for row in rows}


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


def close(
    books: Books, source: str, closed: Iterable[Enriched], marks: Mapping[str, str], *, exports: bool
) -> set[str]:
    """Put what was decided in the place of the marks, and settle the leads; the connectors that have work.

    What somebody settled meanwhile stays so. A no is a delivery that nobody wanted: ids are not given twice, for a gate
    counts by them. `marks`: by connector, what holds a yes until its gate has counted it.
    """
    closed = list(closed)
    still = still_open(books.connection, [it.seq for it in closed])
    woken = set[str]()
    for it in closed:
        if it.seq not in still:
            continue
        books.connection.execute(_TELL, {"the_seq": it.seq, "told": it.document})
        decided = {new.connector: new for new in it.deliveries}
        for name in it.names or ():
            state, code, detail, held = _outcome(decided.get(name), marks.get(name, ""))
            values = {
                "the_seq": it.seq,
                "name": name,
                "new": state,
                "why": code,
                "said": detail,
                "holding": held,
            }
            values["at"] = None if state == "pending" else books.now
            moved = books.connection.execute(_DECIDE, values).rowcount
            books.move("delivery", name, moved, old="pending", new=state)
            if moved and state == "pending":
                woken.add(name)
    settle(books, sorted(still), {source: exports})
    return woken


def _outcome(new: NewDelivery | None, mark: str) -> tuple[str, str, str, str]:
    """The state, code, detail and mark of a delivery that was decided."""
    if new is None:
        return "dropped", "unwanted", "Its `where` says no.", ""
    held = new.held or (mark if new.state == "pending" else "")
    return new.state, new.code, new.detail, held


_TELL = update(_lead).where(_lead.c.seq == bindparam("the_seq")).values(enrichment=bindparam("told"))
_DECIDE = (
    update(_delivery)
    .where(_delivery.c.lead_seq == bindparam("the_seq"), _delivery.c.connector == bindparam("name"), _OPEN)
    .values(
        state=bindparam("new"), code=bindparam("why"), detail=bindparam("said"), held=bindparam("holding"),
        settled_at=bindparam("at"),
    )
)  # fmt: skip
