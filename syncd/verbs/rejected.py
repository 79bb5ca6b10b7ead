"""Acts on what was rejected: send it again, or drop it for good."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from syncd.ledger import Ledger, overview
from syncd.ledger.admin import actions
from syncd.ledger.admin.actions import Chosen
from syncd.ledger.overview import Cause, RejectedRow, Rejections
from syncd.settings import Settings
from syncd.verbs.actor import Actor
from syncd.verbs.targets import UnknownNameError, advice

FEW = 3
"""Leads that a group names."""


class Group(NamedTuple):
    """Rejected rows that share a reason. `fix`: what to do, empty if nobody knows; `leads`: ids of the first leads."""

    cause: Cause
    fix: str
    leads: list[int]


def groups(settings: Settings, ledger: Ledger, connector: str = "") -> list[Group]:
    """Group what was rejected by its reason, the largest group first. Raises UnknownNameError."""
    require_known(settings, ledger, connector)
    with ledger.read() as connection:
        found = overview.causes(connection)
    causes = [it for it in found if not connector or (it.kind == "delivery" and it.where == connector)]
    return [Group(it, advice(settings, it.code, it.where), _first_of(ledger, it)) for it in causes]


def _first_of(ledger: Ledger, cause: Cause) -> list[int]:
    with ledger.read() as connection:
        found = overview.rejected_rows(connection, Rejections(cause.kind, cause.where, cause.code))
        return list(dict.fromkeys(row.lead_id for row in islice(found, FEW)))


def rows(
    ledger: Ledger, connector: str = "", code: str = "", lead_id: int | None = None
) -> Iterator[RejectedRow]:
    """Read the rejected rows that are chosen; with a connector, its deliveries alone."""
    with ledger.read() as connection:
        wanted = Rejections("delivery" if connector else "", connector, code, lead_id)
        yield from overview.rejected_rows(connection, wanted)


def choice(settings: Settings, ledger: Ledger, connector: str, code: str, lead_id: int) -> Chosen:
    """Choose rejected rows; pending ones too of a connector that has left the configuration. Raises UnknownNameError."""
    require_known(settings, ledger, connector)
    return Chosen(
        connector, code, lead_id, unconfigured=bool(connector) and connector not in settings.connectors
    )


def require_known(settings: Settings, ledger: Ledger, connector: str) -> None:
    """Raise UnknownNameError for a connector that is neither configured nor in the ledger; an empty name is any."""
    with ledger.read() as connection:
        known = {*settings.connectors, *overview.counts(connection)["delivery"]}
    if connector and connector not in known:
        raise UnknownNameError("connector", connector, known)


def retry(actor: Actor, chosen: Chosen) -> int:
    """Send the chosen rows again, with new attempts; return how many."""
    with actor.ledger.write() as connection:
        now, exports = actor.clock.now(), actor.settings.exporting
        return actions.retry(connection, chosen, now, who=actor.who, exports=exports)


def drop(actor: Actor, chosen: Chosen) -> int:
    """Drop the chosen rows for good; return how many."""
    with actor.ledger.write() as connection:
        now, exports = actor.clock.now(), actor.settings.exporting
        return actions.drop(connection, chosen, now, who=actor.who, exports=exports)


class Droppable(NamedTuple):
    """Numbers of rows that a drop would take: rejected, pending with the code, and all pending ones of the connector."""

    rejected: int
    waiting: int
    pending: int


def droppable(ledger: Ledger, chosen: Chosen) -> Droppable:
    """Count what `drop` would take."""
    rejected = sum(1 for _ in rows(ledger, chosen.connector, chosen.code, chosen.lead_id or None))
    with ledger.read() as connection:
        waiting = actions.still_waiting(connection, chosen)
        pending = overview.counts(connection)["delivery"].get(chosen.connector, {}).get("pending", 0)
    return Droppable(rejected, waiting, pending)
