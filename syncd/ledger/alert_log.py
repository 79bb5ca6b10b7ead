"""Alerts that were sent, so that a restart neither repeats nor forgets one. Few rows: one for each thing that is wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, select

from syncd.ledger.schema import Alert, Digest, table

_alert, _digest = table(Alert), table(Digest)


def load_alerts(connection: Connection) -> Sequence[Mapping[str, Any]]:
    """Every row, with `kind` and `place` for its topic."""
    return [dict(row) for row in connection.execute(select(_alert)).mappings()]


def save_alerts(connection: Connection, rows: Sequence[Mapping[str, object]]) -> None:
    """Replace all rows by these."""
    connection.execute(delete(_alert))
    if rows:
        connection.execute(_alert.insert(), [dict(row) for row in rows])


def load_digest(connection: Connection) -> Mapping[str, Any] | None:
    """The totals of the last daily summary; None before the first."""
    row = connection.execute(
        select(_digest.c.at, _digest.c.found, _digest.c.delivered, _digest.c.exported)
    ).mappings().first()  # fmt: skip
    return dict(row) if row else None


def save_digest(connection: Connection, totals: Mapping[str, object]) -> None:
    """The totals that the next one counts from."""
    connection.execute(delete(_digest))
    connection.execute(_digest.insert(), dict(totals))
