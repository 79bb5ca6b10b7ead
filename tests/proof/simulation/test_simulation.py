"""Whole worlds, each of a seed: whatever happens in them, nothing is lost, doubled or early, and in fair weather all ends well.

A failure names its seed and the command that replays it. Put the seed into `seeds.txt`, and it is run first from then on.
"""

import fcntl
import json
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.proof.depth import DEEP, deep
from tests.proof.figures import record
from tests.proof.simulation.outside.liveness import bucket_of
from tests.proof.simulation.remotes import HOSTS
from tests.proof.simulation.running import length_of, simulate
from tests.proof.simulation.script import DAY, RATES, Event
from tests.proof.simulation.weather import FAULTS
from tests.proof.simulation.world import Came

KEPT = Path(__file__).with_name("seeds.txt")
SEEDS = deep(150 if DEEP else 60)

EDGES = (
    "delivery: none > pending",
    "delivery: pending > delivered",
    "delivery: pending > rejected",
    "delivery: pending > dropped",
    "delivery: rejected > pending",
    "export: none > pending",
    "feedback: none > pending",
    "feedback: pending > delivered",
    "export: pending > delivered",
    "export: pending > gone",
    "lane: open > paused",
    "lane: open > halted",
    "lane: paused > open",
    "lane: paused > halted",
    "lane: halted > open",
    "lead: none > delivering",
    "lead: none > enriching",
    "lead: enriching > delivering",
    "lead: none > quarantined",
    "lead: delivering > exporting",
    "lead: delivering > rejected",
    "lead: exporting > exported",
    "lead: exporting > gone",
    "lead: quarantined > dropped",
    "lead: rejected > delivering",
)
SOMETIMES = {
    *(f"fault {kind}" for kind in FAULTS),
    *EDGES,
    *(f"act {act}" for act in RATES),
    *(f"requests of {far}" for far in HOSTS),
    *(f"revoked {far}" for far in ("ctgo", "crm", "org", "outreach")),
    "clock ahead",
    "clock behind",
    "crash",
    "end stopped",
    "frozen",
    "marked",
    "restored",
}
"""What must have happened in some of the worlds: what never does is not tried."""


def kept() -> list[tuple[int, float]]:
    """The seeds of the file."""
    lines = (line.split("#")[0].split() for line in KEPT.read_text().splitlines())
    return [(int(line[0]), float(line[1])) for line in lines if line]


def told(came: Came) -> Counter[str]:
    """What a world came to, kinds of trouble without the remote that they were met at."""
    found = Counter(came.counts)
    for name, n in came.met.items():
        kind = name.split(" ", 1)[1]
        found[f"fault {kind}" if kind in FAULTS else name] += n
    return found


def write_down(came: Came) -> None:
    """For the figures of the run."""
    found = told(came)
    faults = {name.replace(" ", "_"): n for name, n in found.items() if name.startswith("fault ")}
    figures = {name: found[name] for name in ("exports", "requests", "commits", "looks", "restored")}
    figures |= {"crashes": found["crash"], "starts": found["start"]}
    figures["acts"] = sum(n for name, n in found.items() if name.startswith("act "))
    figures[f"worlds_{came.author}"] = 1
    for wait in came.waits:
        figures[f"waited_{bucket_of(wait.seconds)}"] = figures.get(f"waited_{bucket_of(wait.seconds)}", 0) + 1
    zeros = dict.fromkeys(
        ("lost", "duplicates", "exports_without_evidence", "stuck", "rate_violations", "invariants_broken"), 0
    )
    record("simulation", {"days": round(came.days, 3), "seeds": 1, **figures, **faults, **zeros})


def worlds() -> list[tuple[int, float]]:
    """All that are run, those of the file first."""
    return [*dict.fromkeys([*kept(), *((seed, length_of(seed)) for seed in range(SEEDS))])]


@pytest.mark.parametrize(("seed", "days"), worlds())
def test_nothing_is_lost_doubled_or_early_and_all_ends_well(
    seed: int, days: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    came = simulate(seed, days)
    write_down(came)
    whole = gathered(f"{seed} {days}", told(came), tmp_path_factory)
    if whole is not None:
        assert sorted(SOMETIMES - whole.keys()) == [], "never happened in any of the worlds"


def gathered(world: str, found: Counter[str], factory: pytest.TempPathFactory) -> Counter[str] | None:
    """What all worlds together came to, for whoever comes last, in whichever process."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (shared / "worlds.json").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        had, before = json.loads(file.read() or "[[], {}]")
        had, whole = sorted({*had, world}), found + Counter(before)
        file.truncate(0)
        json.dump([had, whole], file)
    return whole if len(had) == len(worlds()) else None


def test_a_seed_is_a_run_to_the_byte() -> None:
    assert simulate(7, 0.1) == (once := simulate(7, 0.1))
    assert once.digest != simulate(13, 0.1).digest


@settings(
    max_examples=deep(6),
    deadline=None,
    derandomize=not DEEP,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
@given(
    seed=st.integers(0, 1000),
    script=st.lists(
        st.builds(
            Event,
            at=st.integers(60, int(2 * DAY)).map(float),
            act=st.sampled_from(sorted(RATES)),
            number=st.integers(0, 2**32 - 1),
        ),
        max_size=30,
    ),
)
def test_so_it_is_for_any_script(seed: int, script: list[Event]) -> None:
    simulate(seed, 2.0, script)
