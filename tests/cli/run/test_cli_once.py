"""`syncd --once`: what it says, its exit codes, and what bad input gets: a sentence, what to do, and nothing lost."""

import csv
import hashlib
import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from syncd.ledger import files
from syncd.simulator.gateway import Fault
from tests.cli.conftest import KEY, Home, MakeHome, content, rows, told


def _in_the_sheet(home: Home) -> list[str]:
    with (home.folder / "leads.csv").open(newline="", encoding="utf-8") as file:
        return [row["id"] for row in csv.DictReader(file)]


def _bytes(home: Home) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in home.folder.iterdir()
        if path.name not in {"config.toml", "syncd.db-shm"}
        and path.stat().st_size  # reading makes an empty WAL
    }


def _posts(home: Home) -> int:
    return sum(1 for line in home.sim.world.stats()["requests"] if line.startswith("POST"))


def test_leads_are_delivered_and_exported_once_and_a_second_run_finds_nothing_new(home: Home) -> None:
    ran = home.syncd("--once")
    assert (ran.code, ran.out) == (0, "main: 3 new, 3 exported\nsheet: 3 delivered\n")
    assert len(set(_in_the_sheet(home))) == 3
    assert set(home.sim.world.export_counts.values()) == {1}
    again = home.syncd("--once")
    assert (again.code, again.out) == (0, "main: nothing new\nsheet: nothing new\n")
    assert len(_in_the_sheet(home)) == 3
    assert set(home.sim.world.export_counts.values()) == {1}


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(home: Home) -> None:
    ran = home.syncd("--once", "--dry-run")
    assert "3 new leads would be delivered" in ran.out
    assert "Its requests are not counted (there is no ledger yet): wait a minute" in ran.out
    assert _bytes(home) == {}
    home.syncd("--once", "--limit", "1")
    before, posts = content(home), _posts(home)
    sheet = (home.folder / "leads.csv").read_bytes()
    ran = home.syncd("--once", "--dry-run")
    assert (ran.code, content(home), _posts(home)) == (0, before, posts)
    assert (home.folder / "leads.csv").read_bytes() == sheet
    assert "2 new leads would be delivered" in ran.out
    assert "counted nowhere" not in ran.out
    assert "leads_pulled" not in ran.err, "they were pulled into a ledger that is gone"


def test_a_dry_run_has_a_row_for_each_new_lead_for_a_script(home: Home) -> None:
    home.syncd("--once", "--limit", "1")
    before = content(home)
    found = told(home, "--once", "--dry-run")
    known = {lead_id for (lead_id,) in rows(home, "SELECT lead_id FROM lead")}
    listed = {row.id: row.stream_id for row in home.sim.world.listed()}
    assert {it["id"]: it["stream_id"] for it in found["leads"]} == {
        lead_id: stream for lead_id, stream in listed.items() if lead_id not in known
    }
    assert {(it["source"], it["state"], *it["connectors"]) for it in found["leads"]} == {
        ("main", "delivering", "sheet")
    }
    assert found["deliveries"] == {"sheet": {"new": 2, "waiting": 0, "held": 0}}
    assert (found["feedback"], found["troubles"]) == ([], {})
    assert content(home) == before


def test_a_dry_run_for_a_script_tells_a_trouble_in_its_document_and_exit_code(home: Home) -> None:
    home.configure("http://127.0.0.1:9/api/v2")
    ran = home.syncd("--once", "--dry-run", "--json", "--max-wait", "0s")
    assert (ran.code, json.loads(ran.out)["troubles"]) == (69, {"main": "unreachable"})


def test_the_requests_of_a_dry_run_are_counted_in_the_ledger(make_home: MakeHome) -> None:
    home = make_home(leads=1200)
    home.syncd("--once", "--limit", "1", "--max-wait", "0s")
    taken, asked = (rows(home, "SELECT sum(n) FROM slot")[0][0], len(home.sim.world.requests))
    home.syncd("--once", "--dry-run")
    made = len(home.sim.world.requests) - asked
    assert made >= 3
    assert rows(home, "SELECT sum(n) FROM slot") == [(taken + made,)]


