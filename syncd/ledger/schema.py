"""The tables. Instants are seconds since the epoch, UTC, except a slot's, which are monotonic within its boot.

`syncd.ledger.schema_history` has the rest. A change needs a migration beside it: `tests/ledger` asserts that both ways lead to
the same schema.
"""

from typing import Any

from sqlalchemy import CheckConstraint, Column, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.ext.declarative import DeferredReflection
from sqlmodel import Field, SQLModel

from syncd.core.lead_state import STANDING

SCHEMA = "0013"
"""The revision that these tables are; the newest file in `migrations/versions`."""

_STANDING = ", ".join(f"'{state}'" for state in STANDING)


def _pending(name: str, *columns: str, but: str = "") -> Index:
    return Index(name, *columns, sqlite_where=text("state = 'pending'" + but))


class Row(DeferredReflection, SQLModel):
    """The base of the tables. Rows are read and written in sets, and nobody makes objects of them.

    So SQLAlchemy's mapping and pydantic's validator are deferred: they would be a third of a table's cost at a start.
    """

    model_config = {"defer_build": True}


class Source(Row, table=True):
    """A source and its watermark. `listing`: `all` (GET /leads) or `campaigns` (one by one).

    `floor`: nothing discovered before it is taken; the first pull fixes it. `host`: its address, empty if not configured.
    `budget`: the name of its key's `Budget`, for who does not know the key.
    """

    name: str = Field(primary_key=True)
    watermark: float | None = None
    started: bool = False
    floor: float | None = None
    listing: str = "all"
    pulled_at: float | None = None
    reconciled_at: float | None = None
    host: str = Field(default="", sa_column=Column(String, nullable=False, server_default=text("''")))
    budget: str = Field(default="", sa_column=Column(String, nullable=False, server_default=text("''")))


class Reconciliation(Row, table=True):
    """A source's books against CTGO's count of un-exported leads: see `syncd.core.reconciliation.Books`."""

    source: str = Field(primary_key=True)
    drift: int | None = None
    unmet: int = 0
    missing: int = 0
    swept: bool = True
    restless: int = 0
    changes: int = 0
    checked_at: float | None = None


class Lead(Row, table=True):
    """One row of a listing. Absent key parts are 0; `digest` is empty unless the row had no id."""

    __table_args__: Any = (
        UniqueConstraint("source", "lead_id", "stream_id", "segment_id", "digest"),
        # Leads on their way to a connector are found by their pending deliveries: an index would cost a tenth of a lead
        Index("lead_standing", "state", "ingested_at", sqlite_where=text(f"state IN ({_STANDING})")),
        Index("lead_enriched", "source", "person", sqlite_where=text("enrichment IS NOT NULL")),
    )

    seq: int | None = Field(default=None, primary_key=True)
    source: str
    lead_id: int
    stream_id: int
    segment_id: int
    digest: str = ""
    person: str
    discovered_at: float
    state: str
    ingested_at: float
    settled_at: float | None = None
    code: str = ""
    detail: str = ""
    enrichment: str | None = None


class Payload(Row, table=True):
    """A lead's row as CTGO sent it, as JSON, as long as it is kept. `refilled_at`: when a window gave it back."""

    seq: int | None = Field(default=None, primary_key=True, foreign_key="lead.seq")
    text: str
    refilled_at: float | None = None


class Attempted(Row):
    """The columns of `syncd.core.delivery.Item`.

    `waits_from`: when a `due_at` that lay ahead was written, or when a person put an untried row into the line.
    """

    state: str = "pending"
    attempts: int = 0
    due_at: float = 0.0
    suspect: bool = False
    mark: int | None = None
    failing_since: float | None = None
    call_limit: int | None = None
    maybe_sent: bool = False
    code: str = ""
    detail: str = ""
    settled_at: float | None = None
    waits_from: float | None = None


class Delivery(Attempted, table=True):
    """One lead on its way to one connector. With a `remote_id`, the remote has it, also while it is written once more.

    `held`: empty, or the reason why it is not due: `unasked`, `gate`, or the kind of the pass that is still bringing it.
    """

    __table_args__: Any = (
        UniqueConstraint("lead_seq", "connector"),
        _pending("delivery_pending", "connector", "due_at", "id", but=" AND held = ''"),
        _pending("delivery_held", "connector", "lead_seq", "held", but=" AND held <> ''"),
        Index("delivery_rejected", "connector", "code", sqlite_where=text("state = 'rejected'")),
    )

    id: int | None = Field(default=None, primary_key=True)
    lead_seq: int = Field(foreign_key="lead.seq")
    connector: str
    required: bool = True
    remote_id: str | None = None
    created: bool = False
    # The database's default alone: who makes deliveries need not know of gates
    held: str = Field(default="", sa_column=Column(String, nullable=False, server_default=text("''")))


class Gate(Row, table=True):
    """A connector's flood gate. `size`: new deliveries that it takes in one burst; 0: it has none.

    It is closed as long as it holds something. `approved`: a person let deliveries up to this id through, and they are
    not held again. `configured`: the last start knew the connector. `first`: a JSON array of the ids that it let through
    when it closed.
    """

    connector: str = Field(primary_key=True)
    size: int = 0
    closed_at: float | None = None
    approved: int = 0
    configured: bool = True
    first: str = Field(default="[]", sa_column=Column(String, nullable=False, server_default=text("'[]'")))


class Export(Attempted, table=True):
    """CTGO's mark, owed once for each (source, lead id). States as a delivery's; `gone`, `elsewhere`; `shelved`."""

    __table_args__: Any = (
        UniqueConstraint("source", "lead_id"),
        _pending("export_pending", "source", "due_at", "id"),
        Index("export_rejected", "source", "code", sqlite_where=text("state = 'rejected'")),
    )

    id: int | None = Field(default=None, primary_key=True)
    source: str
    lead_id: int


