"""The questions of an audit. Each reads every row, in one view of the ledger; an engine may run beside it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, text

from syncd.core.lead import Lead, LeadKey
from syncd.core.tombstone import carried_by, marks, of_lead
from syncd.ledger import overview
from syncd.ledger.schema import Delivery, Export, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import among, array, is_standing, quoted
from syncd.ledger.tombstones import keys, known_marks

_lead, _delivery, _export = table(LeadRow), table(Delivery), table(Export)

EXAMPLES = 5
"""Lead ids that a finding names."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Something in the books that cannot be. `leads`: ids of some of the rows that it is about."""

    code: str
    n: int
    detail: str
    leads: tuple[int, ...] = ()


class Reason(NamedTuple):
    """A reason why leads of a source are not settled, and their number. `where`: the connector, if there is one."""

    source: str
    state: str
    where: str
    code: str
    n: int


def contradictions(connection: Connection) -> Iterator[Contradiction]:
    """All that does not add up; nothing in sound books."""
    yield from _tally(connection)
    for code, (detail, query) in _CANNOT_BE.items():
        found = connection.execute(text(query)).scalars().all()
        if found:
            yield Contradiction(code, len(found), detail, tuple(found[:EXAMPLES]))


def _tally(connection: Connection) -> Iterator[Contradiction]:
    """Counts that were moved with the rows, against the rows."""
    tallied = {
        (kind, name, state): n
        for kind, names in overview.counts(connection).items()
        for name, states in names.items()
        for state, n in states.items()
    }
    counted = overview.recount(connection)
    for key in sorted(tallied.keys() | counted.keys()):
        tally, rows = tallied.get(key, 0), counted.get(key, 0)
        if tally != rows:
            detail = f"{' '.join(key)}: the tally says {tally}, the rows are {rows}."
            yield Contradiction("tally_off", abs(tally - rows), detail)


_HAS = "EXISTS (SELECT 1 FROM delivery d WHERE d.lead_seq = l.seq AND {})"
_IS_THERE = "(d.state = 'delivered' OR d.remote_id IS NOT NULL)"
"""As `syncd.ledger.sql.is_there`."""
_OPEN = _HAS.format(f"d.required AND d.state IN ('pending', 'rejected') AND NOT {_IS_THERE}")
_DELIVERED = _HAS.format(_IS_THERE)
_MARKED = (
    "EXISTS (SELECT 1 FROM export e WHERE e.source = l.source AND e.lead_id = l.lead_id AND e.state IN ({}))"
)
_HOLDS = "'enriching', 'delivering', 'rejected', 'quarantined'"
_SETTLED = "state NOT IN ('enriching', 'delivering', 'rejected', 'exporting', 'quarantined')"

# ruff: noqa: S608 - put together from the lines above
_CANNOT_BE: dict[str, tuple[str, str]] = {
    "settled_without_time": (
        "Leads whose state and whose time of settling contradict each other.",
        f"SELECT lead_id FROM lead WHERE (settled_at IS NOT NULL) <> ({_SETTLED})",
    ),
    "exported_undelivered": (
        "Exported leads that a required connector does not have.",
        f"SELECT lead_id FROM lead l WHERE state = 'exported' AND ({_OPEN} OR NOT {_DELIVERED})",
    ),
    "exported_unmarked": (
        "Exported leads without an export that CTGO accepted.",
        f"SELECT lead_id FROM lead l WHERE state = 'exported' AND NOT {_MARKED.format(repr('delivered'))}",
    ),
    "export_without_evidence": (
        "Exports of leads that no connector has.",
        f"""SELECT lead_id FROM export e WHERE state IN ('pending', 'delivered') AND NOT EXISTS (SELECT 1 FROM lead l
           JOIN delivery d ON d.lead_seq = l.seq WHERE l.source = e.source AND l.lead_id = e.lead_id AND {_IS_THERE})""",
    ),
    "settled_with_work_left": (
        "Settled leads that a required connector still waits for.",
        f"SELECT lead_id FROM lead l WHERE state IN ('exporting', 'unexported', 'elsewhere', 'unwanted', 'dropped', 'forgotten') AND {_OPEN}",
    ),
    "without_a_reason": (
        "Leads that are not settled, and nothing is left to do about them.",
        f"""SELECT lead_id FROM lead l WHERE
            state = 'delivering' AND NOT {_HAS.format("d.state = 'pending'")}
            OR state = 'rejected' AND NOT {_HAS.format("d.state = 'rejected'")}
            OR state = 'exporting' AND NOT {_MARKED.format("'pending', 'rejected'")} AND NOT EXISTS (SELECT 1 FROM lead s
               WHERE s.source = l.source AND s.lead_id = l.lead_id
               AND s.state IN ({_HOLDS})) AND NOT EXISTS (SELECT 1 FROM lead t WHERE t.source IN (SELECT name FROM source)
               AND t.lead_id = l.lead_id AND t.person = l.person AND t.state IN ({_HOLDS}))""",
    ),
    "personal_data_left": (
        "Forgotten leads that still hold personal data.",
        "SELECT lead_id FROM lead LEFT JOIN payload USING (seq) WHERE state = 'forgotten' AND (text IS NOT NULL OR enrichment IS NOT NULL OR person <> '')",
    ),
    "feedback_nowhere": (
        "Feedback that is to be told of no segment, or cannot be told although there is one.",
        "SELECT lead_id FROM feedback WHERE (state = 'no_segment') <> (segment_id = 0)",
    ),
    "feedback_untold": (
        "Feedback that counts as told, and CTGO has another word.",
        "SELECT lead_id FROM feedback WHERE state = 'delivered' AND told <> word",
    ),
    "delivery_without_lead": (
        "Deliveries without a lead.",
        "SELECT id FROM delivery WHERE lead_seq NOT IN (SELECT seq FROM lead)",
    ),
}
"""By code: what is wrong, and the query that finds it."""

