"""Deliveries that are due, their *maybe sent*, and the verdicts on them: all that a connector's lane reads and writes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, case, func, literal, literal_column, or_, select, union_all

from syncd.core.delivery import Change, Item
from syncd.core.lane_state import LaneState
from syncd.core.lead import Lead
from syncd.core.verdict import Verdict
from syncd.ledger.deliveries.maybe_sent import AHEAD, NEVER_DELIVERED
from syncd.ledger.deliveries.verdict import revive, write_changes
from syncd.ledger.lanes import save_lane
from syncd.ledger.leads.recent import Fresh
from syncd.ledger.leads.settlement import settle, settle_delivered
from syncd.ledger.schema import Attempted, Delivery, Payload, Person, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import Books, among, array, execute_many, quoted, upsert

_lead, _delivery, _person, _payload = table(LeadRow), table(Delivery), table(Person), table(Payload)


class Due(NamedTuple):
    """A delivery that may be made now, with all that is needed to make it."""

    item: Item
    lead_seq: int
    source: str
    person: str
    discovered_at: float
    enrichment: str | None
    code: str
    remote_id: str | None
    newest_delivered: float | None
    """When the newest lead of this person that this connector has was discovered; None if it has none."""
    payload: str | None = None
    """None where the lead is at hand, or its payload is gone."""
    lead: Lead | None = None
    """The lead itself, if it is at hand."""


class Sent(NamedTuple):
    """A delivered item's person, so that their other leads find the remote id."""

    person: str
    discovered_at: float


@dataclass(slots=True)
class Recorded:
    """The result of writing a verdict."""

    counts: dict[str, int] = field(default_factory=dict)
    owing: set[str] = field(default_factory=set)
    """Sources that now owe an export."""
    forgotten: list[str | None] = field(default_factory=list)
    """Remote ids of what was delivered while its person was being forgotten."""


ITEM_COLUMNS = ("id", "attempts", "suspect", "mark", "failing_since", "call_limit", "maybe_sent")
_ITEM = len(ITEM_COLUMNS)


def item_of(row: Sequence[Any]) -> Item:
    """The item in the first columns of a row, in the order of `ITEM_COLUMNS`."""
    i, attempts, suspect, mark, failing_since, limit, maybe_sent = row[:_ITEM]
    return Item(i, attempts, suspect == 1, mark, failing_since, limit, maybe_sent == 1)


def waiting(rows: Any) -> tuple[Any, ...]:
    """Pending rows that no gate holds, in the words of the partial index."""
    free = (rows.c.held == quoted(""),) if "held" in rows.c else ()
    return (rows.c.state == quoted("pending"), *free)


def due_rows(rows: Any, *conditions: Any, probing: bool = False) -> Any:
    """Pending rows that are due, `most` of them in due order, and those whose wait begins after it could be over.

    The latter were written before the wall clock went back, and lie further away than a usual back-off. Two ranges of
    the partial index, one after the other: as one condition with OR, SQLite would read and sort all that is pending.
    Parameters: owner, now, cap, most; of a probe also draw and doubts.
    """
    order = [rows.c.due_at, rows.c.id]
    if probing:  # that sorts all that is due, so only a probe pays for it
        # Not who was asked in this doubt, no suspect, who waited longest; and of those that are alike in all that, anybody
        drawn = (rows.c.id * bindparam("draw")) % literal(DRAWS)
        order = [among(rows.c.id, "doubts"), rows.c.suspect, rows.c.due_at, drawn, rows.c.id]
    pending = select(rows).where(_owner_of(rows) == bindparam("owner"), *waiting(rows), *conditions)
    due = pending.where(rows.c.due_at <= bindparam("now")).order_by(*order).limit(bindparam("most"))
    back = or_(rows.c.waits_from.is_(None), 2 * rows.c.waits_from - rows.c.due_at > bindparam("now"))
    stranded = pending.where(rows.c.due_at > bindparam("now") + bindparam("cap"), back)
    return union_all(select(due.subquery()), select(stranded.limit(bindparam("most")).subquery())).subquery()


def _owner_of(rows: Any) -> Any:
    return rows.c.source if "source" in rows.c else rows.c.connector


