"""*Maybe sent*: what is written before the first byte of a call that cannot simply be repeated."""

from collections.abc import Collection

from sqlalchemy import Connection, literal, select, true, update

from syncd.ledger.schema import Delivery, Person, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import among, array, upsert

_lead, _delivery, _person = table(LeadRow), table(Delivery), table(Person)

NEVER_DELIVERED = 0.0
"""The `discovered_at` of a person whom a connector may have been sent, and of whom none is known to have arrived."""

UNDATED = 1.0
"""The `discovered_at` of what is dated in the future: older than any date that can be."""

AHEAD = 86400.0
"""Seconds that a date may be ahead of this machine's clock, which may be behind, and be believed."""


def believed(discovered_at: float, now: float) -> float:
    """When a lead was discovered, for saying which of a person's is the newest: a date from the future is not."""
    return discovered_at if discovered_at <= now + AHEAD else UNDATED


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
