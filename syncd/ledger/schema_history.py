"""The tables of the ledger's history: acts of people, alerts, maintenance, counts for plots. See `syncd.ledger.schema`."""

from typing import Any, ClassVar

from sqlalchemy import Column, String, text
from sqlmodel import Field

from syncd.ledger.schema import Row


class Action(Row, table=True):
    """An entry of the operator's log: who did what, and when.

    `via`: `cli` or `console`; `touched`: a JSON array of delivery ids that the act may be taken back for, None if it may not.
    """

    id: int | None = Field(default=None, primary_key=True)
    at: float
    who: str
    verb: str
    name: str = ""
    detail: str = ""
    via: str = Field(default="cli", sa_column=Column(String, nullable=False, server_default=text("'cli'")))
    touched: str | None = None


class Look(Row, table=True):
    """A person's question to a connector's lane: what does the remote have for this delivery now? `answer`: JSON."""

    id: int | None = Field(default=None, primary_key=True)
    connector: str
    delivery_id: int
    asked_at: float
    who: str
    answer: str | None = None
    done_at: float | None = None


class Flow(Row, table=True):
    """The number of rows that came into a state in a span of time, kept for plots; written where a console is configured.

    `span`: `hour` or `day`; `at`: when it began; `last`: when the last row was counted. See `syncd.ledger.flow`.
    """

    __table_args__: ClassVar[Any] = {"sqlite_with_rowid": False}

    span: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    state: str = Field(primary_key=True)
    at: int = Field(primary_key=True)
    name: str = Field(primary_key=True)
    n: int = 0
    last: float = 0.0


class Alert(Row, table=True):
    """An alert and its last message to a person: see `syncd.alerts.decision.Alert`. `place`: the part of its topic."""

    kind: str = Field(primary_key=True)
    place: str = Field(primary_key=True)
    code: str = ""
    since: float = 0.0
    level: int = 1
    told_at: float | None = None
    told_level: int = 0
    over_at: float | None = None


class Digest(Row, table=True):
    """The totals of the last daily summary; one row at most."""

    id: int | None = Field(default=None, primary_key=True)
    at: float
    found: int = 0
    delivered: int = 0
    exported: int = 0


class Upkeep(Row, table=True):
    """The last run of a job of maintenance: see `syncd.ledger.history`. `detail` is empty when all is well."""

    name: str = Field(primary_key=True)
    done_at: float
    detail: str = ""


METADATA = Row.metadata
"""Every table: this module is the last of them."""
