"""Time that jumps or stands still, and the order to stop, at any moment."""

import fcntl
import os
import signal
import socket
import time
from collections import Counter

import pytest

from syncd.cli.exits import Exit
from tests.proof.crash.forks import Watch
from tests.proof.crash.lives import finish
from tests.proof.crash.scene import CRM, SHEET, Plan
from tests.proof.crash.stage import Stage
from tests.proof.depth import DEEP, SCALE
from tests.proof.figures import record
from tests.proof.host.faults import Fault, Page
from tests.proof.host.living import SOON, Conditions, living
from tests.support.patience import patience

FILE = Plan("daemon into a file", frozenset({SHEET}), daemon=True)
BOTH = Plan("daemon with both", frozenset({SHEET, CRM}), daemon=True)
ONCE = Plan("once into both", frozenset({SHEET, CRM}))
MONTH = 30 * 86400
A_WHILE = 3.0
DRAINED = 10.0
"""Seconds within which a stop is over, whatever is under way."""
SAMPLED = 4 if DEEP else max(4, round(24 / SCALE))


@pytest.mark.parametrize("jump", [MONTH, -MONTH])
def test_a_wall_clock_that_is_set_under_it_strands_nothing_and_makes_no_haste(
    stage: Stage, page: Page, jump: int
) -> None:
    """The leads file is locked when the clock is set: its lane is to try again in five seconds by the old clock."""
    with living(stage, FILE, Conditions(page)) as daemon:
        daemon.until_exported()
        daemon.until(lambda: daemon.ready()[0] == 200, "it is ready")
        with (daemon.scene.disk / "out" / "leads.csv").open() as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            daemon.lead()
            daemon.until_says("csv_locked")
            asked = len(daemon.scene.world.requests)
            page.set_wall(jump)
        daemon.send(signal.SIGUSR1)
        daemon.until_says(f'"event": "clock_jumped", "seconds": {jump}')
        daemon.until_exported()
        assert len(daemon.scene.world.requests) - asked <= 3, "a pull that was asked for, and an export"
        daemon.until(lambda: daemon.ready()[0] == 200, "it is ready")
        daemon.lead()
        daemon.until_exported()
        assert daemon.stop()[0] == 0
        daemon.scene.check_end()
    record("host", {"points": 1, "clock set": 1})


def test_a_process_that_stood_still_makes_up_for_nothing_in_haste(stage: Stage) -> None:
    settings = [('poll = "1h"', 'poll = "1s"')]
    with living(stage, FILE, Conditions(settings=settings)) as daemon:
        daemon.until_exported()
        daemon.send(signal.SIGSTOP)
        daemon.scene.find(3)
        time.sleep(A_WHILE)
        asked = len(daemon.scene.world.requests)
        daemon.send(signal.SIGCONT)
        daemon.until_exported()
        assert len(daemon.scene.world.requests) - asked <= 3 + 2, "one pull for all that were missed"
        assert daemon.stop()[0] == 0
        daemon.scene.check_end()
    record("host", {"points": 1, "stood still": 1})


def test_a_process_that_stood_still_keeps_to_its_requests_a_minute(stage: Stage) -> None:
    """And a reload that allows more of them lets all go on."""
    much, little = "requests_per_minute = 60000", "requests_per_minute = 8"
    with living(stage, FILE, Conditions(settings=[(much, little)])) as daemon:
        daemon.until_exported()
        daemon.lead(12)
        daemon.until(lambda: len(daemon.scene.world.requests) >= 6, "most of a minute is used up")
        daemon.send(signal.SIGSTOP)
        time.sleep(A_WHILE)
        daemon.send(signal.SIGCONT)
        daemon.send(signal.SIGUSR1)
        assert not stage.forks.over(1.0)
        assert len(daemon.scene.world.requests) <= 8
        daemon.scene.config.write_text(daemon.scene.config.read_text().replace(little, much))
        daemon.send(signal.SIGHUP)
        daemon.until_exported()
        assert daemon.stop()[0] == 0
        daemon.scene.check_end()
    record("host", {"points": 1, "stood still": 1})


@pytest.mark.parametrize("plan", [ONCE, BOTH], ids=["once", "daemon"])
def test_it_may_be_told_to_stop_at_any_moment(stage: Stage, page: Page, plan: Plan) -> None:
    met: Counter[str] = Counter()
    arguments = () if plan.daemon else ("--once",)
    page.put(Fault())
    with living(stage, BOTH, Conditions(page)) as daemon:
        daemon.until_exported()
        calls = page.struck.calls
        assert daemon.stop()[0] == 0
    first, step = (1, SAMPLED) if plan.daemon else (calls // 2, SAMPLED // 2)  # half is for making a ledger
    for at in range(first, calls, step):
        with stage.scene(plan) as scene:
            page.put(Fault(at=at, signal=signal.SIGTERM))
            begun = time.monotonic()
            ended = stage.forks.run(scene.config, arguments, watch=Watch(scene.disk, faults=page.path))
            seconds = time.monotonic() - begun
            page.lift()
            # Until it listens to signals, one ends it as any program
            codes = {0} if plan.daemon else {0, Exit.WORK_LEFT, -signal.SIGTERM}
            assert ended.code in codes, (at, ended)
            assert seconds < DRAINED
            scene.check()
            finish(stage.forks, scene, audit=False)
            assert scene.broken == [], (at, scene.broken)
            met["points"] += 1
            met[f"stopped: {ended.code}"] += 1
    record("host", met)


def test_a_run_that_waits_for_a_remote_stops_in_time(stage: Stage) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silence,
        stage.scene(Plan("once into a CRM", frozenset({CRM}))) as scene,
    ):
        url = f"http://127.0.0.1:{silence.getsockname()[1]}"
        text = scene.config.read_text()
        scene.config.write_text(text.replace(text.split('url = "')[-1].split('"')[0], url))
        run = stage.forks.start(scene.config, ("--once",))
        silence.settimeout(patience(SOON))
        with silence.accept()[0]:
            begun = time.monotonic()

            os.kill(run.pid, signal.SIGTERM)
            ended = stage.forks.ended(run)
            assert time.monotonic() - begun < DRAINED
        assert ended.code == Exit.WORK_LEFT
        assert "safe to run again" in ended.said
        scene.config.write_text(text)
        finish(stage.forks, scene, audit=False)
        assert scene.broken == []
    record("host", {"points": 1, "stopped: remote hangs": 1})
