"""The leads that `syncd map` shows, read from the ledger."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, select

from syncd.ledger.schema import Lead, Payload, table
from syncd.ledger.sql import quoted

_lead, _payload = table(Lead), table(Payload)
_SEEN = (_lead.c.source, _lead.c.state, _payload.c.text.label("payload"), _lead.c.enrichment)
_KEPT = _payload.c.seq == _lead.c.seq


def newest(connection: Connection, sources: Collection[str], limit: int) -> Sequence[Any]:
    """The leads of these sources that came in last and still have their payload, newest first."""
    query = (
        select(*_SEEN)
        .join(_payload, _KEPT)
        .where(_lead.c.source.in_(sources), _lead.c.state != quoted("quarantined"))
    )
    return connection.execute(query.order_by(_lead.c.seq.desc()).limit(limit)).all()


def of_id(connection: Connection, sources: Collection[str], lead_id: int) -> Sequence[Any]:
    """Every row of an id in these sources; one without its payload is among them."""
    query = (
        select(*_SEEN)
        .outerjoin(_payload, _KEPT)
        .where(
            _lead.c.source.in_(sources), _lead.c.lead_id == lead_id, _lead.c.state != quoted("quarantined")
        )
    )
    return connection.execute(query.order_by(_lead.c.seq)).all()
