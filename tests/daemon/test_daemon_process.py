"""The real process: what arrives while it runs, how it stops, is told, is killed, and comes back."""

import os
import resource
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncd.simulator import Options, Running, running
from tests.daemon.process import SHEET, SOON, Process
from tests.support.patience import in_time, patience

Make = Callable[..., Process]
HUBSPOT = '[connectors.crm]\ntype = "hubspot"\naccess_token = "pat-x"\nbase_url = "http://127.0.0.1:{port}"\n'


@pytest.fixture
def ctgo() -> Iterator[Running]:
    with running(Options(leads=3, rate_limit=6000)) as it:
        yield it


@pytest.fixture
def make(tmp_path: Path, ctgo: Running) -> Iterator[Make]:
    made: list[Process] = []

    def process(**options: str) -> Process:
        made.append(Process(tmp_path, ctgo, **options))
        return made[-1]

    yield process
    for it in made:
        it.close()


@pytest.fixture
def silence() -> Iterator[socket.socket]:
    """A remote that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def silent(far: socket.socket) -> str:
    """A connector whose remote is this one."""
    return HUBSPOT.format(port=far.getsockname()[1])


def is_asked(far: socket.socket) -> bool:
    """Whether somebody is waiting for its answer."""
    return bool(select.select([far], [], [], 0)[0])


def test_a_crash_leaves_no_core(make: Make, ctgo: Running) -> None:
    """It would hold the key, and people, where `forget` does not look."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if hard == 0:
        pytest.skip("no process here may leave a core")
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        daemon = make().start()
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    daemon.until(lambda: len(ctgo.world.exported) == 3, "it is at work")
    assert daemon.process is not None
    limits = Path(f"/proc/{daemon.process.pid}/limits").read_text()
    assert next(line.split()[4] for line in limits.splitlines() if line.startswith("Max core")) == "0"


def test_leads_that_arrive_while_it_runs_are_in_the_file_and_exported(make: Make, ctgo: Running) -> None:
    daemon = make().start()
    daemon.until(lambda: len(ctgo.world.exported) == 3, "the first three are exported")
    ids = ctgo.world.add_leads(4)
    daemon.until(lambda: len(ctgo.world.exported) == 7, "those that arrived are exported")
    assert {str(it) for it in ids} <= set(daemon.sheet())
    assert daemon.end()[0] == 0
    assert len(daemon.sheet()) == 7


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0_at_once_when_nothing_is_under_way(
    make: Make, number: signal.Signals
) -> None:
    daemon = make(poll="1h").start()
    daemon.until(daemon.sheet, "it has begun")
    code, seconds = daemon.end(number)
    assert code == 0
    assert in_time(seconds, 5)
    assert "STOPPING=1" in daemon.listen()


def test_a_crm_that_hangs_neither_keeps_it_from_ending_nor_holds_up_another(
    make: Make, ctgo: Running, silence: socket.socket
) -> None:
    daemon = make(connectors=silent(silence) + 'ack = "best_effort"\n' + SHEET).start()
    daemon.until(lambda: len(ctgo.world.exported) == 3 and is_asked(silence), "the others are exported")
    code, seconds = daemon.end()
    assert code == 0
    assert in_time(seconds, 10)


def test_a_second_signal_ends_it_at_once(make: Make, silence: socket.socket) -> None:
    daemon = make(connectors=silent(silence) + SHEET).start()
    daemon.until(lambda: is_asked(silence), "HubSpot is being asked")
    daemon.send(signal.SIGTERM)
    daemon.until(lambda: "STOPPING=1" in daemon.listen(), "it drains")
    code, seconds = daemon.end()
    assert code == 128 + signal.SIGTERM
    assert in_time(seconds, 2)


