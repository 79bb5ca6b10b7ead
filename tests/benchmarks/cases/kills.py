"""What a kill leaves: each contestant is killed with -9 part of the way, and started again until it ends well.

Then the rows in its CSV are counted: leads that are missing, and leads that are there twice.
"""

import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

from tests.benchmarks.contestants import DLT_PLAIN, SYNCD_, Contestant, contestants, emptied
from tests.benchmarks.measuring import Run
from tests.benchmarks.running import Rows, Stage
from tests.benchmarks.table import Row
from tests.benchmarks.upstream import seen, served

LEADS = 10_000
PARTS = (0.4, 0.6, 0.8, 0.9, 0.97)
"""Of the time that a whole run takes."""
AGAIN = 3
"""Runs that it may take to end well."""
HAS = {
    "floor": {"keeps a ledger": "payloads only", "tells CTGO": "no", "keeps to a limit": "no"},
    "syncd": {"keeps a ledger": "yes", "tells CTGO": "yes (off here, as nobody else does)", "keeps to a limit": "yes (off here, likewise)"},
    "dlt": {"keeps a ledger": "cursor and packages", "tells CTGO": "no", "keeps to a limit": "no; a wait between pages can be set"},
    "Singer": {"keeps a ledger": "cursor", "tells CTGO": "no", "keeps to a limit": "no"},
}  # fmt: skip


def kills(stage: Stage) -> Rows:
    """The case."""
    leads, rows = stage.size(LEADS, 1_000), []
    for one in (each for each in contestants() if each is not DLT_PLAIN):
        with served(leads, honest=True) as base:
            one.prepare(stage.scratch / one.name, base)
            whole = one.run(stage.scratch / one.name, base).wall
            found = [
                _left(one, stage.scratch / one.name, base, leads, whole * part) for part in _parts(stage)
            ]
        missing, twice = max(f[0] for f in found), max(f[1] for f in found)
        requests = max(f[2] for f in found)
        stage.promises[one.name] = {
            **HAS[one.name],
            "after kill -9 and another start: missing": f"{missing:,}",
            "there twice": f"{twice:,}",
        }
        if one.name == SYNCD_.name:
            rows.append(
                Row(f"leads missing or twice, worst of {len(found)} kills", f"{missing + twice}", "", missing + twice, 0.0,
                    note=f"{leads:,} leads; at most {requests} requests with the run after", essence=False)
            )  # fmt: skip
    return rows


def _parts(stage: Stage) -> tuple[float, ...]:
    return PARTS if stage.scale >= 1 else PARTS[1::2]


def _left(one: Contestant, folder: Path, base: str, leads: int, after: float) -> tuple[int, int, int]:
    """Leads missing and rows too many after a kill and another start; and the requests of both."""
    before = seen(base)["GET"]
    one.prepare(emptied(folder), base)
    _killed(one, folder, base, after)
    for _ in range(AGAIN):
        if _ends_well(one, folder, base):
            break
    rows = Counter(one.rows(folder))
    return leads - len(rows), rows.total() - len(rows), seen(base)["GET"] - before


def _killed(one: Contestant, folder: Path, base: str, after: float) -> None:
    """Start it, and kill all of its processes at once."""
    commands = one.commands(folder, base)
    said = (folder / one.said).open("wb") if one.said else Path(os.devnull).open("wb")  # noqa: SIM115
    processes: list[subprocess.Popen[bytes]] = []
    with said:
        for n, command in enumerate(commands):
            processes.append(
                subprocess.Popen(
                    command,
                    stdin=processes[-1].stdout if processes else None,
                    stdout=said if n == len(commands) - 1 else subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=os.environ | dict(one.environ),
                    cwd=folder,
                )
            )
        time.sleep(after)
        for process in processes:
            process.send_signal(signal.SIGKILL)
        for process in processes:
            process.wait()
            if process.stdout:
                process.stdout.close()


def _ends_well(one: Contestant, folder: Path, base: str) -> bool:
    try:
        run: Run = one.run(folder, base)
    except subprocess.CalledProcessError:
        return False
    return run.wall > 0
