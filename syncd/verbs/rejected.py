"""Acts on what was rejected: send it again, or drop it for good."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from syncd.ledger import Ledger, Transaction, history, overview
from syncd.ledger.admin import rejections
from syncd.ledger.admin.rejections import START, Chosen, retry_part
from syncd.ledger.history import MOST_TOUCHED
from syncd.ledger.overview import Cause, RejectedRow, Rejections
from syncd.settings import Settings
from syncd.verbs.actor import Actor
from syncd.verbs.seen import Seen, require_unchanged
from syncd.verbs.targets import MistakeError, UnknownNameError, advice

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


def members_of(kind: str, where: str, code: str) -> Chosen:
    """Choose the rows of a group as it is shown, so none that is pending. The arguments are those of a `Cause`."""
    connector, source = (where, "") if kind == "delivery" else ("", where)
    return Chosen(connector, code, kind=kind, source=source, rejected_only=True)


def require_known(settings: Settings, ledger: Ledger, connector: str) -> None:
    """Raise UnknownNameError for a connector that is neither configured nor in the ledger; an empty name is any."""
    with ledger.read() as connection:
        known = {*settings.connectors, *overview.counts(connection)["delivery"]}
    if connector and connector not in known:
        raise UnknownNameError("connector", connector, known)


class Retried(NamedTuple):
    """The number of rows that go again, and the number of the entry in the operator's log, None without rows."""

    n: int
    number: int | None


def retry(actor: Actor, chosen: Chosen, *, first: int | None = None, seen: Seen | None = None) -> Retried:
    """Send the chosen rows again, with new attempts. Raises GroupChangedError.

    `first`: only so many of the oldest rejected ones. Many go in several transactions: one that a crash cuts short is
    whole, and the rest is rejected as before.
    """
    mine = chosen if first is None else chosen._replace(rejected_only=True)
    now, n, number, after = actor.clock.now(), 0, None, START
    while True:
        most = MOST_TOUCHED if first is None else min(MOST_TOUCHED, first - n)
        with actor.ledger.write() as connection:
            _require_unchanged(connection, chosen, seen if after == START else None)
            part = retry_part(
                connection, mine, now, who=actor.who, via=actor.via, exports=actor.settings.exporting,
                after=after, most=most,
            )  # fmt: skip
        n, number = n + part.rows, part.number or number
        if part.after is None or n == first:
            return Retried(n, number)
        after = part.after


def take_back(actor: Actor, number: int | None = None) -> int:
    """Reject again what a retry sent again and nobody tried since, for the same reasons; return how many.

    `number`: of its entry in the operator's log; None: the newest retry. Raises MistakeError.
    """
    with actor.ledger.read() as connection:
        found = number or history.newest_touching(connection, "retry")
        parts = [it for it in history.parts_of(connection, found or 0) if it.verb == "retry" and it.touched]
    if not parts:
        which = "There is no retry" if number is None else f"Entry {number} of the operator's log is no retry"
        raise MistakeError(f"{which} of rejected deliveries that can be taken back.")
    n = 0
    for part in parts:
        with actor.ledger.write() as connection:
            now, exports = actor.clock.now(), actor.settings.exporting
            n += rejections.take_back(connection, part, now, who=actor.who, via=actor.via, exports=exports)
    return n


def drop(actor: Actor, chosen: Chosen, *, seen: Seen | None = None) -> int:
    """Drop the chosen rows for good; return how many. Raises GroupChangedError."""
    with actor.ledger.write() as connection:
        _require_unchanged(connection, chosen, seen)
        now, exports = actor.clock.now(), actor.settings.exporting
        return rejections.drop(connection, chosen, now, who=actor.who, via=actor.via, exports=exports)


def _require_unchanged(connection: Transaction, chosen: Chosen, seen: Seen | None) -> None:
    if seen is not None:
        n = overview.count_rejected(connection, _wanted(chosen))
        require_unchanged(connection, seen, n, [chosen.connector or chosen.source])


def _wanted(chosen: Chosen) -> Rejections:
    kind = chosen.kind or ("delivery" if chosen.connector else "")
    return Rejections(kind, chosen.connector or chosen.source, chosen.code, chosen.lead_id or None)


class Droppable(NamedTuple):
    """Numbers of rows that a drop would take: rejected, pending with the code, and all pending ones of the connector."""

    rejected: int
    waiting: int
    pending: int


def droppable(ledger: Ledger, chosen: Chosen) -> Droppable:
    """Count what `drop` would take."""
    with ledger.read() as connection:
        rejected = overview.count_rejected(connection, _wanted(chosen))
        waiting = rejections.still_waiting(connection, chosen)
        pending = overview.counts(connection)["delivery"].get(chosen.connector, {}).get("pending", 0)
    return Droppable(rejected, waiting, pending)
