"""Recovery: a ledger with 100,000 pending deliveries whose engine is killed with -9 as it begins to send, and started again.

The run after is measured against the same run over the same ledger that nobody killed before. What it may cost more is to roll
the WAL forward, to check the ledger, and to look up in the file what was *maybe sent*: a constant and one batch. So the bar is
a tenth, in time and in memory.
"""

import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

from tests.benchmarks.contestants import SYNCD_, configured, once
from tests.benchmarks.measuring import SYNCD, Run, alternately, median, spread
from tests.benchmarks.running import Rows, Stage
from tests.benchmarks.table import Row
from tests.benchmarks.upstream import served

LEADS, MOST = 100_000, 1.1


def recovery(stage: Stage) -> Rows:
    """The case."""
    leads = stage.size(LEADS, 2_000)
    with served(leads) as base:
        pending = _pending(stage.scratch, base)
        left: list[int] = []

        def killed() -> Run:
            folder = _copied(pending, stage.scratch / "killed")
            left.append(leads - _kill_at_first_row(folder))
            return _whole(folder, leads)

        spared, after = alternately(
            stage.times, lambda: _whole(_copied(pending, stage.scratch / "spared"), leads), killed
        )
    return [
        Row(f"recovery with {min(left):,} pending / the same run, not killed", spread(after), spread(spared),
            median(after) / median(spared), MOST, note="every lead once in the file in the end"),
        Row("its peak memory / the same", spread(after, "MiB", "peak"), spread(spared, "MiB", "peak"),
            median(after, "peak") / median(spared, "peak"), MOST, essence=False),
    ]  # fmt: skip


def _pending(scratch: Path, base: str) -> Path:
    """A folder whose ledger has all leads and whose connector has none yet: only another one's lane has run, who wants none."""
    folder = configured(scratch / "pending", base)
    config = folder / "config.toml"
    text = config.read_text()
    config.write_text(text + '[connectors.nobody]\ntype = "csv"\npath = "nobody.csv"\nwhere = "id < 0"\n')
    command: list[str | Path] = [SYNCD, "--config", config, "--once", "--connector", "nobody"]
    subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )  # 75: work is left
    config.write_text(text)
    return folder


def _copied(pending: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return Path(shutil.copytree(pending, folder))


def _kill_at_first_row(folder: Path) -> int:
    """Start it and kill it when the file has rows; how many."""
    file = folder / "leads.csv"
    process = subprocess.Popen(
        [SYNCD, "--config", folder / "config.toml", "--once"], stdout=subprocess.DEVNULL
    )
    while process.poll() is None and not (file.exists() and file.stat().st_size > 1_000):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return sum(1 for _ in SYNCD_.rows(folder))


def _whole(folder: Path, leads: int) -> Run:
    """The run that delivers what is pending. Raises ValueError if a lead is missing in the end, or there twice."""
    run = once(folder)
    rows = Counter(SYNCD_.rows(folder))
    if len(rows) != leads or rows.total() != leads:
        raise ValueError(f"{rows.total()} rows of {len(rows)} leads out of {leads}")
    return run
