"""I-1: no lead is exported before every required connector has it. Asked of what is on the disk."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from tests.support.remote import Place


def early_export(
    path: Path, sources: Sequence[str], places: Mapping[str, Place], lead_id: int
) -> Iterator[str]:
    """Say what is wrong with an export of this id that arrives now. `sources`: those that poll its account."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT l.seq, l.state, d.connector, d.required, d.state FROM lead l LEFT JOIN delivery d"  # noqa: S608
            f" ON d.lead_seq = l.seq WHERE l.source IN ({','.join('?' * len(sources))}) AND l.lead_id = ?",
            (*sources, lead_id),
        ).fetchall()
    by_row: dict[int, list[tuple[str, bool, str]]] = defaultdict(list)
    for seq, lead_state, connector, required, state in rows:
        if lead_state == "quarantined":
            yield f"{lead_id} exported while a row of it is in quarantine"
        if connector:
            by_row[seq].append((connector, required, state))
    for connector, required, state in (it for row in by_row.values() for it in row):
        if required and state not in {"delivered", "dropped"}:
            yield f"{lead_id} exported while {connector} has it {state}"
        place = places.get(connector)
        if state == "delivered" and place and place.far.objects == "leads" and not place.far.holds(lead_id):
            yield f"{lead_id} exported and {connector} does not hold it"
    if not any(state == "delivered" for row in by_row.values() for *_, state in row):
        yield f"{lead_id} exported and delivered nowhere"
