"""`lead`: everything that is known of one, in order, and printed as text."""

import pytest

from tests.cli.conftest import HANDLES, Home, MakeHome, rows, told

SALESFORCE = 'type = "salesforce"\ndomain = "acme.my"\nclient_id = "id"\nclient_secret = "canary"'


def test_a_lead_is_told_as_a_timeline(home: Home) -> None:
    home.syncd("--once")
    ((lead_id,), *_) = rows(home, "SELECT lead_id FROM lead")
    ran = home.syncd("lead", str(lead_id))
    assert ran.code == 0
    told_in_order = [
        ran.out.index(word) for word in ("discovered", "ingested", "sheet: delivered", "export: delivered")
    ]
    assert told_in_order == sorted(told_in_order)
    assert f"lead {lead_id} of main, campaign " in ran.out


def test_what_happened_last_is_told_last(home: Home) -> None:
    home.syncd("--once")
    ((lead_id,), *_) = rows(home, "SELECT lead_id FROM lead")
    rows(home, "UPDATE delivery SET settled_at = 4e9")  # a best-effort connector may have it after the export
    out = home.syncd("lead", str(lead_id)).out
    assert out.index("export: delivered") < out.index("sheet: delivered")
    assert "2096-10-02T07:06:40Z  sheet: delivered" in out


def test_a_lead_is_found_by_handle_however_it_is_written(home: Home) -> None:
    home.syncd("--once")
    ((handle, name), *_) = rows(home, HANDLES)
    for written in (f"@{handle}", handle.upper()):
        assert f"display_name: {name}" in home.syncd("lead", written).out


def test_a_delivered_lead_has_a_link_to_its_record(home: Home) -> None:
    home.syncd("--once")
    ((lead_id,), *_) = rows(home, "SELECT lead_id FROM lead")
    rows(home, "UPDATE delivery SET connector = 'org', remote_id = '00Q7', created = 1")
    home.connectors["org"] = SALESFORCE
    home.configure()
    link = "https://acme.my.salesforce.com/00Q7"
    assert f"org: delivered, created as 00Q7 at {link}" in home.syncd("lead", str(lead_id)).out
    (row,) = told(home, "lead", str(lead_id))
    assert row["deliveries"][0]["url"] == link
    assert f"  org: delivered as 00Q7 at {link}\n" in home.syncd("leads").out
    assert told(home, "leads")[0]["deliveries"][0]["url"] == link
    home.connectors["org"] = 'type = "nowhere"'  # `check` tells the mistake; the lead is shown all the same
    home.configure()
    assert "org: delivered, created as 00Q7, 1 attempt\n" in home.syncd("lead", str(lead_id)).out


def test_every_row_of_an_id_is_told(make_home: MakeHome) -> None:
    home = make_home(leads=10, repeats=1.0)
    home.syncd("--once")
    ((lead_id, n),) = rows(
        home, "SELECT lead_id, count(*) FROM lead GROUP BY lead_id HAVING count(*) > 1 LIMIT 1"
    )
    found = told(home, "lead", str(lead_id))
    assert len(found) == n == 2
    assert found[0]["stream_id"] != found[1]["stream_id"] or found[0]["segment_id"] != found[1]["segment_id"]
    assert home.syncd("lead", str(lead_id)).out.count(f"lead {lead_id} of main") == 2


def test_the_json_of_a_lead_holds_its_payload_deliveries_and_export(home: Home) -> None:
    home.syncd("--once")
    ((lead_id,), *_) = rows(home, "SELECT lead_id FROM lead")
    (row,) = told(home, "lead", str(lead_id))
    assert row["payload"]["id"] == lead_id
    assert [it["state"] for it in row["deliveries"]] == ["delivered"]
    assert row["export"]["state"] == "delivered"


def test_a_delivery_that_waits_says_why_and_until_when(home: Home) -> None:
    home.syncd("--once")
    ((lead_id,), *_) = rows(home, "SELECT lead_id FROM lead")
    rows(
        home,
        "UPDATE delivery SET state = 'pending', attempts = 2, due_at = 4e9, code = 'csv_busy', detail = 'It is.'",
    )
    out = home.syncd("lead", str(lead_id)).out
    assert "sheet: pending, 2 attempts, next not before 2096-10-02T07:06:40Z: It is. (csv_busy)" in out


@pytest.mark.parametrize(
    "hostile", ["[red]Mara[/red]", "\x1b]0;owned\x07\x1b[2J", "a\u202eb\nlead 1 of main: exported"]
)
def test_a_hostile_name_is_printed_as_text(home: Home, hostile: str) -> None:
    home.syncd("--once")
    ((lead_id,), *_) = rows(home, "SELECT lead_id FROM lead")
    rows(home, "UPDATE payload SET text = json_set(text, '$.profile.displayName', ?)", hostile)
    out = home.syncd("lead", str(lead_id)).out
    assert f"display_name: {ascii(hostile)[1:-1]}\n" in out
    assert home.syncd("lead", str(lead_id), "--json").out.isascii()


@pytest.mark.parametrize(
    "payload", [None, "null", "[1]", '"text"', '{"profile": 7}', "{broken", '{"profile": {}}']
)
def test_a_lead_whose_payload_is_gone_or_odd_is_told_all_the_same(home: Home, payload: str | None) -> None:
    home.syncd("--once")
    ((lead_id,), *_) = rows(home, "SELECT lead_id FROM lead")
    if payload is None:
        rows(home, "DELETE FROM payload")
    else:
        rows(home, "UPDATE payload SET text = ?", payload)
    assert "ingested" in home.syncd("lead", str(lead_id)).out
    assert home.syncd("lead", "@nobody").code == 1


def test_a_lead_that_is_not_there_exits_with_one(home: Home) -> None:
    home.syncd("--once")
    for who in ("7", "@nobody\x1b", "²"):
        ran = home.syncd("lead", who)
        assert (ran.code, ran.out) == (1, "")
        assert "The ledger holds no lead" in ran.err
        assert "\x1b" not in ran.err


@pytest.mark.parametrize("who", ["0", "99999999999999999999", "@", ""])
def test_what_can_be_no_lead_is_a_usage_error(home: Home, who: str) -> None:
    assert home.syncd("lead", who).code == 64
