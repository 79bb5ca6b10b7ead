"""The readings of a console: each says what is there, and reads no more than it shows."""

import json
from typing import Any

import pytest

from syncd.core.delivery import Change
from syncd.ledger import Ledger, overview, queries
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.leads.ingest import Admission, NewDelivery
from syncd.ledger.queries import Group, Sought, Waiting, sought
from syncd.ledger.sources import load_source
from tests.ledger.rows import NOW, admission, ids, malformed, put, settle
from tests.ledger.test_ledger_plans import _listening, _plans

SALESFORCE = "00Q5g00000KpQ2xEAF"


@pytest.fixture(autouse=True)
def _of_a_source(ledger: Ledger) -> None:
    with ledger.write() as connection:
        load_source(connection, "main")


def _reject(ledger: Ledger, *deliveries: int, code: str = "bad", connector: str = "crm") -> None:
    settle(
        ledger,
        *(Change(n, "rejected", 3, code=code, detail=f"No, {n}.") for n in deliveries),
        connector=connector,
    )


def _found(ledger: Ledger, **by: Any) -> list[int]:
    with ledger.read() as connection:
        return sorted(row.lead_id for row in queries.search(connection, Sought(**by)))


def test_totals_are_the_tally_of_all_names(ledger: Ledger) -> None:
    put(ledger, admission(1, "crm", "sheet"), admission(2), malformed=[malformed(3)])
    _reject(ledger, 1)
    with ledger.read() as connection:
        assert queries.totals(connection) == {
            "lead": {"delivering": 2, "quarantined": 1}, "delivery": {"pending": 2, "rejected": 1}, "export": {},
            "feedback": {},
        }  # fmt: skip


def test_what_waits_is_counted_by_connector_held_or_not(ledger: Ledger) -> None:
    put(ledger, admission(1, "sheet"), admission(2, "crm", "sheet"), admission(3))
    with ledger.write() as connection:
        flood_gate.hold(connection, "sheet")
        assert queries.waiting(connection) == {"sheet": Waiting(2, 1), "crm": Waiting(2, 3)}
        assert queries.ingested_at(connection, 1) == NOW
        assert queries.ingested_at(connection, 99) is None


def test_set_aside_rows_come_in_groups_with_their_newest_and_in_pages(ledger: Ledger) -> None:
    put(ledger, *(admission(n) for n in range(1, 6)), admission(6, "sheet"), malformed=[malformed(9)])
    _reject(ledger, 1, 2, 3, 5)
    _reject(ledger, 6, code="worse", connector="sheet")
    with ledger.read() as connection:
        groups = queries.set_aside(connection)
        assert groups == [
            Group("delivery", "crm", "bad", 4),
            Group("lead", "main", "lead_malformed", 1),
            Group("delivery", "sheet", "worse", 1),
        ]
        assert {tuple(it) for it in groups} == {
            (it.kind, it.where, it.code, it.n) for it in overview.causes(connection)
        }
        first = queries.page(connection, groups[0], limit=3)
        assert [(row.id, row.lead_id, row.detail, row.attempts) for row in first] == [
            (5, 5, "No, 5.", 3), (3, 3, "No, 3.", 3), (2, 2, "No, 2.", 3),
        ]  # fmt: skip
        assert [row.id for row in queries.page(connection, groups[0], before=2, limit=3)] == [1]
        newest = [queries.example(connection, group).detail for group in groups]
        assert newest[::2] == ["No, 5.", "No, 6."]
        assert newest[1] == "profile: Field required"
        assert queries.example(connection, Group("export", "main", "gone")) is None


def _enriched(ledger: Ledger, number: int, document: object) -> None:
    with ledger.write() as connection:
        connection.exec_driver_sql("UPDATE lead SET enrichment = ? WHERE lead_id = ?", (document, number))


