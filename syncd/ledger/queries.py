"""Queries of whoever looks often, as a console does: each costs what it shows, however long the past.

Searching needs indexes that nothing else needs. The daemon makes them where a console is configured, so a ledger without one
does not pay: they are a twentieth of the file, and 11 µs more for each new lead.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, literal, or_, select, text, union_all

from syncd.core.texts import bare, fold
from syncd.ledger.database import Ledger
from syncd.ledger.deliveries import statuses
from syncd.ledger.schema import Delivery, Export, Feedback, Lane, Payload, Source, Tally, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import is_standing, quoted

_lead, _delivery, _export, _feedback = table(LeadRow), table(Delivery), table(Export), table(Feedback)
_payload, _tally, _lane, _source = table(Payload), table(Tally), table(Lane), table(Source)

# Text that SQLite cannot read as JSON must not keep a lead from being written
_HANDLE = "CASE WHEN json_valid(text) THEN lower(ltrim(json_extract(text, '$.profile.handle'), '@ ')) END"
_EMAIL = "CASE WHEN json_valid(enrichment) THEN lower(json_extract(enrichment, '$.email.address')) END"
INDEXES = (
    f"CREATE INDEX IF NOT EXISTS payload_handle ON payload ({_HANDLE})",
    f"CREATE INDEX IF NOT EXISTS lead_email ON lead ({_EMAIL}) WHERE enrichment IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS delivery_remote ON delivery (remote_id) WHERE remote_id IS NOT NULL",
    statuses.LEAD_PERSON,
)


def make_indexes(ledger: Ledger) -> None:
    """Make the indexes of `search`, each in a transaction of its own; costs nothing when they exist."""
    for statement in INDEXES:
        with ledger.write() as connection:
            connection.exec_driver_sql(statement)


# The whole

Totals = dict[str, dict[str, int]]


def totals(connection: Connection) -> Totals:
    """Return the rows of all names by kind and state, zeros left out."""
    found: Totals = {"lead": {}, "delivery": {}, "export": {}, "feedback": {}}
    query = select(_tally.c.kind, _tally.c.state, func.sum(_tally.c.n)).group_by(
        _tally.c.kind, _tally.c.state
    )
    for kind, state, n in connection.execute(query.where(_tally.c.n > 0)):
        found[kind][state] = n
    return found


def standing_lanes(connection: Connection) -> Sequence[Any]:
    """Return the rows of lanes that are not open, or have a code; gates apart."""
    query = select(*(column for column in _lane.c if column.name not in {"alike", "doubts"}))
    return connection.execute(query.where(or_(_lane.c.status != "open", _lane.c.code != ""))).all()


class Waiting(NamedTuple):
    """Pending deliveries of a connector, held ones included. `first`: the id of the one that was made first."""

    n: int
    first: int


def waiting(connection: Connection) -> dict[str, Waiting]:
    """Return, by connector, what is pending."""
    of_each = select(_delivery.c.connector, func.count().label("n"), func.min(_delivery.c.id).label("first"))
    pending = _delivery.c.state == quoted("pending")
    # Held or not, in the words of the two partial indexes, which are all that is read
    both = union_all(*(
        of_each.where(pending, held).group_by(_delivery.c.connector)
        for held in (_delivery.c.held == quoted(""), _delivery.c.held != quoted(""))
    )).subquery()  # fmt: skip
    query = select(both.c.connector, func.sum(both.c.n), func.min(both.c.first)).group_by(both.c.connector)
    return {name: Waiting(n, first) for name, n, first in connection.execute(query)}


def ingested_at(connection: Connection, delivery_id: int) -> float | None:
    """Return when the lead of a delivery was ingested; None if there is no such delivery."""
    query = select(_lead.c.ingested_at).join(_delivery, _delivery.c.lead_seq == _lead.c.seq)
    found: float | None = connection.execute(query.where(_delivery.c.id == delivery_id)).scalar()
    return found


# What is set aside


class Group(NamedTuple):
    """Rejected rows that share a reason, or quarantined leads. `where`: the connector, or the source for all but deliveries."""

    kind: str
    where: str
    code: str
    n: int = 0


_ROWS = {
    "delivery": (_delivery, _delivery.c.connector, _delivery.c.id, _delivery.c.state == quoted("rejected")),
    "export": (_export, _export.c.source, _export.c.id, _export.c.state == quoted("rejected")),
    "feedback": (_feedback, _feedback.c.source, _feedback.c.id, _feedback.c.state == quoted("rejected")),
    "lead": (
        _lead,
        _lead.c.source,
        _lead.c.seq,
        is_standing(_lead) & (_lead.c.state == quoted("quarantined")),
    ),
}


def set_aside(connection: Connection) -> list[Group]:
    """Return the groups, the largest first. All but quarantined leads are counted in their index alone."""
    each = union_all(*(
        select(literal(kind).label("kind"), where.label("place"), rows.c.code, func.count().label("n"))
        .where(condition).group_by(where, rows.c.code)
        for kind, (rows, where, _, condition) in _ROWS.items()
    )).subquery()  # fmt: skip
    return [Group(*row) for row in connection.execute(select(each).order_by(each.c.n.desc(), each.c.code))]


def example(connection: Connection, group: Group) -> Any:
    """Return the newest row of a group, with its `detail`; None if there is none any more."""
    return next(iter(page(connection, group, limit=1)), None)


def page(
    connection: Connection, group: Group, *, before: int | None = None, limit: int = 25
) -> Sequence[Any]:
    """Return a page of a group, the newest first, each row with the key of its lead. `before`: the last `id` of the page before."""
    rows, where, number, condition = _ROWS[group.kind]
    own = [rows.c[name] for name in ("code", "detail", "settled_at")] + [
        where.label("place"),
        number.label("id"),
    ]
    attempts = literal(0).label("attempts") if group.kind == "lead" else rows.c.attempts
    if group.kind == "delivery":
        key: list[Any] = [
            _lead.c[name] for name in ("source", "lead_id", "stream_id", "segment_id", "person")
        ]
        query = select(*own, attempts, *key).join(_lead, _lead.c.seq == _delivery.c.lead_seq)
    else:
        query = select(*own, attempts, rows.c.source, rows.c.lead_id)
    query = query.where(condition, where == group.where, rows.c.code == group.code)
    if before is not None:
        query = query.where(number < before)
    return connection.execute(query.order_by(number.desc()).limit(limit)).all()


# Searching


class Sought(NamedTuple):
    """A person to look for, by one of these; a handle by its beginning."""

    lead_id: int = 0
    handle: str = ""
    email: str = ""
    person: str = ""
    remote_id: str = ""


_NUMBER = re.compile(r"[0-9]{1,18}")
_RECORD = re.compile(r"[A-Za-z0-9_-]{1,64}")


def sought(text_: str) -> list[Sought]:
    """Read what somebody typed or pasted: what it may be, the likeliest first. The last part with a digit names a record."""
    words = text_.strip()
    if "/" in words:
        parts = re.split(r"[/#]+", words.partition("?")[0])
        ids = [part for part in parts[2:] if _RECORD.fullmatch(part) and re.search("[0-9]", part)]
        return [Sought(remote_id=ids[-1])] if ids else []
    if words.startswith("@"):
        return [Sought(handle=words)]
    if "@" in words:
        return [Sought(email=words)]
    found = [Sought(lead_id=int(words)), Sought(person=words)] if _NUMBER.fullmatch(words) else []
    if _RECORD.fullmatch(words):
        found += [Sought(remote_id=words), Sought(handle=words)]
    return found


def search(connection: Connection, sought: Sought, *, limit: int = 20) -> Sequence[Any]:
    """Return rows of leads, with their `payload`; quick only with `INDEXES`, but for an id."""
    query = select(_lead, _payload.c.text.label("payload")).outerjoin(_payload, _payload.c.seq == _lead.c.seq)
    if sought.lead_id:
        # The unique index begins with the source
        query = query.where(_lead.c.source.in_(select(_source.c.name)), _lead.c.lead_id == sought.lead_id)
    elif sought.handle:
        name = bare(sought.handle)
        handle = text(f"{_HANDLE} >= :name AND {_HANDLE} < :beyond").bindparams(
            name=name, beyond=name + "\U0010ffff"
        )
        query = query.where(_lead.c.seq.in_(select(_payload.c.seq).where(handle)))
    elif sought.email:
        email = text(f"{_EMAIL} = :email AND enrichment IS NOT NULL").bindparams(
            email=fold(sought.email.strip())
        )
        query = query.where(email)
    elif sought.person:
        query = query.where(_lead.c.person == sought.person)
    else:
        there = _delivery.c.remote_id == sought.remote_id
        query = query.where(
            _lead.c.seq.in_(select(_delivery.c.lead_seq).where(there, _delivery.c.remote_id.is_not(None)))
        )
    return connection.execute(query.limit(limit)).all()
