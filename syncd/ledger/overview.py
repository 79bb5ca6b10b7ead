"""Queries of the reading commands. Counts come from the tally, lists through the partial indexes."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, exists, func, literal, select, union_all

from syncd.core.texts import bare
from syncd.ledger.schema import (
    Credits,
    Delivery,
    Export,
    Feedback,
    Hearing,
    Payload,
    Source,
    Subscription,
    Tally,
    table,
)
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import is_standing, quoted

_lead, _delivery, _export, _payload = table(LeadRow), table(Delivery), table(Export), table(Payload)
_KEPT = _payload.c.seq == _lead.c.seq
_tally, _source = table(Tally), table(Source)
_credits, _feedback, _hearing = table(Credits), table(Feedback), table(Hearing)

_PUSHED = select(table(Subscription))

# In literals, as in the partial index: with parameters SQLite does not see that it may use it, and scans every lead
_IS_STANDING = is_standing(_lead)


_UNDER_WAY = tuple(
    (
        _delivery.c.state == quoted("pending"),
        held,  # or not, in the words of the two partial indexes
        _lead.c.seq == _delivery.c.lead_seq,
        _lead.c.state == quoted("delivering"),
    )
    for held in (_delivery.c.held == quoted(""), _delivery.c.held != quoted(""))
)
"""Leads on their way to a connector, once for each delivery that is pending: each has one, or it would be nobody's."""

Counts = dict[str, dict[str, dict[str, int]]]


def counts(connection: Connection) -> Counts:
    """Rows as kind -> name -> state -> number, zeros left out. Kinds: lead, delivery, export, feedback."""
    result: Counts = {"lead": {}, "delivery": {}, "export": {}, "feedback": {}}
    for kind, name, state, n in connection.execute(
        select(_tally.c.kind, _tally.c.name, _tally.c.state, _tally.c.n)
        .where(_tally.c.n > 0)
        .order_by(_tally.c.kind, _tally.c.name, _tally.c.state)
    ):
        result[kind].setdefault(name, {})[state] = n
    return result


def sources(connection: Connection) -> Sequence[Any]:
    """Every source that was ever pulled."""
    return connection.execute(select(_source).order_by(_source.c.name)).all()


class Pushed(NamedTuple):
    """A source's push: since when it is subscribed (None: it is not), if a person switched it off, and when one last came."""

    subscribed_at: float | None
    off: bool
    heard_at: float | None


def pushed(connection: Connection) -> dict[str, Pushed]:
    """By source, of those of which a webhook subscription, or something of one, is kept."""
    return {
        it.source: Pushed(None if it.remote_id is None else it.subscribed_at, bool(it.off), it.heard_at)
        for it in connection.execute(_PUSHED)
    }


def oldest_unsettled(connection: Connection) -> float | None:
    """When the oldest lead that is not settled was ingested. Reads all that are on their way to a connector."""
    standing = select(_lead.c.ingested_at).where(_IS_STANDING)
    under_way = [select(_lead.c.ingested_at).where(*of_it) for of_it in _UNDER_WAY]
    instants = union_all(standing, *under_way).subquery()
    return connection.execute(select(func.min(instants.c.ingested_at))).scalar()


def oldest_pending(connection: Connection) -> dict[str, float]:
    """By connector: when the lead of the delivery that has been pending longest was ingested, held ones included."""
    of_each = select(_delivery.c.connector, func.min(_delivery.c.id).label("id")).group_by(
        _delivery.c.connector
    )
    pending = _delivery.c.state == quoted("pending")
    # Held or not, in the words of the two partial indexes
    first = union_all(
        of_each.where(pending, _delivery.c.held == quoted("")),
        of_each.where(pending, _delivery.c.held != quoted("")),
    ).subquery()
    query = (
        select(first.c.connector, func.min(_lead.c.ingested_at))
        .join(_delivery, _delivery.c.id == first.c.id)
        .join(_lead, _lead.c.seq == _delivery.c.lead_seq)
        .group_by(first.c.connector)
    )
    return _by_name(connection, query)


class Cause(NamedTuple):
    """Rejected rows that share a reason. `where` is a connector, or the source for an export, feedback or a quarantined lead."""

    kind: str
    where: str
    code: str
    n: int
    detail: str


