"""The power is cut at every moment of a run, and whatever the disk may hold then is started: nothing is lost, doubled or early.

Assumed is a disk that keeps what was synced; see `images.py` for what it may do with everything else. What had left
before the cut has happened. With `synchronous=NORMAL` the same images show leads that are doubled or exported early.
"""

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.proof.crash.cuts import BOOTED, Cut, Run, cuts, found, logged, saved, start
from tests.proof.crash.scene import CRM, SHEET, Plan, two_leads
from tests.proof.crash.stage import Stage
from tests.proof.depth import DEEP, deep
from tests.proof.figures import record

BAD = Path(__file__).parents[3] / "build" / "crash"
PARTS = 6
TORN = 1
"""Torn images of each moment, and more of those that count most."""
AUDITED = 4
"""Of so many images, one is audited by the program as well, which takes a third of the time of a run."""
AGAIN = 20
"""One image of so many is cut again while the program recovers from it."""
SHEET_PLAN = Plan("into a file", frozenset({SHEET}))
CRM_PLAN = Plan("into a create-only CRM", frozenset({CRM}))


def first_run(stage: Stage, plan: Plan, plants: tuple[str, ...] = ()) -> Run:
    """A first run, undisturbed, with its log."""
    run = Run(plan, "", {}, (), time.time())
    with stage.scene(plan, two_leads(run.instant)) as scene:
        return logged(stage, scene, run, plants=plants)


def again(stage: Stage, run: Run, chance: random.Random) -> list[str]:
    """What is wrong with one image of the recovery from one image of a run."""
    cut = anyone(run, chance)
    with found(stage, run, cut) as scene:
        recovery = logged(stage, scene, run._replace(sent=cut.sent), plants=BOOTED)
    return judged(stage, recovery, anyone(recovery, chance), f"{run.plan.name}, recovering")


def anyone(run: Run, chance: random.Random) -> Cut:
    """One image of a run."""
    few = len(run.log) // 8 + 1
    return chance.choice(list(cuts(run, 1, chance.randrange(few), few, chance.randrange(2**32))))


def judged(
    stage: Stage, run: Run, cut: Cut, name: str, noise: bytes = b"", *, audit: bool = True
) -> list[str]:
    """What is wrong with an image, which is kept if anything is."""
    with found(stage, run, cut, noise) as scene:
        broken = start(stage.forks, scene, audit=audit)
    return [f"{saved(cut, BAD / name)}: {it}" for it in broken]


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("plan", [SHEET_PLAN, CRM_PLAN], ids=lambda plan: plan.name)
def test_no_image_is_bad(stage: Stage, plan: Plan, part: int) -> None:
    run, wrong, met = first_run(stage, plan), list[str](), Counter[str]()
    for number, cut in enumerate(cuts(run, deep(TORN), part, PARTS)):
        noise = random.Random(number).randbytes(32768) if number % 3 == 0 else b""  # noqa: S311
        audit = DEEP or number % AUDITED == 0
        wrong += judged(stage, run, cut, f"{plan.name} {part} {number}", noise, audit=audit)
        met["images"] += 1
    chance = random.Random(f"{plan.name} {part}")  # noqa: S311 - moments, not secrets
    for _ in range(met["images"] // AGAIN):
        wrong += again(stage, run, chance)
        met["images of a recovery"] += 1
    record("power_cuts", {**met, "bad": len(wrong)})
    assert wrong == []


def test_without_full_sync_images_are_bad(stage: Stage) -> None:
    """The negative control: what the other test looks for can be found."""
    run, bad, met = first_run(stage, CRM_PLAN, ("normal",)), list[str](), Counter[str]()
    told = [cut for cut in cuts(run, 1) if any(sent.method == "POST" for sent in cut.sent)]
    exported = [cut for cut in told if any(sent.path.endswith("/export") for sent in cut.sent)]
    for cut in (*told[:20], *exported[:20]):
        with found(stage, run, cut) as scene:
            broken = start(stage.forks, scene)
        met["images of the negative control"] += 1
        met["bad among those of the negative control"] += bool(broken)
        bad += [it[:3] for it in broken]
    record("power_cuts", met)
    assert {"I-1", "I-3"} <= set(bad), met
