"""A disk that fails at a call, or has no room from it on: the real program, and nothing is lost, doubled or early.

After each fault the files, the ledger and the remotes are looked at as they are; then the disk is well, and a plain run must
bring every lead everywhere once.
"""

import errno
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import pytest

from syncd.cli.exits import Exit
from tests.proof.crash.forks import Ended, Watch
from tests.proof.crash.lives import finish
from tests.proof.crash.scene import CRM, SHEET, Plan, Scene
from tests.proof.crash.stage import Stage
from tests.proof.depth import DEEP, SCALE
from tests.proof.figures import record
from tests.proof.host.faults import EVERY, GROWING, Fault, Kind, Page

ONCE = ("--once", "--max-wait", "1s")
FILE = Plan("once into a file", frozenset({SHEET}))
BOTH = Plan("once into both", frozenset({SHEET, CRM}))
MANY = frozenset({Kind.READ, Kind.WRITE})
"""Pages of one transaction, one like the other, and most of all calls."""
FEW = EVERY - MANY
SAMPLED = 1 if DEEP else max(1, round(16 / SCALE))
"""Of so many reads and writes one is tried; all, when there is time."""


class Sweep(NamedTuple):
    """Which calls fail, in runs of what; of `step` calls, one is tried. `ends`: the codes that a run may end with."""

    plan: Plan
    fault: Fault
    step: int = 1
    ends: Collection[int] = (Exit.DONE, Exit.LEDGER, Exit.WORK_LEFT)

    def __str__(self) -> str:
        lasting = " from there on" if self.fault.lasting else ""
        return f"{errno.errorcode[self.fault.error]}{lasting}{' in half' if self.fault.half else ''}"


def run(stage: Stage, page: Page, scene: Scene, fault: Fault) -> Ended:
    """One run under a fault, which is gone when it is over."""
    page.put(fault)
    ended = stage.forks.run(scene.config, ONCE, watch=Watch(scene.disk, faults=page.path))
    page.lift()
    return ended


def calls(stage: Stage, page: Page, sweep: Sweep) -> int:
    """How many calls there are that such a fault may meet."""
    with stage.scene(sweep.plan) as scene:
        assert run(stage, page, scene, sweep.fault).code == 0
        return page.struck.calls


def swept(stage: Stage, page: Page, sweep: Sweep) -> Counter[str]:
    """Let calls fail one after the other, each in a run of its own; what was met."""
    met: Counter[str] = Counter()
    for at in range(1 + sweep.step // 2, calls(stage, page, sweep) + 1, sweep.step):
        with stage.scene(sweep.plan) as scene:
            ended = run(stage, page, scene, sweep.fault._replace(at=at))
            struck = page.struck
            try:
                assert "Traceback" not in ended.said
                assert ended.code in sweep.ends
                scene.check()
                finish(stage.forks, scene, audit=DEEP)
                assert scene.broken == []
            except AssertionError as error:
                where = f"{struck.kind.name} of {struck.path}"
                error.add_note(f"{sweep.plan.name}, {sweep} at {at}: {where}\n{ended.said}")
                raise
        met["points"] += 1
        met["met"] += bool(struck)
        place = "ledger" if "syncd.db" in Path(struck.path).name else "file"
        met[f"{place}: {ended.code}"] += 1
        met[f"{sweep}: {struck.kind.name.lower()}"] += 1
    record("host", {**met, "bad": 0})
    assert met["met"] > 0.9 * met["points"], met
    return met


def test_one_call_fails(stage: Stage, page: Page) -> None:
    """A second try of the same call would succeed: whoever made one would go on over what was lost."""
    met = swept(stage, page, Sweep(FILE, Fault(errno.EIO, kinds=FEW)))
    assert met["ledger: 74"] > 10
    assert met["file: 75"] + met["file: 0"] > 5, (
        "what was taken back is written anew, in this run or the next"
    )


def test_one_read_or_write_fails(stage: Stage, page: Page) -> None:
    met = swept(stage, page, Sweep(BOTH, Fault(errno.EIO, kinds=MANY), SAMPLED))
    assert met["ledger: 74"] > 5


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EROFS])
def test_whatever_is_done_to_the_leads_file_fails_from_a_call_on(
    stage: Stage, page: Page, error: int
) -> None:
    """The ledger is well, so that everything is told of it; what was written cannot even be taken back."""
    fault = Fault(error, kinds=EVERY - {Kind.OPEN}, only="/out", lasting=True)
    met = swept(stage, page, Sweep(FILE, fault, ends=[Exit.WORK_LEFT]))
    assert met["points"] > 5


@pytest.mark.parametrize("half", [False, True])
def test_there_is_no_room_from_a_call_on(stage: Stage, page: Page, *, half: bool) -> None:
    fault = Fault(errno.ENOSPC, kinds=GROWING, lasting=True, half=half)
    met = swept(stage, page, Sweep(BOTH, fault, SAMPLED * 2))
    assert met["ledger: 74"] > 3


def test_the_disk_is_gone_from_a_call_on(stage: Stage, page: Page) -> None:
    met = swept(stage, page, Sweep(BOTH, Fault(errno.EIO, lasting=True), SAMPLED * 2))
    assert met["ledger: 74"] > 3
