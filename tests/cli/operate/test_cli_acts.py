"""`init`, `explain`, `pause`, `resume`, `simulator`, and what all verbs answer to a mistake."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.cli import entry
from syncd.cli.main import VERBS
from syncd.core.failure import CODES
from syncd.ledger import Ledger, history
from syncd.ledger.lanes import load_lane, save_lane
from tests.cli.conftest import Home


def program(*arguments: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), **environ}
    command = [sys.executable, "-m", "syncd", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


# explain


def test_explain_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run(["explain", "key_refused"]) == 0
    assert CODES["key_refused"] in capsys.readouterr().out


def test_explain_knows_the_codes_of_plugins(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run(["explain", "csv_disk_full", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["csv_disk_full"]


def test_explain_without_a_code_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run(["explain", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert set(CODES) | {"csv_disk_full"} <= set(listed)
    assert list(listed) == sorted(listed)


def test_explain_suggests_the_nearest_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run(["explain", "key_refsued\x1b[2J"]) == 64
    err = capsys.readouterr().err
    assert "The nearest are: key_refused, " in err
    assert "\x1b" not in err


# pause and resume


def test_no_act_is_possible_before_there_is_a_ledger(home: Home) -> None:
    for arguments in (("pause", "sheet"), ("resume", "main"), ("rejected", "retry")):
        ran = home.syncd(*arguments)
        assert ran.code == 74
        assert "There is no ledger at" in ran.err
    assert not home.ledger.exists()


def test_a_paused_connector_delivers_nothing_until_it_is_resumed(home: Home) -> None:
    home.syncd("--once", "--limit", "1")
    paused = home.syncd("pause", "sheet", "--reason", "stock-taking")
    assert paused.code == 0
    assert "syncd resume sheet" in paused.out
    assert home.syncd("--once", "--max-wait", "0s").code == 75
    assert "2 pending" in home.syncd("status").out

    resumed = home.syncd("resume", "sheet")
    assert "Resumed connector sheet (deliver): paused since 20" in resumed.out
    assert home.syncd("--once").code == 0


def test_a_pause_says_when_it_ends(home: Home) -> None:
    home.syncd("--once")
    assert "for 2 h, until 20" in home.syncd("pause", "sheet", "--for", "2h").out
    with Ledger.open_to_read(home.ledger) as ledger, ledger.read() as connection:
        lane = load_lane(connection, "deliver", "sheet")
        (act,) = history.actions(connection)
    assert (lane.until or 0.0) - lane.since == 7200
    assert (act.verb, act.name, bool(act.who)) == ("pause", "sheet", True)


def test_pausing_a_source_pauses_its_pulls_and_its_exports(home: Home) -> None:
    home.syncd("--once")
    home.syncd("pause", "main")
    with Ledger.open_to_read(home.ledger) as ledger, ledger.read() as connection:
        assert [load_lane(connection, kind, "main").status for kind in ("pull", "export")] == ["paused"] * 2
    assert home.syncd("resume", "main").out.count("Resumed source main") == 2


def test_what_halted_a_connector_may_be_meant(home: Home) -> None:
    home.syncd("--once", "--limit", "1")
    home.syncd("pause", "sheet")
    home.syncd("--once", "--max-wait", "0s")
    with Ledger.open(home.ledger) as ledger, ledger.write() as connection:
        lane = load_lane(connection, "deliver", "sheet")
        save_lane(connection, lane._replace(status="halted", code="bad", by="syncd", probing=True))
        sql = "UPDATE delivery SET suspect = 1, code = 'bad' WHERE id = (SELECT max(id) FROM delivery)"
        connection.exec_driver_sql(sql)
    resumed = home.syncd("resume", "sheet", "--accept")
    assert (resumed.code, "1 lead was rejected" in resumed.out) == (0, True)
    assert home.syncd("--once").code == 0
    assert "1 rejected" in home.syncd("status").out


def test_resuming_what_runs_is_no_error(home: Home) -> None:
    home.syncd("--once")
    ran = home.syncd("resume", "sheet")
    assert (ran.code, ran.out.startswith("There was nothing to resume")) == (0, True)


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_name_that_is_none_gets_the_nearest_suggestion(home: Home, verb: str) -> None:
    ran = home.syncd(verb, "sheat\x1b")
    assert ran.code == 64
    assert "did you mean sheet?" in ran.err
    assert "\x1b" not in ran.err


def test_a_length_of_time_without_a_unit_is_refused(home: Home) -> None:
    ran = home.syncd("pause", "sheet", "--for", "3")
    assert ran.code == 64
    assert "15m" in ran.err


# simulator


def test_the_simulator_takes_the_options_of_its_own_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run(["simulator", "--help"]) == 0
    out = capsys.readouterr().out
    assert "Usage: syncd simulator" in out
    assert "--rate-limit" in out


def test_an_option_that_the_simulator_does_not_have_is_a_usage_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert entry.run(["simulator", "--leeds", "3"]) == 64
    assert "--leeds" in capsys.readouterr().err


def test_a_port_that_is_taken_is_a_failure_with_a_sentence(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    port = home.sim.url.rpartition(":")[2]
    assert entry.run(["simulator", "--port", port]) == 2
    assert "Try another --port" in capsys.readouterr().err


def test_the_simulator_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-m", "syncd", "simulator", "--port", "0", "--leads", "4"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "/_sim/stats" in process.stdout.readline()
        process.terminate()
        assert process.wait(10) == 0


# all of them


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "demo"])
def test_every_verb_has_help_in_plain_text(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run([verb, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"syncd {verb}" in out
    assert "[/" not in out


READING = (
    "status",
    "plan",
    "rejected",
    "rejected list",
    "rejected csv",
    "rejected show 1",
    "leads",
    "lead 1",
    "lead @x",
)


@pytest.mark.parametrize("verb", READING)
def test_without_a_ledger_a_reading_verb_says_so_and_makes_none(home: Home, verb: str) -> None:
    ran = home.syncd(*verb.split())
    assert ran.code == 74
    assert "There is no ledger at" in ran.err
    assert not ran.out
    assert not home.ledger.exists()


@pytest.mark.parametrize(
    "verb",
    [
        *READING,
        "",
        "--once",
        "pause x",
        "resume x",
        "release x",
        "replay --connector x",
        "rejected retry",
        "rejected drop --all",
        "me",
        "streams",
        "accounts sleep 3 --yes",
        "api GET /me",
    ],
)
def test_without_a_configuration_a_verb_says_which_file_is_missing(
    tmp_path: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.run(["--config", str(tmp_path / "none.toml"), *verb.split()]) == 78
    assert "none.toml: cannot be read" in capsys.readouterr().err


def test_a_reader_that_leaves_early_is_no_error(home: Home) -> None:
    home.syncd("--once")
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-m", "syncd", "--config", str(home.config), "status"]
    done = subprocess.run(
        command, stdout=writer, stderr=subprocess.PIPE, env=environment, text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_installed_command_ends_with_the_verbs_exit_code(tmp_path: Path) -> None:
    done = program("--config", "none.toml", "status", folder=tmp_path)
    assert (done.returncode, done.stdout) == (78, "")
    assert "Traceback" not in done.stderr
