"""Taking a person out of the ledger's rows: what is theirs, what is still open about them, and every sentence that names them.

The rows stay, so that the books still add up, and say nothing: see `syncd.ledger.privacy.forgotten`.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, String, delete, func, or_, select, update
from sqlmodel import AutoString, SQLModel

from syncd.core.texts import fold
from syncd.ledger.admin.maintenance import rewrite
from syncd.ledger.schema import Delivery, Export, Feedback, Payload, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import Books, among, array

_lead, _delivery, _export, _payload = table(LeadRow), table(Delivery), table(Export), table(Payload)
_feedback = table(Feedback)

INSTEAD = "[forgotten]"
"""The text in place of a forgotten person's name."""


def erase(books: Books, seqs: Sequence[int]) -> None:
    """Take everything personal out of these rows, and close what is still open about them. Nothing is exported."""
    connection, parameters = books.connection, {"seqs": array(seqs)}
    rows = connection.execute(
        select(
            _lead.c.seq, _lead.c.source, _lead.c.lead_id, _lead.c.state, _lead.c.person, _lead.c.ingested_at
        ).where(among(_lead.c.seq, "seqs")),
        parameters,
    ).all()
    _close_deliveries(books, parameters)
    for row in rows:
        books.move("lead", row.source, 1, old=row.state, new="forgotten")
        _close_export(books, row)
    _erase_feedback(books, {(row.source, row.lead_id) for row in rows if row.lead_id})
    people = array({row.person for row in rows if row.person})
    for about_people in SQLModel.metadata.sorted_tables:
        if "person" in about_people.c and about_people is not _lead:
            connection.execute(
                delete(about_people).where(among(about_people.c.person, "people")), {"people": people}
            )
    connection.execute(delete(_payload).where(among(_payload.c.seq, "seqs")), parameters)
    rewrite(connection, seqs, _nobody, books.now)
    books.close()


def _nobody(row: Mapping[str, Any], now: float) -> dict[str, Any]:
    return {
        **row,
        "lead_id": -row["seq"], "stream_id": 0, "segment_id": 0, "digest": "", "person": "",
        "discovered_at": row["ingested_at"], "settled_at": row["settled_at"] or now, "state": "forgotten",
        "code": "", "detail": "", "enrichment": None,
    }  # fmt: skip


def _close_deliveries(books: Books, parameters: Mapping[str, str]) -> None:
    """Drop pending deliveries; delivered ones stay so, without their remote ids."""
    mine = among(_delivery.c.lead_seq, "seqs")
    open_ = _delivery.c.state.in_(("pending", "rejected"))
    counted = select(_delivery.c.connector, _delivery.c.state, func.count()).where(mine, open_)
    for connector, state, n in books.connection.execute(
        counted.group_by(_delivery.c.connector, _delivery.c.state), parameters
    ):
        books.move("delivery", connector, n, old=state, new="dropped")
    books.connection.execute(
        update(_delivery)
        .where(mine, open_)
        .values(state="dropped", code="forgotten", settled_at=books.now, call_limit=None, held=""),
        parameters,
    )
    books.connection.execute(update(_delivery).where(mine).values(remote_id=None, detail=""), parameters)
    dropped = update(_delivery).where(mine, _delivery.c.state == "dropped")
    books.connection.execute(dropped.values(code="forgotten"), parameters)


def _close_export(books: Books, row: Any) -> None:
    """One that is owed is dropped: a lead that nobody has any more is not exported early, nor late."""
    where = (_export.c.source == row.source, _export.c.lead_id == row.lead_id)
    found = books.connection.execute(select(_export.c.id, _export.c.state).where(*where)).first()
    if found is None or not row.lead_id:
        return
    values: dict[str, Any] = {"lead_id": -row.seq, "detail": ""}
    if found.state in {"pending", "rejected", "shelved"}:
        values |= {"state": "dropped", "code": "forgotten", "settled_at": books.now}
        books.move("export", row.source, 1, old=found.state, new="dropped")
    books.connection.execute(update(_export).where(_export.c.id == found.id).values(values))


def _erase_feedback(books: Books, leads: Collection[tuple[str, int]]) -> None:
    """Erase feedback on them, sent or not: CTGO receives nothing more about a forgotten person."""
    chosen = among(_feedback.c.lead_id, "ids")
    rows = books.connection.execute(
        select(_feedback.c.id, _feedback.c.source, _feedback.c.lead_id, _feedback.c.state).where(chosen),
        {"ids": array({lead_id for _, lead_id in leads})},
    ).all()
    mine = [row for row in rows if (row.source, row.lead_id) in leads]
    books.connection.execute(
        delete(_feedback).where(among(_feedback.c.id, "ids")), {"ids": array(row.id for row in mine)}
    )
    for row in mine:
        books.move("feedback", row.source, 1, old=row.state)


_OURS = frozenset(
    [
        "state",
        "held",
        "code",
        "alike_code",
        "alike",
        "doubts",
        "connector",
        "source",
        "kind",
        "status",
        "boot",
        "budget",
        "listing",
        "outputs",
        "verb",
        "by",
        "who",
        "payload.text",
        "enrichment",
        "digest",
        "key",
        "mark",
        "person",
        "remote_id",
        "action.name",
        "word",
        "told",
        "cursor",
    ]
)
"""Columns that are no sentences, by name or by table and name: our own words, what a row is found by, who operated.

An id of one person at one place may be another's at the next, or their id on X: it is taken from the rows of whose it is.
"""


class Sentence(NamedTuple):
    """A sentence that names a forgotten person: its row by primary key, and what it shall be."""

    column: Any
    key: tuple[Any, ...]
    text: str


def sentences_with(connection: Connection, names: Collection[str]) -> list[Sentence]:
    """Every sentence in the ledger that names somebody so: reasons, notes, acts, labels."""
    if not names:
        return []
    words = sorted(names, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)
    found: list[Sentence] = []
    for kept in SQLModel.metadata.sorted_tables:
        for column in kept.c:
            if (
                isinstance(column.type, AutoString | String)
                and not column.primary_key
                and _OURS.isdisjoint({column.name, f"{kept.name}.{column.name}"})
            ):
                found += _sentences_in(connection, column, words, pattern)
    return found


def _sentences_in(
    connection: Connection, column: Any, words: Sequence[str], pattern: re.Pattern[str]
) -> list[Sentence]:
    named = or_(*(func.instr(func.fold(column), fold(word)) > 0 for word in words))
    rows = connection.execute(select(*column.table.primary_key, column).where(column != "", named)).all()
    return [Sentence(column, tuple(row[:-1]), pattern.sub(INSTEAD, row[-1])) for row in rows]


def unname(connection: Connection, sentences: Sequence[Sentence]) -> None:
    """Take the names out of these."""
    for column, key, clean in sentences:
        same = [part == value for part, value in zip(column.table.primary_key, key, strict=True)]
        connection.execute(update(column.table).where(*same).values({column.name: clean}))
