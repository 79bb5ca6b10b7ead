"""Leads put into a ledger as a pull does."""

from collections.abc import Sequence
from typing import Any

from syncd.core.delivery import Change
from syncd.core.lane_state import LaneState
from syncd.core.lead import Lead, Malformed, parse_lead
from syncd.core.lead_state import LeadState
from syncd.core.verdict import Verdict
from syncd.ledger import Ledger
from syncd.ledger.deliveries.due import record
from syncd.ledger.leads.ingest import Admission, Ingested, NewDelivery, ingest

NOW = 1_790_000_000.0
EXPORTS = {"main": True}
ROUTES = {"main": ("crm", "sheet")}


def lead(number: int, *, stream: int = 1, **more: Any) -> tuple[Lead, str]:
    raw = {"id": number, "streamId": stream, "segmentId": 1, "discoveredAt": "2026-09-21T00:00:00Z",
           "profile": {"xUserId": f"x{number}", "handle": f"h{number}"}, **more}  # fmt: skip
    parsed = parse_lead("main", raw)
    assert not isinstance(parsed, Malformed), parsed.reason
    return parsed


def admission(
    number: int,
    *connectors: str,
    state: LeadState = "delivering",
    stream: int = 1,
    required: bool = True,
    code: str = "",
) -> Admission:
    parsed, payload = lead(number, stream=stream)
    deliveries = [NewDelivery(name, required, code) for name in connectors or ("crm",)]
    return Admission(parsed, payload, state, deliveries)


def put(
    ledger: Ledger, *admissions: Admission, malformed: Sequence[Malformed] = (), now: float = NOW
) -> Ingested:
    with ledger.write() as connection:
        return ingest(connection, ledger.in_flight, admissions, malformed, now)


def malformed(number: int = 0) -> Malformed:
    parsed = parse_lead(
        "main", {"id": number, "streamId": 1, "segmentId": 1} if number else {"handle": "nobody"}
    )
    assert isinstance(parsed, Malformed)
    return parsed


def settle(ledger: Ledger, *changes: Change, connector: str = "crm") -> set[str]:
    with ledger.write() as connection:
        verdict = Verdict(changes, LaneState("deliver", connector))
        return record(connection, connector, verdict, sent={}, exports=EXPORTS, now=NOW).owing


def ids(ledger: Ledger, sql: str) -> list[Any]:
    with ledger.read() as connection:
        return [row[0] if len(row) == 1 else tuple(row) for row in connection.exec_driver_sql(sql)]
