"""Every operating act in any order, on an engine that may die at any seam: the promises hold, and all ends well.

Each step is something that a person, a world or a machine does. After each, the books add up and every lead that is not
settled is listed with a reason. In the end the weather clears and a person lets everything through: then every lead that
CTGO listed is settled, no place holds anybody twice, and nothing was exported before the places had it.
"""

import os
from pathlib import Path

import pytest

from syncd.core.lead import LeadKey, Malformed, parse_lead
from syncd.ledger.admin import auditor
from syncd.simulator import World
from tests.engine.operated import Whole
from tests.support import (
    Crash,
)

STEPS = 40
SEEDS = [int(seed) for seed in os.environ.get("ALL_ACTS_SEEDS", "26 96").split()]
"""Two that once met a bug each; name others in the environment to look for more."""


ACTS = [
    "release",
    "drop_held",
    "pause",
    "resume",
    "retry",
    "drop",
    "forget",
    "replay",
    "window",
    "back_up",
    "restore",
    "reload",
    "keep_house",
    "find",
    "find",
    "find_again",
    "find_malformed",
    "weather",
    "fault",
    "jump",
    "start",
    "work",
    "work",
    "work",
    "work",
    "work",
    "wait",
]


OF_SALES = ["judge", "judge", "judge", "judge"]
OF_DOUBT = ["retry", "take_back", "take_back", "hold_again", "hold_again"]


def step(whole: Whole) -> None:
    act = whole.chance.choice(
        [*ACTS, *(OF_SALES if whole.hears else ()), *(OF_DOUBT if whole.doubts else ())]
    )
    whole.said.append(act)
    whole.seams.at = (
        whole.seams.count + whole.chance.randrange(1, 60) if whole.chance.random() < 0.4 else None
    )
    try:
        getattr(whole, act)()
        whole.seams.at = None
    except Crash:
        whole.said.append("killed")
        whole.crash()
    whole.reasons()


def lost(whole: Whole, name: str, world: World) -> list[LeadKey]:
    """What CTGO lists as new and the ledger neither holds nor was told to forget."""
    parsed = [parse_lead(name, row.payload(world.options)) for row in world.listed()]
    leads = [it[0] for it in parsed if not isinstance(it, Malformed) and it[0].exported_at is None]
    with whole.ledger.read() as connection:
        known = auditor.known(connection, name, leads)
    return [lead.key for lead in leads if lead.key not in known]


@pytest.mark.parametrize(
    ("hears", "doubts"), [(False, False), (True, False), (False, True)], ids=["", "hearing", "undoing"]
)
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_done_and_wherever_it_dies_nothing_is_lost_doubled_or_early(
    tmp_path: Path,
    seed: int,
    hears: bool,  # noqa: FBT001
    doubts: bool,  # noqa: FBT001
) -> None:
    whole = Whole(tmp_path, seed, hears=hears, doubts=doubts)
    try:
        for _ in range(STEPS):
            step(whole)
        whole.clear_up()
        whole.reasons()
        whole.check()
        assert whole.rows("SELECT source, lead_id, state FROM lead WHERE settled_at IS NULL") == []
        assert whole.rows("SELECT source, lead_id, state FROM feedback WHERE settled_at IS NULL") == []
        assert whole.unheard() == []
        assert [key for name, world in whole.worlds for key in lost(whole, name, world)] == []
    except BaseException as error:
        error.add_note(f"seed {seed}: {' '.join(whole.said)}")
        raise
    finally:
        whole.close()
