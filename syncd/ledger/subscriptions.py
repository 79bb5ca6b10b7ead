"""The webhook subscription of each source at CTGO: there is one, and none is ever lost.

CTGO lists no subscriptions, so an id that is lost can never be unsubscribed. An id stays here until CTGO has confirmed that
it is gone, even if the configuration changed. A replaced subscription is unsubscribed after the new one exists. The address
is written down before a request is sent: if its answer is lost, subscribing the same address again returns the id.
"""

import json
import secrets
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from syncd.ledger.schema import Subscription as Row
from syncd.ledger.schema import table
from syncd.ledger.sql import upsert

_row = table(Row)
_LOAD = select(_row).where(_row.c.source == bindparam("name"))


@dataclass(frozen=True, slots=True)
class Subscription:
    """See `syncd.ledger.schema.Subscription`. Instants are seconds since the epoch."""

    source: str
    token: str
    digest: str = ""
    remote_id: int | None = None
    subscribed_at: float = 0.0
    leaving: tuple[int, ...] = ()
    asked: str = ""
    off: bool = False
    heard_at: float | None = None

    @property
    def is_there(self) -> bool:
        """True if any part of it is, or may be, at CTGO."""
        return self.remote_id is not None or bool(self.leaving) or bool(self.asked)

    def subscribed(self, number: int, digest: str, now: float) -> "Subscription":
        """After CTGO answered with an id. One that it replaced is to leave."""
        old = {*self.leaving} | ({self.remote_id} if self.remote_id is not None else set())
        leaving = tuple(sorted(old - {number}))
        return replace(self, remote_id=number, digest=digest, subscribed_at=now, leaving=leaving, asked="")

    def found(self, number: int) -> "Subscription":
        """After CTGO gave the id of the address whose answer was lost, and which is not wanted any more."""
        return replace(self, leaving=tuple(sorted({*self.leaving, number} - {self.remote_id})), asked="")

    def asks(self, target: str) -> "Subscription":
        """Before an address is asked for, or after it is certain that this was to no effect: then it is empty."""
        return replace(self, asked=target)

    def unwanted(self) -> "Subscription":
        """When there is to be none any more: all of it is to leave."""
        if self.remote_id is None:
            return self
        leaving = tuple(sorted({*self.leaving, self.remote_id}))
        return replace(self, remote_id=None, digest="", leaving=leaving)

    def switched(self, *, off: bool) -> "Subscription":
        """After a person switched it."""
        return replace(self, off=off)

    def left(self, number: int) -> "Subscription":
        """After CTGO confirmed that an id is gone."""
        return replace(self, leaving=tuple(it for it in self.leaving if it != number))


def fresh(source: str) -> Subscription:
    """One that nothing was done about yet, with a token that nobody can guess: 256 bits."""
    return Subscription(source, secrets.token_urlsafe(32))


def load(connection: Connection, source: str) -> Subscription | None:
    """A source's subscription; None if there never was one, or nothing of it is left."""
    row = connection.execute(_LOAD, {"name": source}).mappings().first()
    return _read(row) if row else None


def load_all(connection: Connection) -> list[Subscription]:
    """Every source's, by name."""
    rows = connection.execute(select(_row).order_by(_row.c.source)).mappings()
    return [_read(row) for row in rows]


def save(connection: Connection, it: Subscription) -> None:
    """Insert or replace."""
    row = {name: getattr(it, name) for name in _row.c.keys()} | {"leaving": json.dumps(it.leaving)}  # noqa: SIM118
    new = upsert(_row)
    changes = {name: new.excluded[name] for name in row}
    connection.execute(new.on_conflict_do_update(index_elements=["source"], set_=changes), row)


def forget(connection: Connection, source: str) -> None:
    """Nothing is left of it."""
    connection.execute(delete(_row).where(_row.c.source == source))


def note_push(connection: Connection, source: str, now: float) -> None:
    """Note when CTGO pushed last."""
    connection.execute(update(_row).where(_row.c.source == source).values(heard_at=now))


def _read(row: Any) -> Subscription:
    leaving = tuple(json.loads(row["leaving"]))
    return Subscription(**{**row, "off": bool(row["off"]), "leaving": leaving})
