"""`make bench`: how syncd compares with the floor and its peers, and how its cost grows, measured in one run on one machine.

Cases run alternately, several times; ratios, not absolute figures, have bars. What comes of it is printed and lies in
`build/bench`: bench.json, and a profile of each case as text. Exits 1 when a bar is missed.

    BENCH_ONLY=csv,export   these cases; all without it
    BENCH_TIMES=1           how often each thing is run (3)
    BENCH_SCALE=0.1         smaller sizes, for a try: bars are for the whole size
    BENCH_PROFILES=0        no profiles

`--page` writes the figures of docs/performance.md from the last run's bench.json, and measures nothing.
"""

import compileall
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import peers, profiles
from tests.benchmarks.cases.crms import crms
from tests.benchmarks.cases.daemons import daemons
from tests.benchmarks.cases.exporting import export, exports
from tests.benchmarks.cases.into_csv import csv, into_csv
from tests.benchmarks.cases.kills import kills
from tests.benchmarks.cases.limited import limited
from tests.benchmarks.cases.recovery import recovery
from tests.benchmarks.cases.sizes import sizes
from tests.benchmarks.cases.starting import start
from tests.benchmarks.measuring import ROOT
from tests.benchmarks.running import Rows, Stage, asked_for
from tests.benchmarks.table import Results, printed, write_into

__all__ = ["exports", "into_csv"]  # single cases, for whoever works on one
OUT = ROOT / "build" / "bench"
CASES: dict[str, Callable[[Stage], Rows]] = {
    "daemons": daemons,  # first: the idle daemon's memory is what others are compared with
    "start": start,
    "csv": csv,
    "kills": kills,
    "export": export,
    "limited": limited,
    "crms": crms,
    "sizes": sizes,
    "recovery": recovery,
}


def main() -> int:
    """Run the cases and print the table."""
    if sys.argv[1:] == ["--page"]:
        found = Results.from_json(json.loads((OUT / "bench.json").read_text()))
        write_into(ROOT / "docs" / "performance.md", found)
        return 0
    times = int(os.environ.get("BENCH_TIMES", "3"))
    scale = float(os.environ.get("BENCH_SCALE", "1"))
    # As pip does where it installs a wheel: where Python may write no bytecode, a checkout is compiled at every start
    for package in ("syncd", "connectors"):
        compileall.compile_dir(ROOT / package, quiet=1)
    OUT.mkdir(parents=True, exist_ok=True)
    results = Results(_machine(), times)
    results.versions = {"syncd": _version()} | peers.versions()
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        stage = Stage(Path(folder), OUT, times, scale)
        for name in asked_for(list(CASES)):
            _run(name, stage, results)
        if os.environ.get("BENCH_PROFILES", "1") != "0":
            begin = time.monotonic()
            profiles.write(stage, asked_for(list(CASES)))
            results.seconds["profiles"] = time.monotonic() - begin
    (OUT / "bench.json").write_text(json.dumps(results.as_json(), indent=1) + "\n")
    print(printed(results))
    return 0 if results.met else 1


def _run(name: str, stage: Stage, results: Results) -> None:
    """One case, whose failure leaves the others alone."""
    print(f"{name} …", file=sys.stderr, flush=True)
    begin = time.monotonic()
    stage.series, stage.promises = {}, {}
    scratch = stage.scratch
    try:
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            stage.scratch = Path(folder)
            results.rows[name] = CASES[name](stage)
    except Exception as error:  # noqa: BLE001 - told with the others, and the exit code says so
        results.failed[name] = f"{type(error).__name__}: {error}"
    finally:
        stage.scratch = scratch
    results.series |= stage.series
    results.promises |= stage.promises
    results.seconds[name] = time.monotonic() - begin


def _machine() -> str:
    cpus = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    name = cpus[0].partition(":")[2].strip() if cpus else platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{name}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}, CPython {platform.python_version()}"


def _version() -> str:
    from syncd import __version__  # noqa: PLC0415 - by then it is compiled

    return __version__


if __name__ == "__main__":
    sys.exit(main())
