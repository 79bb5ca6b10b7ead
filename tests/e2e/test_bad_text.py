"""Leads with text that programs choke on, the whole way: CTGO's body, the ledger, every connector, exported."""

import csv
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from syncd.simulator.crms.salesforce.lead_object import KEY
from syncd.simulator.leads.row import Row
from tests.e2e.conftest import LEADS
from tests.e2e.everything import Everything
from tests.e2e.test_webhook import Place, leads, place

__all__ = ["leads", "place"]

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "half an emoji": ({"bio": "half \ud83d of it"}, "half \ufffd of it"),
    "a NUL": ({"bio": "before\0after"}, "before\ufffdafter"),
    "control characters": ({"bio": "\x1b[31mred\x07\x9f"}, "\ufffd[31mred\ufffd\ufffd"),
    "three megabytes": ({"bio": "x" * 3_000_000}, "x" * 9_999 + "…"),
    "a number of 5,000 digits": ({"followerCount": "FIVE THOUSAND"}, ""),
    "not a number": ({"followerCount": float("nan")}, ""),
    "other shapes": ({"handle": [], "displayName": {"n": 1}, "bio": True, "followerCount": "many"}, ""),
}


@pytest.fixture(autouse=True)
def digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """CTGO writes a number that Python will not write."""
    plain = Row.text
    monkeypatch.setattr(
        Row, "text", lambda self, options: plain(self, options).replace('"FIVE THOUSAND"', "9" * 5000)
    )


def kept(folder: Path) -> dict[int, str]:
    """The texts of the profiles as the ledger keeps them, by lead."""
    with sqlite3.connect(folder / "syncd.db") as ledger:
        return dict(ledger.execute("SELECT lead_id, text FROM lead JOIN payload USING (seq)"))


def test_every_connector_has_every_lead_and_each_is_exported(it: Everything) -> None:
    assert it.syncd("setup", "--apply").code == 0
    chosen = dict(zip((row for row in it.rows()), BAD.values(), strict=False))
    for row, (profile, _) in chosen.items():
        row.change({"profile": profile})
    undated = it.rows()[-1]
    undated.change({"discoveredAt": "the day before yesterday"})
    ran = it.syncd("--once", "--yes", "--max-wait", "30s")
    assert ran.code == 0, ran.err
    assert it.deliveries() == {name: {"delivered": LEADS} for name in ("sheet", "crm", "org", "outreach")}
    assert len(it.ctgo.world.exported) == LEADS
    with (it.folder / "leads.csv").open(newline="") as file:
        rows = {int(row["id"]): row for row in csv.DictReader(file)}
    contacts = {it["ctgo_x_user_id"]: it for it in it.hubspot.portal.contacts.values()}
    records = {it[KEY]: it for it in it.salesforce.org.leads.values()}
    for row, (_, bio) in chosen.items():
        if bio:
            assert rows[row.id]["bio"] == bio
            assert contacts[row.person.x_user_id]["ctgo_bio"] == bio
            assert records[row.person.x_user_id]["CTGO_Bio__c"]
    assert rows[undated.id]["discovered_at"] == ""
    payloads = kept(it.folder)
    first, second, *_ = chosen
    assert json.loads(payloads[first.id])["profile"]["bio"] == "half \ud83d of it"
    assert json.loads(payloads[second.id])["profile"]["bio"] == "before\0after"


def test_a_webhook_has_them_too(place: Place) -> None:
    for row, (profile, _) in zip(place.ctgo.world.rows(), BAD.values(), strict=False):
        row.change({"profile": profile})
    ran = place.syncd("--once", "--yes")
    assert ran.code == 0, ran.err
    assert (len(place.fake.taken), place.exported()) == (LEADS, LEADS)
