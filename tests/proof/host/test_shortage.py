"""Too little of something that the system gives out: nothing is lost, it is said, and what passes is waited out."""

import resource
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from syncd.cli.exits import Exit
from tests.proof.crash.lives import finish
from tests.proof.crash.scene import CRM, SHEET, Plan
from tests.proof.crash.stage import Stage
from tests.proof.figures import record
from tests.proof.host.living import Conditions, living

TO_CRM = Plan("daemon into a CRM", frozenset({CRM}), daemon=True)
BOTH = Plan("daemon with both", frozenset({SHEET, CRM}), daemon=True)
A_MOMENT = 2.0
MEBIBYTE = 1 << 20


def memory_of(pid: int) -> int:
    """The address space of a process, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()


def seconds_of(pid: int) -> float:
    """The processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.parametrize("most", [8, 12, 14, 16])
def test_too_few_descriptors_to_run_with_are_said_and_cost_nothing(stage: Stage, most: int) -> None:
    """They are enough to begin, for the ledger, for all but health."""
    with living(stage, BOTH, Conditions(limits={"NOFILE": most})) as daemon:
        ended = daemon.ends_or_is_stopped(A_MOMENT)
        assert ended.code in {Exit.DONE, Exit.FAILED, Exit.LEDGER}, ended
        assert "Traceback" not in ended.said
        daemon.scene.check()
        finish(stage.forks, daemon.scene, audit=False)
    record("host", {"points": 1, "descriptors": 1})


def test_descriptors_that_others_use_up_are_waited_for_without_haste(stage: Stage) -> None:
    """Connections to health that ask nothing take all there are: nothing spins, and all goes on when they are closed."""
    with living(stage, TO_CRM, Conditions(limits={"NOFILE": 26})) as daemon:
        daemon.until_exported()
        daemon.until(lambda: daemon.ready()[0] == 200, "it is ready")
        with ExitStack() as idle:
            for _ in range(40):
                idle.enter_context(socket.create_connection(("127.0.0.1", daemon.health)))
            daemon.until_says("health_short")
            daemon.lead(3)
            daemon.until_says("create_only_down")
            before, spent = len(daemon.said()), seconds_of(daemon.started.pid)
            assert not stage.forks.over(A_MOMENT), "it runs on"
            assert len(daemon.said()) - before < 2000, "and says little"
            assert seconds_of(daemon.started.pid) - spent < A_MOMENT / 4, "and does little"
        daemon.until_exported()
        daemon.until(lambda: daemon.ready()[0] == 200, "health answers again")
        assert daemon.stop()[0] == 0
        daemon.scene.check_end()
    record("host", {"points": 1, "descriptors": 1})


@pytest.mark.parametrize("more", [20, 34])
def test_too_little_memory_is_a_clear_end_or_none_and_costs_nothing(stage: Stage, more: int) -> None:
    """Enough to begin, and for nearly all; a lane that lacks it for a moment tries again by itself."""
    most = memory_of(stage.forks.pid) + more * MEBIBYTE
    with living(stage, BOTH, Conditions(limits={"AS": most})) as daemon:
        ended = daemon.ends_or_is_stopped(A_MOMENT)
        assert ended.code in {Exit.DONE, Exit.FAILED, Exit.LEDGER}, ended
        if ended.code == Exit.FAILED:
            assert "Nothing is lost: raise the limit" in ended.said
        daemon.scene.check()
        finish(stage.forks, daemon.scene, audit=False)
    record("host", {"points": 1, "memory": 1})


def test_files_that_may_not_grow_are_a_full_disk_before_anything_is_sent(stage: Stage) -> None:
    """RLIMIT_FSIZE: health is red, nothing is asked for, and all goes on by itself under a higher limit."""
    conditions = Conditions(limits={"FSIZE": MEBIBYTE // 2}, plants=["impatient"])
    with living(stage, BOTH, conditions) as daemon:
        daemon.until_says("ledger_trouble")
        status, said = 0, ""
        while status != 503:
            daemon.until(lambda: daemon.ready()[0], "health is served")
            status, said = daemon.ready()
        assert "ledger_full" in said
        assert "524288 bytes at most (ulimit -f)" in said
        assert not daemon.scene.world.requests
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.prlimit(daemon.started.pid, resource.RLIMIT_FSIZE, (hard, hard))
        daemon.until_exported()
        assert daemon.stop()[0] == 0
        daemon.scene.check_end()
    record("host", {"points": 1, "size of files": 1})


def test_no_ledger_can_be_made_within_a_limit_on_files(stage: Stage) -> None:
    with living(stage, BOTH, Conditions(limits={"FSIZE": 50_000})) as daemon:
        ended = daemon.end()
        assert ended.code == Exit.LEDGER
        assert "the disk is full" in ended.said
        assert not daemon.scene.world.requests
        finish(stage.forks, daemon.scene, audit=False)