def causes(connection: Connection) -> list[Cause]:
    """Return rejected rows in groups, the largest first."""
    groups = union_all(
        _grouped("delivery", _delivery, _delivery.c.connector, _delivery.c.state == quoted("rejected")),
        _grouped("export", _export, _export.c.source, _export.c.state == quoted("rejected")),
        _grouped("feedback", _feedback, _feedback.c.source, _feedback.c.state == quoted("rejected")),
        _grouped("lead", _lead, _lead.c.source, _IS_STANDING & (_lead.c.state == quoted("quarantined"))),
    ).subquery()
    rows = connection.execute(select(groups).order_by(groups.c.n.desc(), groups.c.code))
    return [Cause(*row) for row in rows]


def _grouped(kind: str, rows: Any, where: Any, condition: Any) -> Any:
    return (
        select(
            literal(kind).label("kind"), where.label("place"), rows.c.code,
            func.count().label("n"), func.max(rows.c.detail).label("detail"),
        )
        .where(condition)
        .group_by(where, rows.c.code)
    )  # fmt: skip


class RejectedRow(NamedTuple):
    """One rejected or quarantined row."""

    kind: str
    where: str
    source: str
    lead_id: int
    stream_id: int
    segment_id: int
    code: str
    detail: str
    attempts: int
    payload: str | None


class Rejections(NamedTuple):
    """A choice of rejected rows: of a kind, of a connector or source, for a reason, of a lead; empty and None are any."""

    kind: str = ""
    where: str = ""
    code: str = ""
    lead_id: int | None = None


ALL_REJECTED = Rejections()


def rejected_rows(connection: Connection, wanted: Rejections = ALL_REJECTED) -> Iterator[RejectedRow]:
    """Rejected deliveries, exports and feedback, and quarantined rows."""
    for kind, query, conditions in _rejections(wanted):
        if wanted.kind in {"", kind}:
            for row in connection.execute(query.where(*conditions)):
                yield RejectedRow(kind, *row)


def count_rejected(connection: Connection, wanted: Rejections) -> int:
    """Count the rows that `rejected_rows` would return."""
    queries = (
        query.where(*conditions)
        for kind, query, conditions in _rejections(wanted)
        if wanted.kind in {"", kind}
    )
    return sum(
        connection.execute(select(func.count()).select_from(it.subquery())).scalar_one() for it in queries
    )


def _rejections(wanted: Rejections) -> Iterator[tuple[str, Any, list[Any]]]:
    """List each kind of rejected rows: its name, its query, and what is wanted in its own columns."""
    key = (_lead.c.source, _lead.c.lead_id, _lead.c.stream_id, _lead.c.segment_id)
    deliveries = (
        select(_delivery.c.connector, *key, _delivery.c.code, _delivery.c.detail, _delivery.c.attempts, _payload.c.text)
        .join(_lead, _lead.c.seq == _delivery.c.lead_seq)
        .outerjoin(_payload, _KEPT)
        .where(_delivery.c.state == quoted("rejected"))
    )  # fmt: skip
    exports = select(
        _export.c.source, _export.c.source, _export.c.lead_id, literal(0), literal(0),
        _export.c.code, _export.c.detail, _export.c.attempts, literal(None),
    ).where(_export.c.state == quoted("rejected"))  # fmt: skip
    feedback = select(
        _feedback.c.source, _feedback.c.source, _feedback.c.lead_id, literal(0), _feedback.c.segment_id,
        _feedback.c.code, _feedback.c.detail, _feedback.c.attempts, literal(None),
    ).where(_feedback.c.state == quoted("rejected"))  # fmt: skip
    quarantined = (
        select(_lead.c.source, *key, _lead.c.code, _lead.c.detail, literal(0), _payload.c.text)
        .outerjoin(_payload, _KEPT)
        .where(_IS_STANDING, _lead.c.state == quoted("quarantined"))
    )
    for kind, query, rows, where, lead_id in (
        ("delivery", deliveries, _delivery, _delivery.c.connector, _lead.c.lead_id),
        ("export", exports, _export, _export.c.source, _export.c.lead_id),
        ("feedback", feedback, _feedback, _feedback.c.source, _feedback.c.lead_id),
        ("lead", quarantined, _lead, _lead.c.source, _lead.c.lead_id),
    ):
        asked = ((where, wanted.where or None), (rows.c.code, wanted.code or None), (lead_id, wanted.lead_id))
        yield kind, query, [column == value for column, value in asked if value is not None]


