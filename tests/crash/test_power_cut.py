"""The power is cut at every moment of a run, and whatever the disk may hold then is started: nothing is lost, doubled or early.

Assumed is a disk that keeps what was synced; see `images.py` for what it may do with everything else. What had left
before the cut has happened. With `synchronous=NORMAL` the same images show leads that are doubled or exported early.
"""

import random
import time
from collections import Counter

import pytest

from tests.crash.cuts import BOOTED, Run, cuts, found, logged, start
from tests.crash.scene import CRM, SHEET, Plan, two_leads
from tests.crash.stage import Stage
from tests.proof.depth import deep
from tests.proof.figures import record

TORN = 2
"""Torn images of each moment, twice as many of those that count most."""
AGAIN = 10
"""One image of so many is cut again while the program recovers from it."""
SHEET_PLAN = Plan("into a file", frozenset({SHEET}))
CRM_PLAN = Plan("into a create-only CRM", frozenset({CRM}))


def first_run(stage: Stage, plan: Plan, plants: tuple[str, ...] = ()) -> Run:
    """A first run, undisturbed, with its log."""
    run = Run(plan, "", {}, (), time.time())
    with stage.scene(plan, two_leads(run.instant)) as scene:
        return logged(stage, scene, run, plants=plants)


def cut_again(stage: Stage, run: Run, chance: random.Random) -> list[str]:
    """One image of the recovery from one image of a run."""
    cut = chance.choice(list(cuts(run, chance, 1)))
    with found(stage, run, cut) as scene:
        recovery = logged(stage, scene, run._replace(sent=cut.sent), plants=BOOTED)
    again = chance.choice(list(cuts(recovery, chance, 1)))
    with found(stage, recovery, again) as scene:
        return start(stage.forks, scene)


def sweep(stage: Stage, run: Run, part: int, parts: int, torn: int) -> tuple[Counter[str], list[str]]:
    """Start the images of one part; how many there were, and what was wrong with which."""
    chance = random.Random(run.plan.name)  # noqa: S311 - fates, not secrets
    met, wrong = Counter[str](), list[str]()
    for number, cut in enumerate(cuts(run, chance, torn)):
        if number % parts != part:
            continue
        noise = random.Random(number).randbytes(32768) if number % 3 == 0 else b""  # noqa: S311
        with found(stage, run, cut, noise) as scene:
            broken = start(stage.forks, scene)
        met["images"] += 1
        wrong += [f"image {number}: {it}" for it in broken]
    return met, wrong


@pytest.mark.parametrize("part", range(6))
@pytest.mark.parametrize("plan", [SHEET_PLAN, CRM_PLAN], ids=lambda plan: plan.name)
def test_no_image_is_bad(stage: Stage, plan: Plan, part: int) -> None:
    run = first_run(stage, plan)
    met, wrong = sweep(stage, run, part, 6, deep(TORN))
    chance = random.Random(f"{plan.name} {part}")  # noqa: S311
    for _ in range(met["images"] // AGAIN):
        met["images of a recovery"] += 1
        wrong += cut_again(stage, run, chance)
    record("power_cuts", met)
    assert wrong == []


def test_without_full_sync_images_are_bad(stage: Stage) -> None:
    """The negative control: what the other test looks for can be found."""
    run = first_run(stage, CRM_PLAN, ("normal",))
    met, wrong = sweep(stage, run, 0, 8, 1)
    record("power_cuts", {"images of the negative control": met["images"], "bad among them": len(wrong)})
    assert any("I-1" in it or "I-3" in it for it in wrong), met
