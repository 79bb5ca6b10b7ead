"""Lists of leads, newest first: a page is one statement, and the next page begins behind the last row."""

from json import loads
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select, tuple_

from syncd.ledger.schema import Delivery, Label, Payload, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import quoted

_lead, _delivery, _payload, _label = table(LeadRow), table(Delivery), table(Payload), table(Label)

_OF_LEAD = _delivery.c.lead_seq == _lead.c.seq
_PLACE = (_lead.c.discovered_at, _lead.c.seq)


class LeadFilter(NamedTuple):
    """The wanted leads; an empty value does not restrict.

    With a connector, `state` is of its delivery. Without one, it is of the lead or of any of its deliveries.
    """

    connector: str = ""
    state: str = ""
    campaign: int = 0
    since: float | None = None


class ListedDelivery(NamedTuple):
    """One delivery of a listed lead. `held`: its gate holds it."""

    connector: str
    state: str
    remote_id: str | None
    code: str
    held: bool


class ListedLead(NamedTuple):
    """One lead of a list. `payload`: as stored; None if it is no longer kept. `campaign`: its name, if it is known."""

    seq: int
    discovered_at: float
    source: str
    lead_id: int
    stream_id: int
    segment_id: int
    state: str
    payload: str | None
    campaign: str | None
    deliveries: tuple[ListedDelivery, ...]


def list_leads(
    connection: Connection, wanted: LeadFilter, limit: int, after: ListedLead | None = None
) -> list[ListedLead]:
    """Return a page of the wanted leads, the last discovered first. `after`: the last row of the page before."""
    conditions = list(_conditions(wanted))
    if after:
        conditions.append(tuple_(*_PLACE) < tuple_(after.discovered_at, after.seq))
    order = [column.desc() for column in _PLACE]
    page = select(_lead.c.seq).where(*conditions).order_by(*order).limit(limit)
    # The page is chosen before anything is looked up: payloads and deliveries are read for its rows only
    query = _SHOWN.where(_lead.c.seq.in_(page)).order_by(*order)
    return [
        ListedLead._make((*row[:-1], tuple(ListedDelivery(*one) for one in loads(row[-1]))))
        for row in connection.execute(query)
    ]


def _conditions(wanted: LeadFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    of_state = [_delivery.c.state == wanted.state] if wanted.state else []
    if wanted.connector:
        found.append(exists().where(_OF_LEAD, _delivery.c.connector == wanted.connector, *of_state))
    elif wanted.state:
        found.append(or_(_lead.c.state == wanted.state, exists().where(_OF_LEAD, *of_state)))
    if wanted.campaign:
        found.append(_lead.c.stream_id == wanted.campaign)
    if wanted.since is not None:
        found.append(_lead.c.discovered_at >= wanted.since)
    return found


_DELIVERIES = (
    select(
        func.json_group_array(
            func.json_array(
                _delivery.c.connector,
                _delivery.c.state,
                _delivery.c.remote_id,
                _delivery.c.code,
                (_delivery.c.state == quoted("pending")) & _delivery.c.held.not_in(["", "unasked"]),
            )
        )
    )
    .where(_OF_LEAD)
    .correlate(_lead)
    .scalar_subquery()
)
_SHOWN = (
    select(
        _lead.c.seq, _lead.c.discovered_at, _lead.c.source, _lead.c.lead_id, _lead.c.stream_id, _lead.c.segment_id,
        _lead.c.state, _payload.c.text, _label.c.name, _DELIVERIES,
    )
    .outerjoin(_payload, _payload.c.seq == _lead.c.seq)
    .outerjoin(
        _label,
        (_label.c.source == _lead.c.source)
        & (_label.c.kind == "stream")
        & (_label.c.id == _lead.c.stream_id),
    )
)  # fmt: skip
