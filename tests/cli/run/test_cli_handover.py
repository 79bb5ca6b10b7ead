"""`--once --since T` beside a running engine: a daemon in another process, and this command in ours."""

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from syncd.ledger import Ledger, sources
from syncd.ledger.database import EngineLock
from tests.cli.conftest import Home, MakeHome, rows
from tests.daemon.process import Process


@pytest.fixture
def served(make_home: MakeHome) -> Iterator[tuple[Home, Process]]:
    home = make_home(leads=30, spacing=3600.0)
    daemon = Process(home.folder, home.sim, poll="1h")
    daemon.configure(poll="1h", more='start = "now"')
    daemon.start()
    daemon.until(lambda: home.sim.world.requests, "it has pulled")
    yield home, daemon
    daemon.close()


def test_the_engine_pulls_the_window_and_the_command_sees_it_through(served: tuple[Home, Process]) -> None:
    home, daemon = served
    ran = home.syncd("--once", "--since", "2000-01-01T00:00:00Z")
    assert ran.code == 0, ran.err
    assert "main: 30 new, 30 exported" in ran.out
    assert "sheet: 30 delivered" in ran.out
    assert "runs already" in ran.err
    assert len(daemon.sheet()) == 30
    assert rows(home, "SELECT state, new FROM window") == [("done", 30)]
    assert rows(home, "SELECT verb, detail FROM action") == [("window", "since 2000-01-01T00:00:00Z")]
    assert rows(home, "SELECT watermark FROM source")[0][0] > 0
    assert daemon.end()[0] == 0


def test_a_person_has_the_daemon_pull_now(served: tuple[Home, Process]) -> None:
    home, daemon = served
    asked = len(home.sim.world.requests)
    assert daemon.process is not None
    assert home.syncd("pull").out == f"The daemon (process {daemon.process.pid}) pulls now.\n"
    daemon.until(lambda: len(home.sim.world.requests) > asked, "it has pulled again")
    assert daemon.end()[0] == 0
    assert rows(home, "SELECT verb, name, detail FROM action") == [("pull", "", "")]


def test_nobody_can_be_made_to_pull_where_no_daemon_runs(home: Home) -> None:
    home.syncd("--once")
    ran = home.syncd("pull")
    assert (ran.code, ran.out) == (75, "")
    assert "syncd --once" in ran.err
    with EngineLock(home.ledger):  # a signal would end it
        assert home.syncd("pull").code == 75
    assert rows(home, "SELECT verb FROM action") == []


def test_without_a_window_a_second_engine_is_refused(served: tuple[Home, Process]) -> None:
    home, daemon = served
    ran = home.syncd("--once")
    assert ran.code == 73
    assert daemon.end()[0] == 0


def test_a_window_that_the_engine_cannot_pull_ends_with_the_code_for_it(
    served: tuple[Home, Process],
) -> None:
    home, daemon = served
    home.sim.world.revoke(None)
    ran = home.syncd("--once", "--since", "2000-01-01T00:00:00Z", "--max-wait", "5s")
    assert ran.code == 77, ran.err
    assert rows(home, "SELECT state FROM window") == [("pending",)]
    assert daemon.end()[0] == 0


def test_what_moves_beside_a_lane_that_stands_still_does_not_make_the_command_wait_for_that(
    served: tuple[Home, Process],
) -> None:
    home, daemon = served
    assert home.syncd("pause", "sheet", "--for", "1h").code == 0
    began, more = time.monotonic(), threading.Event()

    def arrive() -> None:
        while not more.wait(0.3) and time.monotonic() < began + 30:
            home.sim.world.add_leads(1)
            daemon.send(signal.SIGUSR1)

    arriving = threading.Thread(target=arrive)
    arriving.start()
    ran = home.syncd("--once", "--since", "2000-01-01T00:00:00Z", "--max-wait", "2s")
    more.set()
    arriving.join()
    assert ran.code == 75, ran.err
    assert time.monotonic() < began + 25
    assert daemon.end()[0] == 0


def test_a_window_is_kept_for_the_next_run_when_the_engine_ends(served: tuple[Home, Process]) -> None:
    home, daemon = served
    daemon.end()
    with Ledger.open(home.ledger) as ledger, ledger.write() as connection:
        sources.ask_window(connection, "main", 0.0, since=0.0, until=None, limit=None, who="me")
    ran = home.syncd("--once")
    assert ran.code == 0, ran.err
    assert len(daemon.sheet()) == 30
    assert rows(home, "SELECT state, new FROM window") == [("done", 30)]


def test_what_a_person_does_is_noticed_at_once(served: tuple[Home, Process]) -> None:
    home, daemon = served
    assert home.syncd("pause", "sheet").code == 0
    ids = home.sim.world.add_leads(2)
    ran = home.syncd("--once", "--since", "2000-01-01T00:00:00Z", "--max-wait", "1s")
    assert ran.code == 75, ran.err
    assert daemon.sheet() == []
    asked = len(home.sim.world.requests)
    assert home.syncd("resume", "sheet").code == 0
    daemon.until(lambda: str(ids[1]) in daemon.sheet(), "the lane goes on without a poll")
    assert not [
        r
        for r in home.sim.world.requests[asked:]
        if "/leads?" in r.path + "?" + r.query and r.method == "GET"
    ]
    assert daemon.end()[0] == 0
