"""`streams run`, `--wait`, `streams retest` and `runs`: what was queued, what was left out, how it went."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Home, MakeHome, order, requests_of, told


@pytest.fixture
def home(make_home: MakeHome) -> Home:
    """Runs are over as soon as they are begun."""
    return make_home(leads=0, run_seconds=0.0)


def events(err: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in err.splitlines() if line.startswith("{")]


# starting


def test_a_run_is_started_and_says_where_to_look(home: Home) -> None:
    ran = home.syncd("streams", "run", "14")
    assert (ran.code, ran.err) == (0, "")
    assert [line.split() for line in ran.out.splitlines()[:3]] == [
        ["run", "account"],
        ["407", "3"],
        ["408", "11"],
    ]
    assert "syncd runs list --stream 14" in ran.out
    assert requests_of(home) == ["POST /streams/14/run"]


@pytest.mark.parametrize("name", ["trackedAccountId", "accountId"])
def test_for_a_script_the_answer_is_the_same_whatever_ctgo_calls_an_account(
    make_home: MakeHome, name: str
) -> None:
    home = make_home(leads=0, run_id_name=name)
    assert told(home, "streams", "run", "14")["queued"][0] == {"trackedAccountId": 3, "syncRunId": 407}


def test_what_is_left_out_is_told_with_a_fix_and_the_rest_runs(home: Home) -> None:
    order(home, "sleep", accountId=11)
    ran = home.syncd("streams", "run", "14")
    assert ran.code == 0
    assert "Account 11 was left out: it sleeps. (account_sleeping)" in ran.err
    assert "Wake the account first" in ran.err
    assert "407" in ran.out


def test_when_every_budget_is_used_up_there_is_work_left(home: Home) -> None:
    order(home, "drain")
    for options in ([], ["--wait"]):
        ran = home.syncd("streams", "run", "14", *options)
        assert (ran.code, ran.out) == (75, "")
        assert ran.err.count("(budget_exhausted)") == 2
        assert "the budget comes back by itself" in ran.err


def test_when_every_account_sleeps_it_failed(home: Home) -> None:
    for number in (3, 11):
        order(home, "sleep", accountId=number)
    assert home.syncd("streams", "run", "14").code == 2


def test_a_refusal_for_the_budget_is_the_same_as_leaving_out(make_home: MakeHome) -> None:
    home = make_home(leads=0, all_skipped="refused")
    order(home, "drain")
    ran = home.syncd("streams", "run", "14")
    assert (ran.code, "(budget_exhausted)" in ran.err) == (75, True)


def test_nothing_queued_and_nothing_said_is_no_success(home: Home) -> None:
    order(home, "fail", route="run_stream", status=200, body={"queued": [], "skipped": []})
    ran = home.syncd("streams", "run", "14")
    assert (ran.code, "CTGO queued nothing, and gave no reason." in ran.err) == (2, True)


def test_an_archived_campaign_does_not_run(home: Home) -> None:
    home.syncd("streams", "archive", "14")
    ran = home.syncd("streams", "run", "14", "--wait")
    assert (ran.code, "(stream_archived)" in ran.err, "Restore the campaign first" in ran.err) == (
        2,
        True,
        True,
    )


def test_a_run_beside_another_is_a_conflict_worth_another_try(make_home: MakeHome) -> None:
    home = make_home(leads=0, run_seconds=900.0)
    assert home.syncd("streams", "run", "14").code == 0
    ran = home.syncd("streams", "run", "14", "--wait")
    assert (ran.code, "(conflicting)" in ran.err) == (75, True)
    assert requests_of(home) == ["POST /streams/14/run"] * 2, "it is not repeated blindly"


def test_a_lost_answer_of_a_run_is_not_repeated(home: Home) -> None:
    order(home, "fail", route="run_stream", status=502, body="", after_applying=True)
    ran = home.syncd("streams", "run", "14", "--wait")
    assert (ran.code, "(outcome_unknown)" in ran.err) == (2, True)
    assert requests_of(home) == ["POST /streams/14/run"]


@pytest.mark.parametrize("shape", ["pairs", "as_run"])
def test_a_retest_may_be_of_one_account_or_segment(make_home: MakeHome, shape: str) -> None:
    home = make_home(leads=0, retest_answer=shape)
    ran = home.syncd("streams", "retest", "14", "--account", "3")
    assert ran.code == 0
    assert [line.split() for line in ran.out.splitlines()[1:2]] == [["407", "3"]]


def test_a_retest_is_not_for_the_free_tier(home: Home) -> None:
    order(home, "subscription", status="free_user")
    ran = home.syncd("streams", "retest", "14")
    assert (ran.code, ran.err.count("(free_tier)")) == (2, 2)
    assert "give the account a paid tier" in ran.err


# waiting


def test_waiting_shows_the_log_as_it_grows_and_then_the_runs(home: Home) -> None:
    ran = home.syncd("streams", "run", "14", "--wait")
    assert ran.code == 0
    rows = [line for line in ran.out.splitlines() if "succeeded" in line]
    assert [row.split()[0] for row in rows] == ["407", "408"]
    said = [(it["event"], it.get("step"), it["run"]) for it in events(ran.err)]
    assert [it for it in said if it[2] == 407] == [
        ("run_progressed", "start", 407), ("run_progressed", "fetch_followers", 407), ("run_progressed", "classify", 407),
        ("run_progressed", "done", 407), ("run_succeeded", None, 407),
    ]  # fmt: skip
    assert requests_of(home) == ["POST /streams/14/run", "GET /streams/14/runs"], "one look for all of them"


def test_one_run_is_looked_at_by_itself(home: Home) -> None:
    order(home, "sleep", accountId=11)
    document = told(home, "streams", "run", "14", "--wait")
    assert [run["status"] for run in document["runs"]] == ["succeeded"]
    assert document["skipped"] == [{"trackedAccountId": 11, "reason": "account_sleeping"}]
    assert requests_of(home)[-1] == "GET /streams/14/runs/407"


@pytest.mark.parametrize(("failing", "code"), [(1, 1), (2, 2)])
def test_a_failed_run_fails_and_says_why(home: Home, failing: int, code: int) -> None:
    for _ in range(failing):
        order(home, "fail-run", message="X closed the door.\x1b")
    ran = home.syncd("streams", "run", "14", "--wait")
    assert ran.code == code
    assert "Run 407 failed: X closed the door.\\x1b" in ran.err
    assert "syncd runs show 407" in ran.err
    assert "\x1b" not in ran.err + ran.out


def test_what_is_not_over_in_time_goes_on_at_ctgo(make_home: MakeHome) -> None:
    home = make_home(leads=0, run_seconds=900.0)
    ran = home.syncd("streams", "run", "14", "--wait", "--max-wait", "0s")
    assert ran.code == 75
    assert "Not over after 0 s: 2 runs continue at CTGO." in ran.err
    assert "syncd runs list --stream 14" in ran.err


def test_max_wait_alone_is_a_usage_error(home: Home) -> None:
    ran = home.syncd("streams", "run", "14", "--max-wait", "1m")
    assert (ran.code, "needs --wait" in ran.err, requests_of(home)) == (64, True, [])


def test_a_run_without_a_number_cannot_be_watched_and_that_is_said(home: Home) -> None:
    order(
        home,
        "fail",
        route="run_stream",
        status=200,
        body={"queued": [{"trackedAccountId": 3}], "skipped": []},
    )
    ran = home.syncd("streams", "run", "14", "--wait")
    assert ran.code == 75
    assert "CTGO sent no id for 1 of the runs" in ran.err


STOPPED = "syncd: Stopped watching: 2 runs continue at CTGO.\n  To see them: syncd runs list --stream 14\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_watching_and_not_the_run(make_home: MakeHome, number: signal.Signals) -> None:
    home = make_home(leads=0, run_seconds=900.0)
    process = begun(home, "streams", "run", "14", "--wait", stderr=subprocess.PIPE)
    until(lambda: "GET /streams/14/runs" in requests_of(home))
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (75, STOPPED)
    assert len([run for run in told(home, "runs") if run["status"] in ("queued", "running")]) == 2


def test_a_signal_in_an_act_says_that_it_may_have_been_done(make_home: MakeHome) -> None:
    home = make_home(leads=0, latency=3.0)
    process = begun(home, "streams", "run", "14", stderr=subprocess.PIPE)
    until(lambda: "POST /streams/14/run" in requests_of(home))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "Stopped while CTGO was asked to run a campaign. It is not known if CTGO did it." in err


def test_so_does_one_in_the_look_after_a_lost_answer(make_home: MakeHome) -> None:
    home = make_home(leads=0, latency=3.0)
    order(home, "fail", route="sleep_account", status=504, body="")
    process = begun(home, "accounts", "sleep", "3", "--yes", stderr=subprocess.PIPE)
    until(lambda: requests_of(home)[-2:] == ["POST /accounts/3/sleep", "GET /accounts"])
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (
        process.returncode,
        "asked to put an account to sleep. It is not known if CTGO did it." in err,
    ) == (2, True)


def test_a_signal_in_a_question_just_ends_it(make_home: MakeHome) -> None:
    home = make_home(leads=0, latency=3.0)
    process = begun(home, "streams", stderr=subprocess.PIPE)
    until(lambda: "GET /streams" in requests_of(home))
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err.strip()) == (75, "")


def test_on_a_terminal_there_is_a_line_that_lives_and_no_log(home: Home) -> None:
    us, them = pty.openpty()
    with begun(home, "streams", "run", "14", "--wait", stderr=them) as process:
        os.close(them)
        shown = b""
        while chunk := read(us):
            shown += chunk
        out, _ = process.communicate(timeout=30)
    os.close(us)
    assert process.returncode == 0
    assert b"run 407  @northwindlabs  succeeded  Completed" in shown
    assert b"run_progressed" not in shown
    assert "succeeded" in out


def begun(home: Home, *arguments: str, stderr: int) -> "subprocess.Popen[str]":
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "TERM": "xterm",
        "COLUMNS": "120",
    }
    command = [sys.executable, "-m", "syncd", "--config", str(home.config), *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True)


def until(holds: Callable[[], bool]) -> None:
    """Wait for another process."""
    gives_up = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < gives_up
        time.sleep(0.01)


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the other side is closed
        return b""


# looking


def test_runs_are_listed_newest_first_and_of_one_campaign(home: Home) -> None:
    everything = [line.split()[0] for line in home.syncd("runs").out.splitlines()[1:]]
    assert everything == ["406", "405", "404", "403", "402", "401"]
    assert [run["id"] for run in told(home, "runs", "list", "--stream", "14", "--limit", "1")] == [402]
    ran = home.syncd("runs", "list", "--limit", "101")
    assert ran.code == 64


def test_one_run_is_shown_with_its_log_wherever_it_belongs(home: Home) -> None:
    for options in ([], ["--stream", "14"]):
        ran = home.syncd("runs", "show", "401", *options)
        assert ran.code == 0
        assert re.search(r"^status +succeeded$", ran.out, re.MULTILINE)
        assert re.search(r"^20\S+Z  Fetched \d+ new followers$", ran.out, re.MULTILINE)
    assert told(home, "runs", "show", "401")["xHandle"] == "northwindlabs"


def test_a_run_that_is_not_among_the_latest_says_what_would_find_it(home: Home) -> None:
    ran = home.syncd("runs", "show", "999")
    assert (ran.code, "(not_found)" in ran.err, "--stream ID" in ran.err) == (2, True, True)
    ran = home.syncd("runs", "show", "999", "--stream", "14")
    assert (ran.code, "(not_found)" in ran.err) == (2, True)


def test_no_run_yet_says_how_to_start_one(home: Home) -> None:
    order(home, "fail", route="runs", status=200, body={"runs": []})
    assert "syncd streams run ID --wait" in home.syncd("runs").out
