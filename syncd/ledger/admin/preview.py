"""The ledger of a dry run: a scratch copy of the real one, and the difference between the two."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import select

from syncd.core.lead import LeadKey
from syncd.ledger.database import Ledger
from syncd.ledger.leads.ingest import known_keys
from syncd.ledger.schema import Budget, Delivery, Forgotten, Label, Secret, Slot, Source, table
from syncd.ledger.schema import Lead as LeadRow

_lead, _delivery = table(LeadRow), table(Delivery)
_KEY = [_lead.c[name] for name in ("source", "lead_id", "stream_id", "segment_id")]
_CHUNK = 1000


def copy_cursors(real: Ledger, scratch: Ledger) -> None:
    """Sources, names, request budgets and who was forgotten, so that the scratch ledger pulls what the real one would, as carefully."""
    for model in (Source, Label, Budget, Slot, Secret, Forgotten):
        rows = table(model)
        with real.read() as connection:
            found = [dict(row) for row in connection.execute(select(rows)).mappings()]
        if found:
            with scratch.write() as connection:
                connection.execute(rows.insert(), found)


class NewLead(NamedTuple):
    """A lead that a run would bring: its state, the code of what is wrong with it, and the connectors that would get it."""

    key: LeadKey
    state: str
    code: str
    connectors: list[str]


@dataclass(frozen=True, slots=True)
class Preview:
    """The result of a dry run: new leads by source and state, new deliveries by connector and source."""

    leads: Counter[tuple[str, str]] = field(default_factory=Counter)
    deliveries: Counter[tuple[str, str]] = field(default_factory=Counter)
    rows: list[NewLead] = field(default_factory=list)


def unknown(scratch: Ledger, real: Ledger, *, rows_too: bool = False) -> Preview:
    """The leads of the scratch ledger that the real one does not hold, a chunk at a time.

    `rows_too`: also list each of them.
    """
    preview, after = Preview(), 0
    while True:
        with scratch.read() as connection:
            rows = connection.execute(
                select(_lead.c.seq, *_KEY, _lead.c.state, _lead.c.code)
                .where(_lead.c.seq > after)
                .order_by(_lead.c.seq)
                .limit(_CHUNK)
            ).all()
        if not rows:
            return preview
        after = rows[-1].seq
        known: set[LeadKey] = set()
        with real.read() as connection:
            for source in {row.source for row in rows}:
                known |= known_keys(
                    connection, source, [row.lead_id for row in rows if row.source == source]
                ).keys()
        new = [row for row in rows if LeadKey(*row[1:-2]) not in known]
        preview.leads.update((row.source, row.state) for row in new)
        connectors = _recipients(scratch, rows[0].seq, after)
        for row in new:
            preview.deliveries.update((name, row.source) for name in connectors[row.seq])
        if rows_too:
            preview.rows.extend(
                NewLead(LeadKey(*row[1:-2]), row.state, row.code, connectors[row.seq]) for row in new
            )


def _recipients(scratch: Ledger, first: int, last: int) -> defaultdict[int, list[str]]:
    """By the rows of some leads, the connectors that they have deliveries to."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    with scratch.read() as connection:
        query = select(_delivery.c.lead_seq, _delivery.c.connector).order_by(_delivery.c.id)
        for seq, connector in connection.execute(query.where(_delivery.c.lead_seq.between(first, last))):
            found[seq].append(connector)
    return found
