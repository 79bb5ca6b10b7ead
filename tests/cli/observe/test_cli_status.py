"""`status` and `plan`: what they tell, what it costs them, and what they keep to themselves."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from syncd.clock import SystemClock
from syncd.core.reconciliation import after_check
from syncd.ledger import Ledger, overview, sources
from syncd.ledger.database import EngineLock
from syncd.settings import load
from syncd.verbs.status import standing
from tests.cli.conftest import HANDLES, Home, MakeHome, rows, told
from tests.support.disk import fill, small_disk


def test_status_counts_leads_deliveries_and_exports_by_state(home: Home) -> None:
    home.syncd("--once")
    found = told(home, "status")
    main = found["sources"]["main"]
    assert (main["leads"], main["exports"]) == ({"exported": 3}, {"delivered": 3})
    assert found["connectors"]["sheet"] == {
        "configured": True,
        "deliveries": {"delivered": 3},
        "held": 0,
        "heard_at": None,
    }
    assert (found["set_aside"], found["oldest_unsettled"], found["lanes"], found["engine"]) == (
        0,
        None,
        [],
        None,
    )
    assert main["watermark"].endswith("Z")
    assert main["pulled_at"].endswith("Z")


def test_a_limited_run_is_a_pull_and_moves_no_watermark(home: Home) -> None:
    home.syncd("--once", "--limit", "1")
    main = told(home, "status")["sources"]["main"]
    assert (main["watermark"], main["pulled_at"][-1:]) == (None, "Z")
    assert "none: limited run" in home.syncd("status").out
    home.syncd("--once")
    assert "limited run" not in home.syncd("status").out


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


def test_status_tells_of_a_lead_that_ctgo_lists_and_the_ledger_does_not_hold(home: Home) -> None:
    """An hour after the last comparison there is another; its sweep takes in what `audit` names."""
    home.syncd("--once")
    late = home.sim.world.add_leads(1, discovered=home.sim.world.now() - 40 * 86400.0)
    assert f"{late[0]}" in home.syncd("audit", "--upstream").out
    with Ledger.open(home.ledger) as ledger, ledger.write() as connection:
        books = sources.load_books(connection, "main")
        held = sources.unexported(connection, "main")
        sources.save_books(connection, "main", after_check(books, held + 1, held, SystemClock().now()))
    out = home.syncd("status").out
    assert "main: CTGO lists 1 more un-exported leads than the ledger holds" in out
    assert "syncd audit --upstream" in out
    assert told(home, "status")["sources"]["main"]["books"]["missing"] == 1
    with closing(sqlite3.connect(home.ledger)) as old, old:
        old.execute("UPDATE reconciliation SET checked_at = checked_at - 3600")
    home.syncd("--once")
    assert told(home, "status")["sources"]["main"]["leads"] == {"exported": 4}
    assert "CTGO lists" not in home.syncd("status").out


def test_status_counts_what_is_set_aside(make_home: MakeHome) -> None:
    home = make_home(leads=20, malformed_rate=0.5)
    home.syncd("--once")
    n = told(home, "status")["set_aside"]
    assert n == told(home, "status")["sources"]["main"]["leads"]["quarantined"] > 0
    assert f"rejected: {n}" in home.syncd("status").out


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
    said = "".join(
        home.syncd(*verb).out for verb in (("status",), ("status", "--json"), ("plan",), ("rejected",))
    )
    assert "ctgo_canary" not in said
    personal = {text for row in rows(home, HANDLES + " WHERE json_valid(text)") for text in row if text}
    assert len(personal) > 10
    assert not [text for text in personal if len(text) > 3 and text in said]


def grown(home: Home, settled: int) -> None:
    """So many settled leads more, with their deliveries and exports."""
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
    with closing(sqlite3.connect(home.ledger)) as connection, connection:
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
            overview.causes(connection)
            overview.ids_to_deliver(connection)
            list(overview.rejected_rows(connection))
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


def test_rows_of_one_id_need_one_request(make_home: MakeHome) -> None:
    home = make_home(leads=10, repeats=1.0)
    home.syncd("--once", "--limit", "1")
    home.syncd("pause", "sheet")
    home.syncd("--once", "--max-wait", "0s")
    ((waiting, ids),) = rows(
        home, "SELECT count(*), count(DISTINCT lead_id) FROM lead WHERE state = 'delivering'"
    )
    found = told(home, "plan")
    assert found["connectors"]["sheet"]["deliveries"] == waiting > ids
    assert found["sources"]["main"]["requests"] == ids - 1, "the id of the first run was exported then"


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


def test_a_full_disk_is_the_first_line_of_status_and_an_error_of_check(tmp_path: Path, home: Home) -> None:
    with small_disk(tmp_path / "disk") as disk:
        home.configure()
        home.config.write_text(f'{home.config.read_text()}\n[state]\nurl = "sqlite:///{disk}/syncd.db"\n')
        assert home.syncd("--once").code == 0
        fill(disk, leave=500_000)
        assert home.syncd("status").out.startswith(
            f"Nothing is sent: The ledger {disk}/syncd.db cannot grow, the disk is full"
        )
        checked = home.syncd("check")
        assert (checked.code, "the disk is full" in checked.out) == (74, True)
        (disk / "filler").unlink()
        assert home.syncd("status").out.startswith("ledger ")
