"""Deliveries that are due, their *maybe sent*, and the verdicts on them: all that a connector's lane reads and writes.

*Maybe sent* is written before the first byte of a call that cannot simply be repeated.
"""

from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    bindparam,
    case,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    update,
)

from syncd.core.delivery import Change, Item
from syncd.core.lane_state import LaneState
from syncd.core.lead import Lead
from syncd.core.verdict import Verdict
from syncd.ledger.deliveries.attempts import (
    ITEM_COLUMNS,
    Recorded,
    due_rows,
    item_of,
    probe_values,
    revive,
    write_changes,
)
from syncd.ledger.lanes import save_lane
from syncd.ledger.leads.recent import Fresh
from syncd.ledger.leads.settlement import settle, settle_delivered
from syncd.ledger.schema import Delivery, Payload, Person, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import Books, among, array, execute_many, quoted, upsert

_lead, _delivery, _person, _payload = table(LeadRow), table(Delivery), table(Person), table(Payload)


NEVER_DELIVERED = 0.0
"""The `discovered_at` of a person whom a connector may have been sent, and of whom none is known to have arrived."""

UNDATED = 1.0
"""The `discovered_at` of what is dated in the future: older than any date that can be."""

AHEAD = 86400.0
"""Seconds that a date may be ahead of this machine's clock, which may be behind, and be believed."""


def believed(discovered_at: float, now: float) -> float:
    """When a lead was discovered, for saying which of a person's is the newest: a date from the future is not."""
    return discovered_at if discovered_at <= now + AHEAD else UNDATED


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
    seqs = [row.lead_seq for row in found]
    at_hand = fresh.take(lane.name, seqs) if fresh else {}
    others = [seq for seq in seqs if seq not in at_hand]
    kept: Sequence[Any] = connection.execute(_PAYLOADS, {"seqs": array(others)}).all() if others else ()
    payloads: dict[int, str] = dict(kept)
    ready = [
        Due._make((item_of(row), *row[len(ITEM_COLUMNS) : -1], payloads.get(seq), at_hand.get(seq)))
        for seq, row in zip(seqs, found, strict=True)
    ]
    # Another lead of the person may have been sent, and none is known to be there: it is looked for first
    return [
        one._replace(item=one.item._replace(maybe_sent=True), newest_delivered=None)
        if one.newest_delivered == NEVER_DELIVERED
        else one
        for one in ready
    ]


MARGIN = 86400.0
"""Seconds that the clocks here and at CTGO, and the time of a lead's discovery, may be apart."""


def doubted(found: Sequence[Due], now: float, restored: float) -> list[Due]:
    """Mark due deliveries as *maybe sent* where the ledger that a restore replaced may have sent them.

    A time of discovery from the future proves nothing.
    """
    return [
        one._replace(item=one.item._replace(maybe_sent=True))
        if one.discovered_at <= restored + MARGIN or one.discovered_at > now
        else one
        for one in found
    ]


_MAYBE_SENT = update(_delivery).where(among(_delivery.c.id, "ids")).values(maybe_sent=true())
_MAY_BE_THERE = (
    upsert(_person)
    .from_select(
        ["connector", "person", "discovered_at"],
        select(_delivery.c.connector, _lead.c.person, literal(NEVER_DELIVERED))
        .join(_lead, _lead.c.seq == _delivery.c.lead_seq)
        .where(among(_delivery.c.id, "ids"), _lead.c.person != ""),
    )
    .on_conflict_do_nothing()
)


def mark_maybe_sent(connection: Connection, ids: Collection[int], *, people: bool) -> None:
    """Intent before effect: committed before the first byte of a call that cannot simply be repeated.

    `people`: the connector's objects are people, so that any lead of theirs may have made what the call makes.
    """
    connection.execute(_MAYBE_SENT, {"ids": array(ids)})
    if people:
        connection.execute(_MAY_BE_THERE, {"ids": array(ids)})


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

    Changes apply to deliveries that are still pending: what a person dropped meanwhile stays dropped. One that a person
    took back meanwhile, and that arrived nevertheless, is delivered.
    `sent`: for each delivered id of a connector whose objects are people, whose it is. `members`: deliveries as they
    were when they were due, by id; others are looked up.
    """
    books = Books(connection, now)
    result = Recorded(write_changes(books, Delivery, ("delivery", connector), verdict.changes))
    changes: Sequence[Change] = verdict.changes
    if result.counts.get("delivered", 0) != sum(change.state == "delivered" for change in changes):
        changes, result.forgotten = _known_still(connection, changes)
        arrived = _arrived(books, connector, changes)
        result.counts["delivered"] = result.counts.get("delivered", 0) + arrived
    _remember(connection, connector, changes, sent, now)
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


def _arrived(books: Books, connector: str, changes: Sequence[Change]) -> int:
    """Deliver what was set aside during the call and is there; return how many."""
    there = [
        (change.id, change.remote_id, change.created) for change in changes if change.state == "delivered"
    ]
    n = books.connection.execute(_ARRIVED, {"rows": array(there), "at": books.now}).rowcount
    books.move("delivery", connector, n, old="rejected", new="delivered")
    return int(n)


_EACH = func.json_each(bindparam("rows")).table_valued("value")
_ARRIVED = (
    update(_delivery)
    .where(_delivery.c.id == func.json_extract(_EACH.c.value, "$[0]"), _delivery.c.state == quoted("rejected"))
    .values(
        state="delivered", settled_at=bindparam("at"), code="", detail="", suspect=false(), maybe_sent=false(),
        remote_id=func.coalesce(func.json_extract(_EACH.c.value, "$[1]"), _delivery.c.remote_id),
        created=or_(func.json_extract(_EACH.c.value, "$[2]"), _delivery.c.created),
    )
)  # fmt: skip
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
