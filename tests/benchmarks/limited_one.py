"""One run of the program under the limit of 60 requests a minute, against the simulator, on real sockets, with time sped up.

Usage: limited_one.py FOLDER WINDOW FACTOR MINUTES OTHERS. `OTHERS`: requests a minute that somebody else makes with the same
key, evenly; 0: nobody does. Prints JSON: `used`, the part of the allowance that was served to us (of what the other left);
`ours` and `theirs`, how often each was refused.
"""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx

from syncd.clock import FastClock
from syncd.simulator import Options, running
from tests.benchmarks.contestants import configured
from tests.benchmarks.measuring import PYTHON

LIMIT = 60
MINUTE = 60.0
SKIPPED = 2 * MINUTE
"""At first the key has everything free, which would flatter."""
THEIRS = "segments"
"""What the other client asks for, and syncd does not with the default columns."""


def main(folder: Path, window: str, factor: float, minutes: float, others: int) -> None:
    """Run it."""
    clock = FastClock(factor)
    leads = round((minutes + 1) * LIMIT)
    options = Options(leads=leads, rate_limit=LIMIT, window=window, spacing=1.0)  # type: ignore[arg-type]  # an argument
    with running(options, now=clock.now) as ctgo:
        configured(folder, f"{ctgo.url}/api/v2", export=True, requests=LIMIT)
        over = threading.Event()
        visitor = threading.Thread(target=_visit, args=(ctgo.url, others, factor, over))
        visitor.start()
        start = (
            f"from syncd.cli.run.demo import run_child; run_child({str(folder)!r}, {factor}, {clock.start})"
        )
        child = subprocess.Popen([PYTHON, "-c", start], stdout=subprocess.DEVNULL)
        time.sleep(minutes * MINUTE / factor)
        child.kill()
        child.wait()
        over.set()
        visitor.join()
        requests = list(ctgo.world.requests)
    theirs = [request for request in requests if request.path.endswith(THEIRS)]
    ours = [request for request in requests if not request.path.endswith(THEIRS)]
    served = [
        (request.arrival, request.path.endswith(THEIRS)) for request in requests if request.status != 429
    ]
    print(
        json.dumps(
            {
                "used": used(served),
                "ours": sum(request.status == 429 for request in ours),
                "theirs": sum(request.status == 429 for request in theirs),
                "requests": len(ours),
            }
        )
    )


def used(served: list[tuple[float, bool]]) -> float:
    """The part of the allowance that was served to us, of what was left by others: instants, and whether it was theirs.

    Over whole rounds of the key's requests, or a burst at the end would count for more than its minute.
    """
    first = next(at for at, other in served if not other)
    after = [each for each in served if each[0] >= first + SKIPPED]
    rounds = (len(after) - 1) // LIMIT
    if rounds < 1:
        return 0.0
    minutes = (after[rounds * LIMIT][0] - after[0][0]) / MINUTE
    theirs = sum(other for _, other in after[: rounds * LIMIT])
    return (rounds * LIMIT - theirs) / (minutes * LIMIT - theirs)


def _visit(url: str, others: int, factor: float, over: threading.Event) -> None:
    with httpx.Client(base_url=f"{url}/api/v2", headers={"Authorization": "Bearer ctgo_x"}) as client:
        while others and not over.wait(MINUTE / others / factor):
            client.get(f"/{THEIRS}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