def test_a_reload_with_a_mistake_keeps_the_old_and_without_it_takes_the_new(make: Make) -> None:
    daemon = make().start()
    daemon.configure(connectors=SHEET + "colour = 3\n")
    daemon.send(signal.SIGHUP)
    daemon.until(lambda: daemon.events("reload_refused"), "the mistake is told")
    assert "colour" in daemon.events("reload_refused")[0]["mistakes"][0]
    daemon.configure(connectors=SHEET + SHEET.replace("sheet", "copy").replace("leads.csv", "copy.csv"))
    daemon.send(signal.SIGHUP)
    daemon.until(lambda: daemon.events("reloaded"), "the new one is taken")
    ids = daemon.ctgo.world.add_leads(2)
    copy = daemon.folder / "copy.csv"
    daemon.until(lambda: copy.exists() and str(ids[1]) in copy.read_text(), "the new connector has new leads")
    assert [line for line in daemon.listen() if line in {"READY=1", "RELOADING=1"}] == [
        *("READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1")
    ]
    assert daemon.end()[0] == 0


def test_a_source_that_a_reload_adds_is_pulled_at_once(make: Make, ctgo: Running) -> None:
    daemon = make(poll="1h").start()
    daemon.until(lambda: len(ctgo.world.exported) == 3, "the first three are exported")
    with running(Options(leads=2, rate_limit=6000, seed=3)) as other:
        second = (
            f'[sources.second]\napi_key = "ctgo_y"\nbase_url = "{other.url}/api/v2"\nconnectors = ["sheet"]\n'
        )
        daemon.configure(poll="1h", more='connectors = ["sheet"]', connectors=second + SHEET)
        daemon.send(signal.SIGHUP)
        daemon.until(lambda: len(other.world.exported) == 2, "the second source's leads are exported")
        assert daemon.end()[0] == 0


def test_sigusr1_pulls_now(make: Make, ctgo: Running) -> None:
    daemon = make(poll="1h").start()
    daemon.until(lambda: len(ctgo.world.exported) == 3, "the first three are exported")
    ctgo.world.add_leads(1)
    daemon.send(signal.SIGUSR1)
    daemon.until(lambda: len(ctgo.world.exported) == 4, "the fourth is exported")
    assert daemon.end()[0] == 0


def test_killed_and_started_again_it_goes_on_and_nothing_is_there_twice(make: Make, ctgo: Running) -> None:
    daemon = make().start()
    for n in range(4):
        ctgo.world.add_leads(10)
        daemon.until(lambda n=n: len(ctgo.world.exported) > 10 * n, "it is at work")  # type: ignore[misc]
        daemon.end(signal.SIGKILL)
        daemon.listen()
        daemon.heard.clear()
        daemon.start()
    daemon.until(lambda: len(ctgo.world.exported) == 43, "all are exported")
    assert daemon.end()[0] == 0
    assert sorted(daemon.sheet()) == sorted(str(it) for it in ctgo.world.exported)


def test_a_second_engine_is_refused_with_73_before_it_asks_anybody(make: Make, ctgo: Running) -> None:
    daemon = make(poll="1h").start()
    daemon.until(lambda: len(ctgo.world.exported) == 3, "it has begun")
    asked = len(ctgo.world.requests)
    second = subprocess.run(
        [sys.executable, "-m", "syncd", "--config", daemon.folder / "config.toml"],
        capture_output=True,
        timeout=patience(SOON),
        env=os.environ | {"NOTIFY_SOCKET": ""},
        check=False,
    )
    assert second.returncode == 73
    assert b"holds" in second.stderr
    assert len(ctgo.world.requests) == asked
    assert daemon.end()[0] == 0


def test_a_watchdog_is_fed_and_a_line_for_people_is_told(make: Make) -> None:
    daemon = make().start(watchdog=1.0)
    daemon.until(lambda: daemon.listen().count("WATCHDOG=1") >= 2, "signs of life")
    daemon.until(lambda: "STATUS=0 to deliver, 0 to export" in daemon.listen(), "all is done")
    assert daemon.end()[0] == 0