@pytest.mark.parametrize("indexed", [False, True])
def test_a_person_is_found_by_whatever_somebody_has_of_them(ledger: Ledger, *, indexed: bool) -> None:
    if indexed:
        queries.make_indexes(ledger)
        queries.make_indexes(ledger)
    put(ledger, admission(12), admission(2), admission(3))
    _enriched(ledger, 2, json.dumps({"email": {"address": "Mara@Smalltools.example"}}))
    settle(ledger, Change(1, "delivered", 1, remote_id=SALESFORCE))
    assert _found(ledger, lead_id=12) == [12]
    assert _found(ledger, handle="@H1") == [12], "a handle by its beginning"
    assert _found(ledger, handle="h") == [2, 3, 12]
    assert _found(ledger, handle="h4") == []
    assert _found(ledger, email=" mara@smalltools.example") == [2]
    assert _found(ledger, person="x3") == [3]
    assert _found(ledger, remote_id=SALESFORCE) == [12]
    assert _found(ledger, remote_id="00Q5g00000KpQ2y") == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("@mara_builds", [Sought(handle="@mara_builds")]),
        ("mara@smalltools.example ", [Sought(email="mara@smalltools.example")]),
        (
            "90211",
            [
                Sought(lead_id=90211),
                Sought(person="90211"),
                Sought(remote_id="90211"),
                Sought(handle="90211"),
            ],
        ),
        ("mara_builds", [Sought(remote_id="mara_builds"), Sought(handle="mara_builds")]),
        (f"https://x.my.salesforce.com/{SALESFORCE}", [Sought(remote_id=SALESFORCE)]),
        (
            "https://app.hubspot.com/contacts/4711/record/0-1/88012?eschref=%2Fcontacts%2F",
            [Sought(remote_id="88012")],
        ),
        ("https://app.apollo.io/#/contacts/66a0c0ffee", [Sought(remote_id="66a0c0ffee")]),
        (f"https://x.lightning.force.com/lightning/r/Lead/{SALESFORCE}/view", [Sought(remote_id=SALESFORCE)]),
        ("https://app.attio.com/acme/person/9d1f-22/overview", [Sought(remote_id="9d1f-22")]),
        ("/", []),
        ("", []),
        ("DROP TABLE lead; --", []),
    ],
)
def test_what_is_typed_or_pasted_is_read_as_what_it_may_be(typed: str, meant: list[Sought]) -> None:
    assert sought(typed) == meant


@pytest.mark.parametrize(
    "bad", ["{", "[" * 3000, '{"profile": NaN}', '{"profile": {"handle": {"a": 1}}}', '"x"', "7"]
)
def test_no_text_keeps_a_lead_from_being_written_where_there_are_indexes(ledger: Ledger, bad: str) -> None:
    queries.make_indexes(ledger)
    put(ledger, Admission(admission(1).lead, bad, "delivering", [NewDelivery("crm", required=True)]))
    _enriched(ledger, 1, bad)
    assert ids(ledger, "SELECT text FROM payload") == [bad]
    assert _found(ledger, lead_id=1) == [1]


def test_no_reading_walks_the_past(ledger: Ledger) -> None:
    queries.make_indexes(ledger)
    put(ledger, *(admission(n, "crm", "sheet") for n in range(1, 9)))
    _reject(ledger, 1, 3)
    with _listening(ledger) as said, ledger.read() as connection:
        queries.totals(connection)
        queries.waiting(connection)
        queries.ingested_at(connection, 1)
        for group in queries.set_aside(connection):
            queries.page(connection, group, before=99)
            queries.example(connection, group)
        for by in ({"lead_id": 1}, {"handle": "h"}, {"email": "a@b.c"}, {"person": "x"}, {"remote_id": "r"}):
            queries.search(connection, Sought(**by))
    plans = _plans(ledger, said)
    allowed = ("delivery_pending", "delivery_held", "_rejected", "lead_standing")
    past = [
        line
        for line in plans
        if line.split()[:2] in (["SCAN", it] for it in ("lead", "delivery", "payload", "export", "feedback"))
    ]
    assert [line for line in past if not any(index in line for index in allowed)] == []
    for index in ("payload_handle", "lead_email", "lead_person", "delivery_remote"):
        assert any(index in line for line in plans), index
    assert any("delivery_rejected (connector=? AND code=?" in line for line in plans)
    counted = [line for line in plans if "delivery_rejected" in line and line.startswith("SCAN")]
    assert all("COVERING INDEX" in line for line in counted)
    assert not [line for line in plans if "TEMP B-TREE FOR ORDER BY" in line and "delivery_rejected" in line]
