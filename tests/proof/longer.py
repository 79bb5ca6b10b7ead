"""Worlds of ever new seeds until the time is up: `python -m tests.proof.longer FIRST STEP UNTIL`.

It uses what the layers have left of the time that was asked for. `FIRST`, `STEP`: which seeds; `UNTIL`: seconds since the
epoch.
"""

import sys
import time
import traceback
from collections.abc import Callable
from itertools import count
from pathlib import Path

from tests.proof.figures import FOLDER, record
from tests.proof.simulation.outside.authors import AUTHORS, Author
from tests.proof.simulation.running import length_of, simulate
from tests.proof.simulation.test_simulation import write_down
from tests.proof.simulation.world import Came

Simulate = Callable[[int, float, Author], Came]


def a_world(seed: int, days: float, author: Author) -> Came:
    """Run one world to its end."""
    return simulate(seed, days, author=author)


def go_on(
    first: int,
    step: int,
    until: float,
    *,
    now: Callable[[], float],
    world: Simulate = a_world,
    folder: Path = FOLDER,
) -> bool:
    """Whether all that there was time for ended well. The last one may end a little late."""
    well = True
    for seed in count(first, step):
        if now() >= until:
            return well
        author = AUTHORS[seed // step % len(AUTHORS)]
        days = length_of(seed, author)
        try:
            write_down(world(seed, days, author))
            record("run", {"simulation passed": 1}, folder)
        except Exception:  # noqa: BLE001 - told, with its seed, and counted; the other worlds go on
            traceback.print_exc()
            sys.stderr.write(
                f"seed {seed} of {days} days, author {author}: put it into tests/proof/simulation/seeds.txt\n"
            )
            record("run", {"simulation failed": 1}, folder)
            well = False
    return well


if __name__ == "__main__":
    sys.exit(not go_on(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), now=time.time))