DRAWS = 2_147_483_647
"""A prime: multiplied by any number below it, row numbers come in an order of that number's own."""


def probe_values(lane: LaneState, draw: float) -> dict[str, object]:
    """Return the parameters of a probe's choice. `draw`: a number in [0, 1)."""
    return {"draw": 1 + int(draw * (DRAWS - 1)), "doubts": array(lane.doubts)}


def others_due(
    connection: Connection, model: type[Attempted], lane: LaneState, now: float, but: Iterable[int] = ()
) -> bool:
    """True if a delivery is due that the lane in doubt has not tried. `but`: ids that do not count."""
    values = {"owner": lane.name, "now": now, "but": array({*lane.doubts, *but})}
    return connection.execute(_others(model), values).first() is not None


@cache
def _others(model: type[Attempted]) -> Any:
    rows = table(model)
    mine = (_owner_of(rows) == bindparam("owner"), *waiting(rows), rows.c.due_at <= bindparam("now"))
    return select(rows.c.id).where(*mine, ~among(rows.c.id, "but")).limit(1)


def _due_query(*, probing: bool) -> Any:
    first = due_rows(_delivery, probing=probing)
    same_person = (_person.c.connector == bindparam("owner")) & (_person.c.person == _lead.c.person)
    return (
        select(
            *(first.c[name] for name in ITEM_COLUMNS),
            first.c.lead_seq,
            _lead.c.source,
            _lead.c.person,
            _lead.c.discovered_at,
            _lead.c.enrichment,
            first.c.code,
            _person.c.remote_id,
            _person.c.discovered_at,
            first.c.due_at,
        )
        .join(_lead, _lead.c.seq == first.c.lead_seq)
        .outerjoin(_person, same_person)
    )


_DUE, _DUE_TO_PROBE = (_due_query(probing=probing) for probing in (False, True))
_PAYLOADS = select(_payload.c.seq, _payload.c.text).where(among(_payload.c.seq, "seqs"))


def due(
    connection: Connection,
    lane: LaneState,
    now: float,
    cap: float,
    limit: int,
    *,
    fresh: Fresh | None = None,
    draw: float = 0.0,
) -> list[Due]:
    """The deliveries to make next, oldest due first; a single one for a probing lane.

    `cap`: the longest back-off, seconds. `fresh`: where leads may be at hand; what it has of these is taken out.
    `draw`: a number in [0, 1), by which a probe is drawn.
    """
    most = 1 if lane.probing else limit
    values = {"owner": lane.name, "now": now, "cap": cap, "most": most, **probe_values(lane, draw)}
    query = _DUE_TO_PROBE if lane.probing else _DUE
    found = sorted(connection.execute(query, values), key=itemgetter(-1, 0))[:most]
    seqs = [row[_ITEM] for row in found]
    at_hand = fresh.take(lane.name, seqs) if fresh else {}
    others = [seq for seq in seqs if seq not in at_hand]
    kept: Sequence[Any] = connection.execute(_PAYLOADS, {"seqs": array(others)}).all() if others else ()
    payloads: dict[int, str] = dict(kept)
    ready = [
        Due._make((item_of(row), *row[_ITEM:-1], payloads.get(seq), at_hand.get(seq)))
        for seq, row in zip(seqs, found, strict=True)
    ]
    return [one if one.newest_delivered != NEVER_DELIVERED else _doubting(one) for one in ready]


def _doubting(one: Due) -> Due:
    """Another lead of the person may have been sent, and none is known to be there: it is looked for first."""
    return one._replace(item=one.item._replace(maybe_sent=True), newest_delivered=None)


def next_due(connection: Connection, model: type[Attempted], owner: str) -> float | None:
    """When the next pending row of this connector (or this source's exports) is due; None when none is, or all are held."""
    found: float | None = connection.execute(_next_due(model), {"owner": owner}).scalar()
    return found


@cache
def _next_due(model: type[Attempted]) -> Any:
    rows = table(model)
    mine = (_owner_of(rows) == bindparam("owner"), *waiting(rows))
    return select(func.min(rows.c.due_at)).where(*mine)


