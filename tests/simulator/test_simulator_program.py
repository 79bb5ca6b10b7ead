"""The simulator as a program: its command line, its sockets, its independence, its pace."""

import argparse
import ast
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import httpx
import pytest

import syncd.simulator
from syncd.simulator import Options, running
from syncd.simulator.command import add_arguments, options_from
from tests.simulator.conftest import Make, bearer
from tests.support.patience import in_time, patience

PACKAGE = Path(syncd.simulator.__file__).parent


def parse(flags: str = "") -> Options:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return options_from(parser.parse_args(flags.split()))


def test_the_package_imports_nothing_else_of_ours() -> None:
    allowed = {*sys.stdlib_module_names, "fastjsonschema", "flask", "waitress", "werkzeug"}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] in allowed or name.startswith("syncd.simulator"), (path.name, name)


def test_a_command_line_without_flags_is_the_defaults() -> None:
    assert parse() == Options()


def test_every_option_is_a_flag_and_says_what_it_does() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    shown = parser.format_help()
    for option in fields(Options):
        assert "--" + option.name.replace("_", "-") in shown
        assert option.metadata["doc"]


def test_flags_become_options() -> None:
    options = parse(
        "--leads 5 --window sliding --future-lead --no-team --export-status 204 --late-rate 0.5"
        " --api-keys ctgo_a ctgo_b"
    )
    assert options == Options(
        leads=5,
        window="sliding",
        future_lead=True,
        team=False,
        export_status=204,
        late_rate=0.5,
        api_keys=frozenset({"ctgo_a", "ctgo_b"}),
    )


def test_a_namespace_may_hold_a_few_options_only() -> None:
    assert options_from(argparse.Namespace(leads=2, other=True)) == Options(leads=2)


def test_it_answers_on_a_real_socket_and_lets_go_of_it() -> None:
    before = threading.active_count()
    with (
        running(Options(leads=2)) as simulator,
        httpx.Client(base_url=simulator.url, headers=bearer("ctgo_a")) as http,
    ):
        answer = http.get("/api/v2/leads")
        assert [lead["id"] for lead in answer.json()["leads"]] == [90_212, 90_211]
        assert answer.headers["date"]
        assert http.post("/api/v2/leads/90211/export").status_code == 200
        assert list(simulator.world.exported) == [90_211]
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{simulator.url}/_sim/stats")
    assert threading.active_count() == before


def test_a_completed_sync_is_told_although_nobody_asks() -> None:
    told = threading.Event()
    with running(Options(leads=0, run_seconds=0.01)) as simulator:
        simulator.world.sync_observers.append(lambda _: told.set())
        url = f"{simulator.url}/api/v2/streams/14/run"
        assert httpx.post(url, headers=bearer("ctgo_a"), trust_env=False).json()["queued"]
        assert told.wait(patience(10))


def test_threads_lose_no_count() -> None:
    with running(Options(leads=40, rate_limit=1_000)) as simulator:

        def export(lead: int) -> int:
            url = f"{simulator.url}/api/v2/leads/{lead}/export"
            return httpx.post(url, headers=bearer("ctgo_a"), trust_env=False).status_code

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(export, range(90_211, 90_251))) == {200}
        assert sorted(done.order for done in simulator.world.exported.values()) == list(range(1, 41))
        assert simulator.world.stats()["total"] == 40


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_program_ends_cleanly_at_a_signal(number: signal.Signals) -> None:
    command = [sys.executable, "-W", "error", "-m", "syncd.simulator", "--port", "0", "--leads", "1"]
    environment = {**os.environ, "PYTHONDEVMODE": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as program:
        assert program.stdout is not None
        url = re.findall(r"http://[0-9.:]+", program.stdout.readline())[0]
        assert httpx.get(f"{url}/_sim/stats").json()["leads"]["listed"] == 1
        program.send_signal(number)
        try:
            _, errors = program.communicate(timeout=patience(10))
        finally:
            program.kill()
    assert (program.returncode, errors) == (0, "")


def test_a_taken_port_is_a_sentence() -> None:
    with running(Options(leads=0)) as simulator:
        port = simulator.url.rpartition(":")[2]
        done = subprocess.run(
            [sys.executable, "-m", "syncd.simulator", "--port", port],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(f"Cannot listen on 127.0.0.1:{port}: ")


def test_a_page_of_fifty_thousand_leads_takes_milliseconds(make: Make) -> None:
    simulator = make(leads=50_000)
    took = []
    for offset in (0, 20_000, 49_500):
        started = time.perf_counter()
        answer = simulator.get("/leads", limit=500, offset=offset, lifecycle="new")
        took.append(time.perf_counter() - started)
        assert len(json.loads(answer.data)["leads"]) == 500
    assert in_time(min(took), 0.05)  # ten times what it takes, for a busy machine