def test_a_dry_run_that_cannot_write_to_the_ledger_says_so(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BUSY_SECONDS", 0.1)
    home.syncd("--once", "--limit", "1")
    rows(home, "PRAGMA journal_mode = DELETE")
    with closing(sqlite3.connect(home.ledger, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ran = home.syncd("--once", "--dry-run")
    assert "2 new leads would be delivered" in ran.out
    assert "Its requests are not counted (" in ran.out


def test_a_reconcile_that_was_noted_by_a_clock_that_was_ahead_is_due(home: Home) -> None:
    home.syncd("--once")
    rows(home, "UPDATE source SET reconciled_at = ?", time.time() + 30 * 86400)
    home.syncd("--once")
    assert rows(home, "SELECT reconciled_at FROM source")[0][0] <= time.time()


def _url(url: str) -> Callable[[Home], None]:
    return lambda home: home.configure(url)


def _sheet(table: str) -> Callable[[Home], None]:
    def change(home: Home) -> None:
        home.connectors["sheet"] = table
        home.configure()

    return change


def _source(line: str) -> Callable[[Home], None]:
    def change(home: Home) -> None:
        home.source = line
        home.configure()

    return change


CSV = 'type = "csv"\npath = "leads.csv"\n'


@pytest.mark.parametrize(
    ("change", "options", "code", "said"),
    [
        pytest.param(_url("http://example.com/api/v2"), (), 78, "sources.main.base_url: must begin with https://", id="plain http"),
        pytest.param(_sheet('type = "cvs"\npath = "leads.csv"'), (), 78, "no connector type 'cvs'; did you mean csv?", id="type"),
        pytest.param(_sheet(CSV + "where = 'follower_count >'"), (), 78, "connectors.sheet.where: it cannot be read: it ends too soon", id="torn expression"),
        pytest.param(_sheet(CSV + "where = 'folower_count > 5'"), (), 78, "did you mean follower_count?", id="unknown variable"),
        pytest.param(_source('poll = "60x"'), (), 78, "sources.main.poll: must be a duration such as 30s", id="duration"),
        pytest.param(_source('lokback = "60s"'), (), 78, "sources.main.lokback: unknown key, did you mean lookback?", id="key"),
        pytest.param(None, ("--since", "yesterdayish"), 64, "'--since': must be a time such as 2026-06-11T07:15:00Z, 2026-06-11, yesterday", id="since"),
        pytest.param(None, ("--since", "tomorrow"), 64, "or 2h for so long ago", id="word"),
        pytest.param(None, ("--connector", "shet"), 78, "config.toml has no such connector; did you mean sheet?", id="connector"),
        pytest.param(None, ("--onec",), 64, "No such option: --onec", id="option"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_configuration_is_one_sentence_and_nothing_is_begun(
    home: Home, change: Callable[[Home], None] | None, options: tuple[str, ...], code: int, said: str
) -> None:
    if change:
        change(home)
    ran = home.syncd("--once", *options)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert KEY not in ran.err
    assert _bytes(home) == {}
    assert home.sim.world.stats()["total"] == 0


def test_a_refused_key_halts_the_source_with_a_fix_and_is_not_asked_again(make_home: MakeHome) -> None:
    home = make_home(revoked_keys=(KEY,))
    ran = home.syncd("--once")
    assert (ran.code, ran.out) == (77, "")
    assert "source main: CTGO answered 401" in ran.err
    assert "(key_refused)" in ran.err
    assert "syncd resume main" in ran.err
    assert KEY not in ran.err
    assert home.sim.world.stats()["total"] == 1


def test_a_wrong_path_on_the_right_host_names_base_url(home: Home) -> None:
    home.configure(f"{home.sim.url}/api/v3")
    ran = home.syncd("--once", "--max-wait", "0s")
    assert ran.code == 69
    assert "(wrong_address)" in ran.err
    assert "base_url" in ran.err


def test_a_host_that_is_not_there_is_unreachable_and_nothing_is_called_new(home: Home) -> None:
    home.configure("https://nobody.invalid/api/v2")
    ran = home.syncd("--once", "--max-wait", "0s")
    assert (ran.code, ran.out) == (69, "")
    assert "(unreachable)" in ran.err


def test_a_run_does_not_sit_out_a_rest_that_is_longer_than_it_may_wait(home: Home) -> None:
    home.sim.world.fail(Fault(status=429, headers={"retry-after": "999999999"}))
    for _ in range(2):  # the second run knows of it by the ledger alone
        begun = time.monotonic()
        ran = home.syncd("--once", "--max-wait", "3s")
        assert (ran.code, time.monotonic() - begun < 30) == (75, True)
        assert "(rate_limited)" in ran.out + ran.err


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(status=200, body=b"<html>Sign in</html>"), id="a page"),
        pytest.param(Fault(status=200, body=b'{"leads": {"id": 1}, "total": 1, "hasMore": false}'), id="no list"),
        pytest.param(Fault(status=200, body=b'{"leads": [], "total": -1, "hasMore": false}'), id="a lying total"),
        pytest.param(Fault(status=200, body=b'{"leads": [{"id": 1'), id="half a body"),
    ],
)  # fmt: skip
def test_a_body_that_lies_is_a_failed_call_and_never_an_empty_page(home: Home, fault: Fault) -> None:
    home.sim.world.fail(fault)
    ran = home.syncd("--once", "--max-wait", "0s")
    assert ran.code in {69, 75}, ran.err
    assert "unexpected_answer" in ran.err
    assert home.syncd("--once").code == 0
    assert len(set(_in_the_sheet(home))) == 3


def test_a_lead_without_an_id_is_kept_aside_and_spoils_nothing(home: Home) -> None:
    page = b'{"leads": [{"discoveredAt": "2026-06-11T07:15:00Z", "profile": {"handle": "nobody"}}], "total": 1, "hasMore": false}'
    home.sim.world.fail(Fault(status=200, body=page))
    ran = home.syncd("--once")
    assert ran.code == 1, ran.err
    assert told(home, "status")["sources"]["main"]["leads"] == {"quarantined": 1}
    assert home.syncd("--once", "--since", "2020-01-01T00:00:00Z").code == 0
    assert len(_in_the_sheet(home)) == 3


def test_a_sheet_that_cannot_be_written_keeps_every_lead(home: Home) -> None:
    home.connectors["sheet"] = 'type = "csv"\npath = "nowhere/leads.csv"'
    home.configure()
    (home.folder / "nowhere").write_text("a file, where a folder should be")
    ran = home.syncd("--once", "--max-wait", "0s")
    assert ran.code == 75
    assert "connector sheet: " in ran.err
    assert set(home.sim.world.export_counts.values()) <= {0}
    (home.folder / "nowhere").unlink()
    assert home.syncd("--once").code == 0
    assert set(home.sim.world.export_counts.values()) == {1}


def test_a_ledger_that_is_none_or_is_newer_is_left_as_it_is(home: Home) -> None:
    home.ledger.write_bytes(b"a text that somebody keeps here, and no database at all")
    before = _bytes(home)
    ran = home.syncd("--once")
    assert ran.code == 74
    assert "is not a database" in ran.err
    assert _bytes(home)["syncd.db"] == before["syncd.db"]


@pytest.mark.parametrize("since", ["2020-01-01", "3650d", "2020-01-01T00:00:00Z"])
def test_a_time_may_be_a_date_or_so_long_ago(home: Home, since: str) -> None:
    assert home.syncd("--once", "--since", since).out == "main: 3 new, 3 exported\nsheet: 3 delivered\n"
    assert home.syncd("replay", "--connector", "sheet", "--since", "yesterday", "--yes").code == 0
    assert home.syncd("leads", "--since", since).out.count("exported") == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--dry-run",), "--dry-run goes with --once"),
        (("--json",), "--json goes with --once --dry-run"),
        (("--once", "--json"), "--json goes with --once --dry-run"),
        (("--json", "status"), "--json goes with --once --dry-run, or after a verb"),
        (("--max-wait", "0s"), "--max-wait goes with --once"),
        (("--since", "today", "--limit", "3"), "--since and --limit go with --once"),
    ],
)
def test_an_option_of_a_single_run_names_once(home: Home, options: tuple[str, ...], said: str) -> None:
    ran = home.syncd(*options)
    assert (ran.code, ran.out) == (64, "")
    assert said in ran.err
