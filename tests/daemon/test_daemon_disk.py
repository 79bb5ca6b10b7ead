"""A disk that is full for a while under a running daemon: a real, small file system."""

import signal
from pathlib import Path

from syncd.simulator import Options, running
from tests.daemon.process import SHEET, Process
from tests.proof.crash.test_disk import disk
from tests.support.disk import fill

__all__ = ["disk"]


def test_a_full_disk_stops_all_sending_and_is_waited_out(tmp_path: Path, disk: Path) -> None:
    with running(Options(leads=20, rate_limit=6000)) as ctgo:
        state = f'[state]\nurl = "sqlite:///{disk}/syncd.db"\n'
        daemon = Process(tmp_path, ctgo, connectors=SHEET + state).start()
        try:
            daemon.until(lambda: len(ctgo.world.exported) == 20, "the first are exported")
            filler = fill(disk)
            daemon.until(lambda: daemon.events("ledger_trouble"), "it is noticed")
            asked = len(ctgo.world.requests)
            ids = ctgo.world.add_leads(30)
            daemon.send(signal.SIGUSR1)
            daemon.until(lambda: daemon.events("pull_ordered"), "a pull is asked for")
            assert len(ctgo.world.requests) == asked
            assert len(daemon.sheet()) == 20
            filler.unlink()
            daemon.until(lambda: len(ctgo.world.exported) == 50, "it goes on by itself")
            assert daemon.events("ledger_recovered")
            assert daemon.end()[0] == 0
            assert sorted(daemon.sheet()) == sorted(map(str, ctgo.world.exported))
            assert set(ids) <= set(ctgo.world.exported)
        finally:
            daemon.close()