class Person(Row, table=True):
    """A person's object at a connector's remote, whichever lead made it. `discovered_at` 0: it may be there."""

    connector: str = Field(primary_key=True)
    person: str = Field(primary_key=True)
    remote_id: str | None = None
    discovered_at: float = 0.0


class Feedback(Attempted, table=True):
    """Feedback for CTGO on a lead in a segment, once for each. `word`, `told`: see `syncd.core.feedback.Judgement`.

    States as a delivery's, `gone`, and `no_segment`: CTGO cannot take it. `connector`: its origin; `told`: the word that
    CTGO has, empty if none; `maybe_sent`: CTGO may have `word` as well, because an answer was lost.
    """

    __table_args__: Any = (
        UniqueConstraint("source", "lead_id", "segment_id"),
        _pending("feedback_pending", "source", "due_at", "id"),
        Index("feedback_rejected", "source", "code", sqlite_where=text("state = 'rejected'")),
    )

    id: int | None = Field(default=None, primary_key=True)
    source: str
    lead_id: int
    segment_id: int
    connector: str
    word: str
    heard_at: float
    told: str = ""
    told_at: float | None = None


class Heard(Row, table=True):
    """The last judgement of a person from a connector: only another one is news."""

    connector: str = Field(primary_key=True)
    person: str = Field(primary_key=True)
    word: str
    heard_at: float


class Hearing(Row, table=True):
    """A connector's position in reading statuses. `mark`: of the `feedback` table that was used."""

    connector: str = Field(primary_key=True)
    mark: str
    cursor: str = ""
    heard_at: float | None = None


class Lane(Row, table=True):
    """The persisted state of a lane: see `syncd.core.lane_state.LaneState`. `alike` and `doubts` are JSON arrays of delivery ids."""

    kind: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    status: str = "open"
    code: str = ""
    detail: str = ""
    by: str = ""
    since: float = 0.0
    until: float | None = None
    probing: bool = False
    failures: int = 0
    delivered: int = 0
    alike_code: str = ""
    alike: str = "[]"
    # The database's defaults: a restore carries lanes of older schemata over
    doubts: str = Field(default="[]", sa_column=Column(String, nullable=False, server_default=text("'[]'")))
    pauses: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))


class Budget(Row, table=True):
    """One API key's request budget. `name` is a digest of the key. Instants are monotonic."""

    name: str = Field(primary_key=True)
    boot: str = ""
    server_limit: int | None = None
    blocked_until: float = 0.0
    pull_at: float | None = None
    pull_needs: int = 1
    pull_every: float | None = None


class Slot(Row, table=True):
    """`n` requests of a budget that become free again at one monotonic instant of one boot."""

    __table_args__: Any = (Index("slot_budget", "budget", "free_at"),)

    id: int | None = Field(default=None, primary_key=True)
    budget: str
    boot: str
    free_at: float
    n: int


class Tally(Row, table=True):
    """The number of rows of a kind (lead, delivery, export) and name that are in a state."""

    __table_args__: Any = (CheckConstraint("n >= 0"),)

    kind: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    state: str = Field(primary_key=True)
    n: int = 0


class Label(Row, table=True):
    """Names of campaigns, segments and tracked accounts, and every campaign ever seen on a lead."""

    source: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    id: int = Field(primary_key=True)
    name: str | None = None
    seen_at: float = 0.0


class Window(Row, table=True):
    """A window of the past that a command asked the running engine to pull. `most`: new leads; `new`: found so far."""

    __table_args__: Any = (_pending("window_pending", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    source: str
    since: float
    until: float | None = None
    most: int | None = None
    asked_at: float
    who: str
    state: str = "pending"
    new: int = 0
    done_at: float | None = None


class Ask(Row, table=True):
    """A request to enrich a person that has no answer yet: it may have been charged. `outputs`: a JSON array.

    `refused_at`: when CTGO first refused to answer, or did not find the lead.
    """

    source: str = Field(primary_key=True)
    person: str = Field(primary_key=True)
    outputs: str
    asks: int = 0
    asked_at: float = 0.0
    refused_at: float | None = None


class AskDay(Row, table=True):
    """The number of requests to enrich on a day (UTC, as `2026-06-11`), without those that were certainly not charged."""

    source: str = Field(primary_key=True)
    day: str = Field(primary_key=True)
    asks: int = 0


class Credits(Row, table=True):
    """A team's enrichment credits as CTGO last gave them: see `CreditBalance`. `balance` None: unknown, or about to change."""

    source: str = Field(primary_key=True)
    balance: int | None = None
    told_at: float = 0.0
    price: int = 1


class Subscription(Row, table=True):
    """A source's one webhook subscription at CTGO: see `syncd.ledger.subscriptions`.

    `token`: the secret part of its address; `digest`: of the subscription; `remote_id` None: there is none; `leaving`: a JSON
    array of ids to unsubscribe; `asked`: the address of a request without an answer yet; `heard_at`: when a push last came.
    """

    source: str = Field(primary_key=True)
    token: str
    digest: str = ""
    remote_id: int | None = None
    subscribed_at: float = 0.0
    leaving: str = "[]"
    asked: str = ""
    off: bool = False
    heard_at: float | None = None


class Secret(Row, table=True):
    """A key of tombstones. Nearly always there is one, made when the first person was forgotten."""

    key: str = Field(primary_key=True)


class Forgotten(Row, table=True):
    """A keyed digest of a forgotten person, or of one of their leads: recognised, but not to be read."""

    mark: str = Field(primary_key=True)


def table(model: type[SQLModel]) -> Any:
    """The SQLAlchemy table of a model, for set-based statements."""
    return model.__table__  # type: ignore[attr-defined]
