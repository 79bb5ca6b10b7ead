"""`make bench`: how syncd compares with the floor and how its cost grows, as ratios measured in one run on one machine.

Cases run alternately, several times; medians and spreads are printed and written to bench.json. Exits 1 when a bar is
missed.
"""

import compileall
import json
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.benchmarks.crms import into_crms
from tests.benchmarks.ledgers import grow
from tests.benchmarks.measuring import PYTHON, SYNCD, Row, Run, alternately, median, spread, timed
from tests.benchmarks.service import service_rows
from tests.benchmarks.upstream import served

HERE = Path(__file__).parent
CONFIG = """\
[sources.main]
api_key = "ctgo_x"
base_url = "{base}"
export = {export}
requests_per_minute = 10000000

[connectors.sheet]
type = "csv"
path = "leads.csv"

[log]
level = "warning"
"""


def configured(folder: Path, base: str, *, export: bool = False) -> Path:
    """A folder with a configuration in it, empty otherwise."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(CONFIG.format(base=base, export=str(export).lower()))
    return folder


def once(folder: Path) -> Run:
    """`syncd --once` in a folder."""
    return timed([SYNCD, "--config", folder / "config.toml", "--once"])


def into_csv(scratch: Path, times: int, leads: int = 50_000) -> list[Row]:
    """All of it into CSV, exports off, against the floor; and how memory grows with the number of leads."""

    def floor(base: str) -> Run:
        folder = configured(scratch / "floor", base)
        return timed([PYTHON, HERE / "floor.py", base, folder])

    with served(leads) as many, served(1_000) as few:
        theirs, ours, small = alternately(
            times,
            lambda: floor(many),
            lambda: once(configured(scratch / "many", many)),
            lambda: once(configured(scratch / "few", few)),
        )
    return [
        Row(
            f"{leads:,} leads into CSV / floor script",
            spread(ours),
            spread(theirs),
            median(ours) / median(theirs),
            4.0,
        ),
        Row(
            f"peak memory, {leads:,} leads / 1,000",
            spread(ours, "MiB", "peak"),
            spread(small, "MiB", "peak"),
            median(ours, "peak") / median(small, "peak"),
            1.2,
        ),
    ]


def exports(scratch: Path, times: int, leads: int = 3_000) -> Row:
    """Exports without a rate limit, against a bare httpx loop of the same concurrency; start-up taken off both."""
    with served(leads) as base, served(0) as empty:
        bare, ours, nothing, start = alternately(
            times,
            lambda: timed([PYTHON, HERE / "bare_exports.py", base, str(leads)]),
            lambda: once(configured(scratch / "exports", base, export=True)),
            lambda: timed([PYTHON, HERE / "bare_exports.py", base, "0"]),
            lambda: once(configured(scratch / "start", empty, export=True)),
        )
        csv_only = [once(configured(scratch / "csv", base)) for _ in range(times)]
    theirs = leads / (median(bare) - median(nothing))
    own = leads / (median(ours) - max(median(csv_only), median(start)))
    return Row(
        "exports a second / bare httpx loop",
        f"{own:.0f}/s",
        f"{theirs:.0f}/s",
        own / theirs,
        0.8,
        at_most=False,
    )


def starting(times: int) -> Row:
    """`syncd --version`, answered before anything heavy is imported."""
    ours, theirs = alternately(
        times * 5, lambda: timed([SYNCD, "--version"]), lambda: timed([PYTHON, "-c", "pass"])
    )
    return Row(
        "syncd --version / python -c pass", spread(ours), spread(theirs), median(ours) / median(theirs), 1.5
    )


def nothing_new(scratch: Path, times: int) -> Row:
    """A run that finds nothing new, by how much is settled in the ledger."""
    with served(500) as base:
        small, large = (configured(scratch / name, base) for name in ("settled-500", "settled-500k"))
        for folder in (small, large):
            once(folder)
        grow(large / "syncd.db", 500_000)
        few, many = alternately(times * 3, lambda: once(small), lambda: once(large))
    return Row(
        "nothing new, 500,000 settled / 500", spread(many), spread(few), median(many) / median(few), 1.2
    )


def main() -> int:
    """Run every case and print the table."""
    times = int(os.environ.get("BENCH_TIMES", "5"))
    # As pip does where it installs a wheel: where Python may write no bytecode, a checkout is compiled at every start
    for package in ("syncd", "connectors"):
        compileall.compile_dir(HERE.parents[1] / package, quiet=1)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        scratch = Path(folder)
        rows = [
            *into_csv(scratch, times),
            starting(times),
            nothing_new(scratch, times),
            exports(scratch, times),
            *into_crms(scratch, times),
            *(Row(*line) for line in service_rows(scratch, times)),
        ]
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, CPython {platform.python_version()}, medians of {times} runs\n"
    )
    print("\n".join(map(str, rows)))
    Path("bench.json").write_text(
        json.dumps([asdict(row) | {"met": row.met} for row in rows], indent=2) + "\n"
    )
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
