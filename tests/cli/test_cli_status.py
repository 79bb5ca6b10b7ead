"""`status`, `plan` and `lead`: what they tell, what it costs them, and what they keep to themselves."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from syncd.cli.status import standing
from syncd.clock import SystemClock
from syncd.ledger import Ledger, reading
from syncd.ledger.database import EngineLock
from syncd.settings import load
from tests.cli.conftest import Home, MakeHome

HANDLES = "SELECT json_extract(payload, '$.profile.handle'), json_extract(payload, '$.profile.displayName') FROM lead"


def rows(home: Home, query: str, *parameters: Any) -> list[Any]:
    """What the ledger's file holds."""
    connection = sqlite3.connect(home.ledger)
    try:
        found = connection.execute(query, parameters).fetchall()
        connection.commit()
    finally:
        connection.close()
    return found


def told(home: Home, *arguments: str) -> Any:
    ran = home.syncd(*arguments, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


# status


def test_status_counts_leads_deliveries_and_exports_by_state(home: Home) -> None:
    home.syncd("--once")
    found = told(home, "status")
    main = found["sources"]["main"]
    assert (main["leads"], main["exports"]) == ({"exported": 3}, {"delivered": 3})
    assert found["connectors"]["sheet"] == {"configured": True, "deliveries": {"delivered": 3}}
    assert (found["set_aside"], found["oldest_unsettled"], found["lanes"], found["engine"]) == (0, None, [], None)
    assert main["watermark"].endswith("Z")
    assert main["pulled_at"].endswith("Z")


def test_status_says_what_is_halted_since_when_and_what_to_do(home: Home) -> None:
    home.connectors["sheet"] = 'type = "csv"\npath = "config.toml/leads.csv"'
    home.configure()
    assert home.syncd("--once", "--max-wait", "0s").code == 75
    (lane,) = told(home, "status")["lanes"]
    assert (lane["kind"], lane["name"], lane["status"]) == ("deliver", "sheet", "halted")
    assert lane["since"].endswith("Z")
    assert lane["fix"]

    out = home.syncd("status").out
    assert "deliver sheet: halted since 20" in out
    assert f"({lane['code']})" in out
    assert lane["fix"] in out
    assert "oldest unsettled lead: " in out


def test_status_counts_what_is_set_aside(make_home: MakeHome) -> None:
    home = make_home(leads=20, malformed_rate=0.5)
    home.syncd("--once")
    n = told(home, "status")["set_aside"]
    assert n == told(home, "status")["sources"]["main"]["leads"]["quarantined"] > 0
    assert f"set aside: {n}" in home.syncd("status").out


def test_status_knows_the_engine_that_runs_and_does_not_disturb_it(home: Home) -> None:
    home.syncd("--once")
    with EngineLock(home.ledger):
        engine = told(home, "status")["engine"]
        assert str(engine) == Path(f"{home.ledger}.lock").read_text().strip()


def test_status_shows_what_left_the_configuration(home: Home) -> None:
    home.syncd("--once")
    home.connectors = {"other": 'type = "csv"\npath = "other.csv"'}
    home.configure()
    assert told(home, "status")["connectors"]["sheet"]["configured"] is False
    assert "sheet (not in the configuration)" in home.syncd("status").out


def test_a_source_may_be_called_like_a_field_of_the_report(home: Home) -> None:
    home.syncd("--once")
    home.config.write_text(home.config.read_text().replace("sources.main", "sources.since"))
    assert told(home, "status")["sources"]["since"]["watermark"] is None


def test_status_shows_nothing_personal_and_no_secret(make_home: MakeHome) -> None:
    home = make_home(leads=10, hostile_rate=0.5, malformed_rate=0.2)
    home.connectors["picky"] = 'type = "csv"\npath = "picky.csv"\nwhere = "handle > 3"'
    home.configure()
    home.syncd("--once")
    said = "".join(home.syncd(*verb).out for verb in (("status",), ("status", "--json"), ("plan",), ("rejected",)))
    assert "ctgo_canary" not in said
    personal = {text for row in rows(home, HANDLES + " WHERE json_valid(payload)") for text in row if text}
    assert len(personal) > 10
    assert not [text for text in personal if len(text) > 3 and text in said]


def grown(home: Home, settled: int) -> None:
    """So many settled leads more, with their deliveries and exports."""
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
    connection = sqlite3.connect(home.ledger)
    with connection:
        connection.execute(
            f"INSERT INTO lead (seq, source, lead_id, stream_id, segment_id, digest, person, discovered_at, state,"  # noqa: S608
            " ingested_at, settled_at, code, detail)"
            f" {numbers} SELECT 1000 + i, 'main', 1000000 + i, 1, 1, '', i, 1.0, 'exported', 1.0, 2.0, '', '' FROM n",
            (settled,),
        )
        connection.execute(
            "INSERT INTO delivery (lead_seq, connector, required, state, attempts, due_at, suspect, maybe_sent, code,"
            " detail, created) SELECT seq, 'sheet', 1, 'delivered', 1, 0, 0, 0, '', '', 1 FROM lead WHERE seq > 1000"
        )
        connection.execute(
            "INSERT INTO export (source, lead_id, state, attempts, due_at, suspect, maybe_sent, code, detail)"
            " SELECT source, lead_id, 'delivered', 1, 0, 0, 0, '', '' FROM lead WHERE seq > 1000"
        )
    connection.close()


def cost(home: Home) -> int:
    """Hundreds of steps of SQLite's machine that `status` takes, with what `rejected list` and `plan` ask besides."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    with Ledger.open_to_read(home.ledger) as ledger:
        raw: Any = ledger._connection.connection.driver_connection
        raw.set_progress_handler(step, 100)
        standing(load(home.config, {}), ledger, SystemClock().now())
        with ledger.read() as connection:
            reading.causes(connection)
            reading.ids_to_deliver(connection)
            list(reading.set_aside(connection))
    return steps


def test_what_status_costs_does_not_grow_with_what_is_settled(make_home: MakeHome) -> None:
    home = make_home(leads=20, malformed_rate=0.5)
    home.syncd("--once")
    before = cost(home)
    grown(home, 5000)
    assert cost(home) <= before + 5


# plan


def test_plan_tells_what_waits_and_how_long_it_takes(make_home: MakeHome) -> None:
    home = make_home(leads=130)
    home.syncd("--once", "--limit", "1")
    home.syncd("pause", "sheet")
    home.syncd("--once", "--max-wait", "0s")
    found = told(home, "plan")
    assert found["connectors"]["sheet"]["deliveries"] == found["sources"]["main"]["exports_after_delivery"]
    assert found["connectors"]["sheet"]["stopped"] == "paused_by_hand"
    main = found["sources"]["main"]
    assert main["requests"] == main["exports"] + main["exports_after_delivery"] >= 120
    # The pulls took slots a moment ago, so there are two windows to wait for
    assert 115 < main["seconds"] < 125
    assert "min" in home.syncd("plan").out


def test_when_nothing_waits_the_plan_is_empty(home: Home) -> None:
    home.syncd("--once")
    main = told(home, "plan")["sources"]["main"]
    assert (main["requests"], main["seconds"]) == (0, 0.0)


def test_a_source_that_does_not_export_needs_no_requests(home: Home) -> None:
    home.syncd("--once", "--limit", "1")
    home.source = "export = false"
    home.configure()
    home.syncd("pause", "sheet")
    home.syncd("--once", "--max-wait", "0s")
    found = told(home, "plan")
    assert found["connectors"]["sheet"]["deliveries"] == 2
    assert found["sources"]["main"]["requests"] == 0


# lead


def test_a_lead_is_told_as_a_timeline(home: Home) -> None:
    home.syncd("--once")
    ((lead_id,), *_) = rows(home, "SELECT lead_id FROM lead")
    ran = home.syncd("lead", str(lead_id))
    assert ran.code == 0
    told_in_order = [ran.out.index(word) for word in ("discovered", "ingested", "sheet: delivered", "export: delivered")]
    assert told_in_order == sorted(told_in_order)
    assert f"lead {lead_id} of main, campaign " in ran.out


def test_a_lead_is_found_by_handle_however_it_is_written(home: Home) -> None:
    home.syncd("--once")
    ((handle, name), *_) = rows(home, HANDLES)
    for written in (f"@{handle}", handle.upper()):
        assert f"displayName: {name}" in home.syncd("lead", written).out


def test_every_row_of_an_id_is_told(make_home: MakeHome) -> None:
    home = make_home(leads=10, repeats=1.0)
    home.syncd("--once")
    ((lead_id, n),) = rows(home, "SELECT lead_id, count(*) FROM lead GROUP BY lead_id HAVING count(*) > 1 LIMIT 1")
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
    rows(home, "UPDATE delivery SET state = 'pending', attempts = 2, due_at = 4e9, code = 'csv_busy', detail = 'It is.'")
    out = home.syncd("lead", str(lead_id)).out
    assert "sheet: pending, 2 attempts, next not before 2096-10-02T07:06:40Z: It is. (csv_busy)" in out


@pytest.mark.parametrize("hostile", ["[red]Mara[/red]", "\x1b]0;owned\x07\x1b[2J", "a\u202eb\nlead 1 of main: exported"])
def test_a_hostile_name_is_printed_as_text(home: Home, hostile: str) -> None:
    home.syncd("--once")
    ((lead_id,), *_) = rows(home, "SELECT lead_id FROM lead")
    rows(home, "UPDATE lead SET payload = json_set(payload, '$.profile.displayName', ?)", hostile)
    out = home.syncd("lead", str(lead_id)).out
    assert f"displayName: {ascii(hostile)[1:-1]}\n" in out
    assert home.syncd("lead", str(lead_id), "--json").out.isascii()


@pytest.mark.parametrize("payload", [None, "null", "[1]", '"text"', '{"profile": 7}', "{broken", '{"profile": {}}'])
def test_a_lead_whose_payload_is_gone_or_odd_is_told_all_the_same(home: Home, payload: str | None) -> None:
    home.syncd("--once")
    ((lead_id,), *_) = rows(home, "SELECT lead_id FROM lead")
    rows(home, "UPDATE lead SET payload = ?", payload)
    assert "ingested" in home.syncd("lead", str(lead_id)).out
    assert home.syncd("lead", "@nobody").code == 1


def test_a_lead_that_is_not_there_exits_with_one(home: Home) -> None:
    home.syncd("--once")
    for who in ("7", "@nobody\x1b"):
        ran = home.syncd("lead", who)
        assert (ran.code, ran.out) == (1, "")
        assert "The ledger holds no lead" in ran.err
        assert "\x1b" not in ran.err


@pytest.mark.parametrize("who", ["0", "99999999999999999999", "@", ""])
def test_what_can_be_no_lead_is_a_usage_error(home: Home, who: str) -> None:
    assert home.syncd("lead", who).code == 64
