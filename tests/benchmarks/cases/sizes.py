"""Cost against the size of the ledger: what is settled must not be paid for."""

from pathlib import Path

from tests.benchmarks.contestants import configured, once
from tests.benchmarks.ledgers import grow
from tests.benchmarks.measuring import SYNCD, Run, alternately, median, spread, timed
from tests.benchmarks.running import Rows, Stage
from tests.benchmarks.table import Row, Series
from tests.benchmarks.upstream import served

SETTLED = (1_000, 10_000, 100_000, 1_000_000)
SEED = 500
"""Leads that are really synced; the others are made from one of them."""
MOST = 1.15


def sizes(stage: Stage) -> Rows:
    """The case: `--once` with nothing new, and `status`, from a ledger of a thousand settled leads to one of a million."""
    counts = [stage.size(n, SEED + 500) for n in SETTLED] if stage.scale >= 1 else [1_000, 20_000]
    with served(SEED) as base:
        folders = [configured(stage.scratch / f"settled-{n}", base) for n in counts]
        for folder, n in zip(folders, counts, strict=True):
            once(folder)
            grow(folder / "syncd.db", n - SEED)
            once(folder)  # the first run after may tidy up
        runs = alternately(
            stage.times * 2,
            *(lambda folder=folder: once(folder) for folder in folders),
            *(lambda folder=folder: _status(folder) for folder in folders),
        )
    each = {"--once, nothing new": runs[: len(counts)], "status": runs[len(counts) :]}
    drawn = Series("Cost against the size of the ledger", "settled leads", "seconds", kind="log")
    for name, by_size in each.items():
        drawn.lines[name] = [
            (float(n), median(one), min(r.wall for r in one), max(r.wall for r in one))
            for n, one in zip(counts, by_size, strict=True)
        ]
    stage.drawn("ledger", drawn)
    return [
        Row(f"{name}: {counts[-1]:,} settled / {counts[0]:,}", spread(by_size[-1]), spread(by_size[0]),
            median(by_size[-1]) / median(by_size[0]), MOST)
        for name, by_size in each.items()
    ]  # fmt: skip


def _status(folder: Path) -> Run:
    return timed([SYNCD, "--config", folder / "config.toml", "status"])