CONTRADICTIONS = {
    "tally_off": "Counts that do not agree with the rows.",
    **{code: detail for code, (detail, _) in _CANNOT_BE.items()},
}
"""By code: what is wrong."""


def reasons(connection: Connection) -> list[Reason]:
    """Group leads that are not settled by the reason. A lead that waits for two connectors counts under both."""
    standing = is_standing(_lead)
    waiting = (
        select(
            _lead.c.source,
            _lead.c.state,
            _delivery.c.connector,
            _delivery.c.code,
            _delivery.c.held,
            func.count(),
        )
        .join(_delivery, _delivery.c.lead_seq == _lead.c.seq)
        .where(_lead.c.state.in_(("delivering", "rejected")), _delivery.c.state.in_(("pending", "rejected")))
        .group_by(_lead.c.source, _lead.c.state, _delivery.c.connector, _delivery.c.code, _delivery.c.held)
    )
    found = [
        Reason(source, state, connector, code or ("gate_held" if held else ""), n)
        for source, state, connector, code, held, n in connection.execute(waiting)
    ]
    owed = (
        select(_lead.c.source, _lead.c.state, func.coalesce(_export.c.state, ""), func.coalesce(_export.c.code, ""), func.count())
        .outerjoin(_export, (_export.c.source == _lead.c.source) & (_export.c.lead_id == _lead.c.lead_id))
        .where(standing, _lead.c.state == quoted("exporting"))
        .group_by(_lead.c.source, _lead.c.state, _export.c.state, _export.c.code)
    )  # fmt: skip
    for source, state, export, code, n in connection.execute(owed):
        found.append(Reason(source, state, "", code if export else "another_row", n))
    others = (
        select(_lead.c.source, _lead.c.state, _lead.c.code, func.count())
        .where(standing, _lead.c.state.in_(("enriching", "quarantined")))
        .group_by(_lead.c.source, _lead.c.state, _lead.c.code)
    )
    found += [Reason(source, state, "", code, n) for source, state, code, n in connection.execute(others)]
    return sorted(found)


class Known(NamedTuple):
    """A lead that CTGO lists as un-exported, as the ledger knows it. `marked_at`: when CTGO accepted its export."""

    state: str
    marked_at: float | None


def known(connection: Connection, source: str, leads: Sequence[Lead]) -> dict[LeadKey, Known]:
    """Look these leads up in the ledger; forgotten ones are *forgotten*, unknown ones are absent."""
    key = (_lead.c.source, _lead.c.lead_id, _lead.c.stream_id, _lead.c.segment_id)
    marked = (_export.c.source == _lead.c.source) & (_export.c.lead_id == _lead.c.lead_id) & (
        _export.c.state == "delivered"
    )  # fmt: skip
    rows: Sequence[Any] = connection.execute(
        select(*key, _lead.c.state, _export.c.settled_at)
        .outerjoin(_export, marked)
        .where(_lead.c.source == source, among(_lead.c.lead_id, "ids")),
        {"ids": array(lead.id for lead in leads)},
    ).all()
    found = {LeadKey(*row[:4]): Known(*row[4:]) for row in rows}
    secret = keys(connection)
    if secret:
        signs = {lead.key: marks(secret, carried_by(of_lead(lead))) for lead in leads}
        bearing = known_marks(connection, [sign for many in signs.values() for sign in many])
        found |= {
            key: Known("forgotten", None) for key, many in signs.items() if not bearing.isdisjoint(many)
        }
    return found
