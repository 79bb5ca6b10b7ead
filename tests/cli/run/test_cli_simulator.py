"""`syncd simulator`: CTGO or a CRM, what it prints to paste, and sentences for what cannot be."""

import os
import re
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from syncd.cli import entry
from syncd.simulator.crms.vendors import CRMS, configuration
from syncd.simulator.wsgi import served
from tests.cli.conftest import MakeHome, log_put_back
from tests.support.patience import patience


@pytest.mark.parametrize("type_", CRMS)
def test_the_lines_that_a_simulated_crm_prints_deliver_to_it(type_: str, make_home: MakeHome) -> None:
    home = make_home(contact_in_listings="lead", contact_rate=1.0)
    crm = CRMS[type_].make(time.time, time.monotonic)
    with served(crm.wsgi) as url:
        home.connectors = {"crm": configuration(type_, url).partition("\n")[2]}
        home.configure()
        assert home.syncd("setup", "--apply").code == 0
        assert home.syncd("--once").code == 0
    sent = {row.person.x_user_id for row in home.sim.world.listed()}
    assert len(crm.people()) == len(sent) == 3
    assert {it["person"] for it in crm.people()} == sent


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--crm", "hubsot"], "hubspot"),
        (["--crm"], "--crm"),
        (["--crm", "hubspot", "--leads", "3"], "--leads"),
    ],
)
def test_a_crm_that_is_not_there_is_a_usage_error(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.run(["simulator", *arguments]) == 64
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("which", [[], ["--crm", "apollo"]])
def test_a_port_that_is_taken_or_impossible_is_a_sentence(
    which: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert entry.run(["simulator", *which, "--port", port]) == 2
    assert f"127.0.0.1:{port}: Address already in use" in capsys.readouterr().err
    assert entry.run(["simulator", *which, "--port", "70000"]) == 64
    assert "70000 is no port" in capsys.readouterr().err


def test_ctgo_prints_its_lines_of_a_configuration_and_with_v_each_request(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "syncd", "simulator", "--port", "0", "--leads", "4", "--skip", "3", "-v"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            told = "".join(iter(process.stdout.readline, "\n")) + "".join(
                process.stdout.readline() for _ in range(2)
            )
            main = tomllib.loads(told)["sources"]["main"]
            assert "--skip 7," in told, "a start that finds others"
            home = Path(tmp_path, "config.toml")
            home.write_text(told + '[connectors.sheet]\ntype = "csv"\npath = "leads.csv"\n')
            home.chmod(0o600)
            with log_put_back():
                assert entry.run(["--config", str(home), "--once"]) == 0
        finally:
            process.terminate()
            _, requests = process.communicate(timeout=patience(10))
    assert main["api_key"].startswith("ctgo_")
    assert re.search(r"^\d\d:\d\d:\d\d GET /api/v2/leads\?\S+ 200$", requests, re.MULTILINE)
    assert sorted(re.findall(r"POST /api/v2/leads/(\d+)/export 200", requests)) == [
        "90214",
        "90215",
        "90216",
        "90217",
    ]
