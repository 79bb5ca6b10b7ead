"""`python -m tests.proof.simulation SEED [--days N] [--author first|second|mixed]`: one world, told as it goes.

Exits with 1 when something happened that must not.
"""

import argparse
import sys
import time

from tests.proof.simulation.outside.authors import AUTHORS
from tests.proof.simulation.running import length_of, simulate


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m tests.proof.simulation", description="One simulated world.")
    parser.add_argument("seed", type=int)
    parser.add_argument("--days", type=float, help="of script; by default what the tests give this seed")
    parser.add_argument(
        "--author", choices=AUTHORS, default="first", help="of the remotes; mixed: drawn for each"
    )
    given = parser.parse_args(arguments)
    begun = time.process_time()
    days = length_of(given.seed, given.author) if given.days is None else given.days
    came = simulate(given.seed, days, author=given.author)
    said = [f"seed {given.seed}: {came.days:.1f} days, digest {came.digest}", *came.readings]
    said += [
        f"healthy leads behind poison: {len(came.waits)}, the longest wait {max(it.seconds for it in came.waits):.0f} s"
    ]
    said += [f"  {name:32} {n}" for name, n in sorted((came.counts + came.met).items())]
    sys.stdout.write("\n".join([*said, f"{time.process_time() - begun:.1f} s of a processor", ""]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