_NOBODY: Mapping[int, Due] = MappingProxyType({})
_LEADS_OF = select(_delivery.c.lead_seq).where(among(_delivery.c.id, "ids"))


def record(
    connection: Connection,
    connector: str,
    verdict: Verdict,
    *,
    sent: Mapping[int, Sent],
    exports: Mapping[str, bool],
    now: float,
    members: Mapping[int, Due] = _NOBODY,
) -> Recorded:
    """Write a call's verdict: deliveries, persons, the lane, and what follows for leads and exports.

    Changes apply to deliveries that are still pending: what a person dropped meanwhile stays dropped.
    `sent`: for each delivered id of a connector whose objects are people, whose it is. `members`: deliveries as they
    were when they were due, by id; others are looked up.
    """
    books = Books(connection, now)
    result = Recorded(write_changes(books, Delivery, ("delivery", connector), verdict.changes))
    told: Sequence[Change] = verdict.changes
    if result.counts.get("delivered", 0) != sum(change.state == "delivered" for change in told):
        told, result.forgotten = _known_still(connection, told)
    _remember(connection, connector, told, sent, now)
    if verdict.revived:
        revive(books, Delivery, ("delivery", connector), verdict.revived)
    save_lane(connection, verdict.lane)
    result.owing = _settle(books, verdict, members, exports)
    books.close()
    return result


def _settle(
    books: Books, verdict: Verdict, members: Mapping[int, Due], exports: Mapping[str, bool]
) -> set[str]:
    """Settle the leads of what changed; the sources that may owe an export now."""
    delivered: dict[str, list[int]] = {}
    seqs, unknown, owing = list[int](), list(verdict.revived), set[str]()
    for change in verdict.changes:
        if change.state == "pending":
            continue
        member = members.get(change.id)
        if member is None:
            unknown.append(change.id)
        elif change.state == "delivered":
            delivered.setdefault(member.source, []).append(member.lead_seq)
        else:
            seqs.append(member.lead_seq)
    for source, its in delivered.items():
        owe = settle_delivered(books, source, its, exports=exports.get(source))
        if owe is None:
            seqs += its
        else:
            owing |= owe
    if unknown:
        seqs += books.connection.execute(_LEADS_OF, {"ids": array(unknown)}).scalars()
    return owing | settle(books, seqs, exports) if seqs else owing


def _known_still(
    connection: Connection, changes: Sequence[Change]
) -> tuple[Sequence[Change], list[str | None]]:
    """The changes without those of leads that were forgotten during the call, and what was delivered of these."""
    ids = {"ids": array(change.id for change in changes)}
    gone = set(connection.execute(_OF_FORGOTTEN, ids).scalars())
    late = [change.remote_id for change in changes if change.id in gone and change.state == "delivered"]
    return [change for change in changes if change.id not in gone], late


_OF_FORGOTTEN = (
    select(_delivery.c.id)
    .join(_lead, _lead.c.seq == _delivery.c.lead_seq)
    .where(among(_delivery.c.id, "ids"), _lead.c.state == quoted("forgotten"))
)


def _remember(
    connection: Connection, connector: str, changes: Sequence[Change], sent: Mapping[int, Sent], now: float
) -> None:
    rows = [
        {
            "connector": connector,
            "person": sent[change.id].person,
            "remote_id": change.remote_id,
            "discovered_at": sent[change.id].discovered_at,
            "ahead": now + AHEAD,
        }
        for change in changes
        if change.state == "delivered" and change.id in sent
    ]
    execute_many(connection, _SAVE_PERSONS, rows)


_NEW = upsert(_person)
# What an earlier version wrote of a lead that is dated in the future is no date
_KNOWN = case(
    (_person.c.discovered_at > bindparam("ahead"), literal_column("0.0")), else_=_person.c.discovered_at
)
_SAVE_PERSONS = _NEW.on_conflict_do_update(
    index_elements=["connector", "person"],
    set_={
        "remote_id": func.coalesce(_NEW.excluded.remote_id, _person.c.remote_id),
        "discovered_at": func.max(_NEW.excluded.discovered_at, _KNOWN),
    },
)