def find_leads(connection: Connection, *, lead_id: int = 0, handle: str = "") -> Sequence[Any]:
    """Every row of an id, or of a handle. By handle the payloads are searched: slow, and for people only."""
    query = select(_lead, _payload.c.text.label("payload")).outerjoin(_payload, _KEPT).order_by(_lead.c.seq)
    if lead_id:
        known = select(_source.c.name)  # the unique index begins with the source
        return connection.execute(query.where(_lead.c.source.in_(known), _lead.c.lead_id == lead_id)).all()
    return connection.execute(query.where(func.holds(_payload.c.text, bare(handle), "handle"))).all()


def newest_leads(connection: Connection, sources: Collection[str], limit: int) -> Iterable[Any]:
    """The leads of these sources that were discovered last and still have their payload, newest first."""
    kept = _EXAMPLES.where(_lead.c.source.in_(sources), _payload.c.seq.is_not(None))
    return connection.execute(kept.order_by(_lead.c.discovered_at.desc(), _lead.c.seq.desc()).limit(limit))


def leads_of_id(connection: Connection, sources: Collection[str], lead_id: int) -> Sequence[Any]:
    """Every row of an id in these sources; one without its payload is among them."""
    mine = _EXAMPLES.where(_lead.c.source.in_(sources), _lead.c.lead_id == lead_id)
    return connection.execute(mine.order_by(_lead.c.seq)).all()


_EXAMPLES = (
    select(_lead.c.source, _lead.c.state, _payload.c.text.label("payload"), _lead.c.enrichment)
    .outerjoin(_payload, _KEPT)
    .where(_lead.c.state != quoted("quarantined"))
)


def deliveries_of(connection: Connection, seq: int) -> Sequence[Any]:
    """A lead's deliveries."""
    return connection.execute(
        select(_delivery).where(_delivery.c.lead_seq == seq).order_by(_delivery.c.id)
    ).all()


def export_of(connection: Connection, source: str, lead_id: int) -> Any:
    """The export of an id, or None."""
    return connection.execute(
        select(_export).where(_export.c.source == source, _export.c.lead_id == lead_id)
    ).first()


def pending_elsewhere(connection: Connection, configured: Sequence[str]) -> dict[str, int]:
    """Pending deliveries to connectors that have left the configuration."""
    rows = counts(connection)["delivery"]
    return {
        name: states["pending"]
        for name, states in rows.items()
        if name not in configured and "pending" in states
    }


def recount(connection: Connection) -> dict[tuple[str, str, str], int]:
    """Count the tally anew from the rows themselves; reads every row."""
    result: dict[tuple[str, str, str], int] = {}
    for kind, rows, name in (
        ("lead", _lead, _lead.c.source),
        ("delivery", _delivery, _delivery.c.connector),
        ("export", _export, _export.c.source),
        ("feedback", _feedback, _feedback.c.source),
    ):
        for owner, state, n in connection.execute(
            select(name, rows.c.state, func.count()).group_by(name, rows.c.state)
        ):
            result[kind, owner, state] = n
    return result


def ids_to_deliver(connection: Connection) -> dict[str, int]:
    """By source: ids that will owe an export once their deliveries are made; those that owe one now are not among them."""
    known = exists().where(_export.c.source == _lead.c.source, _export.c.lead_id == _lead.c.lead_id)
    each = union_all(*(select(_lead.c.source, _lead.c.lead_id).where(*of_it, ~known) for of_it in _UNDER_WAY))
    ids = each.subquery()
    query = select(ids.c.source, func.count(ids.c.lead_id.distinct())).group_by(ids.c.source)
    return _by_name(connection, query)


def balances(connection: Connection) -> dict[str, int]:
    """By source: the enrichment credits as CTGO last gave them; those that are not known are left out."""
    query = select(_credits.c.source, _credits.c.balance).where(_credits.c.balance.is_not(None))
    return _by_name(connection, query)


def last_feedback_polls(connection: Connection) -> dict[str, float]:
    """By connector: when feedback was last collected from it."""
    query = select(_hearing.c.connector, _hearing.c.heard_at).where(_hearing.c.heard_at.is_not(None))
    return _by_name(connection, query)


def _by_name(connection: Connection, query: Any) -> dict[str, Any]:
    rows: Sequence[Any] = connection.execute(query).all()
    return dict(rows)
