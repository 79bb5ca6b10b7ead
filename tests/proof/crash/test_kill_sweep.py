"""Killed with -9 before, inside and after each of its calls, also while it recovers: nothing is lost, doubled or early.

A call is a write, a sync, a change of names, a connection, a send or a receive; `shim.c` counts them and kills. After each
kill the files, the ledger and the remotes are looked at as they are, then the program is started again.
"""

import random
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from syncd.simulator import Options
from syncd.simulator.world import World
from tests.proof.crash.lives import anywhere, finish, live, name_of, points
from tests.proof.crash.older import old_ledger
from tests.proof.crash.scene import CRM, SHEET, Plan
from tests.proof.crash.shim.preload import Call, Kill
from tests.proof.crash.stage import Stage
from tests.proof.depth import DEEP, SCALE
from tests.proof.figures import record

AGAIN = 12
"""Of so many kills, one is followed by another while the program recovers; of fewer, when there is time."""

AUDITED = 4
"""Of so many lives, one is followed by `syncd audit`, which takes a third of the time of a life."""
DAEMON, UPGRADE = (2, 2) if DEEP else (4, 10)
"""Of so many points of a daemon, and of an upgrade, two are tried: all, when there is time."""


@pytest.fixture(scope="session")
def begun(stage: Stage) -> Path:
    """What a run over an empty CTGO leaves."""
    plan = Plan("begun", frozenset({SHEET, CRM}))
    with stage.scene(plan, World(Options(leads=0, rate_limit=60000))) as scene:
        finish(stage.forks, scene)
        return shutil.copytree(scene.disk, stage.ground / "begun")


@pytest.fixture(scope="session")
def old(stage: Stage) -> Path:
    """What an earlier version left."""
    old_ledger(stage.ground / "old" / "state" / "syncd.db")
    return stage.ground / "old"


def sweep(stage: Stage, plan: Plan, part: slice) -> None:
    """Kill at every point of one part, and now and then once more."""
    chance = random.Random(f"{plan.name} {part}")  # noqa: S311 - places, not secrets
    with stage.scene(plan) as scene:
        calls = live(stage.forks, scene).calls
        scene.check_end()
        assert scene.broken == []
    met: Counter[str] = Counter()
    for kill in points(calls, whole=DEEP)[part]:
        met += judged(stage, plan, [kill], calls)
        met[f"points of {plan.name}"] += 1
        for _ in range(int(SCALE / AGAIN + chance.random())):
            met += judged(stage, plan, [kill, anywhere(chance, len(calls))], calls)
    record("kills", met)
    assert met["killed"] > 0.9 * met["lives to be killed"], met


def judged(stage: Stage, plan: Plan, kills: Sequence[Kill], calls: Sequence[Call]) -> Counter[str]:
    """One scene with these kills, brought to its end; what was met."""
    met: Counter[str] = Counter()
    with stage.scene(plan) as scene:
        try:
            for kill in kills:
                met["lives to be killed"] += 1
                ended = live(stage.forks, scene, kill)
                assert ended.killed or ended.code == 0, ended
                if not ended.killed:
                    break
                met["killed"] += 1
                met[name_of(kill, calls) if kill is kills[0] else "second kills"] += 1
                scene.check()
            finish(stage.forks, scene, audit=DEEP or kills[0].at % AUDITED == 0)
            assert scene.broken == []
        except AssertionError as error:
            error.add_note(f"{plan.name}, killed {', then '.join(f'{k.how} call {k.at}' for k in kills)}")
            raise
    return met


@pytest.mark.parametrize("part", range(4))
def test_a_first_run_into_a_file(stage: Stage, part: int) -> None:
    sweep(stage, Plan("once into a file", frozenset({SHEET})), slice(part, None, 4))


@pytest.mark.parametrize("part", range(2))
def test_a_run_into_a_crm_that_only_creates(stage: Stage, begun: Path, part: int) -> None:
    plan = Plan("once into a create-only CRM", frozenset({CRM}), before=begun)
    sweep(stage, plan, slice(part, None, 2))


@pytest.mark.parametrize("part", range(2))
def test_a_daemon_with_both(stage: Stage, begun: Path, part: int) -> None:
    plan = Plan("daemon", frozenset({SHEET, CRM}), daemon=True, before=begun)
    sweep(stage, plan, slice(part, None, DAEMON))


@pytest.mark.parametrize("part", range(2))
def test_a_run_that_upgrades_the_ledger(stage: Stage, old: Path, part: int) -> None:
    plan = Plan("upgrade", frozenset({SHEET}), before=old, upgrades=True)
    sweep(stage, plan, slice(part, None, UPGRADE))


def test_without_the_mark_of_what_may_be_sent_kills_are_seen(stage: Stage, begun: Path) -> None:
    """The negative control: what the others look for can be found."""
    plan = Plan("unmarked", frozenset({CRM}), before=begun)
    with stage.scene(plan) as scene:
        calls = live(stage.forks, scene, plants=["unmarked"]).calls
    broken = Counter[str]()
    for at in (n for n, call in enumerate(calls, 1) if call in {Call.SEND, Call.RECEIVE}):
        with stage.scene(plan) as scene:
            live(stage.forks, scene, Kill(at, "after"), plants=["unmarked"])
            scene.check()
            assert stage.forks.run(scene.config, ("--once",), plants=["unmarked"]).code == 0
            scene.check_end()
            broken.update(it[:3] for it in scene.broken)
    assert {"I-3", "I-5"} <= broken.keys()
