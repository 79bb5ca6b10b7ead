"""A real `syncd --once`, killed with -9 at moments that a seed chooses, and started again until it is through.

The oracle sits in the simulator: at the instant an export arrives, the lead's row must already be in the file.
"""

import csv
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from syncd.ledger import Ledger, overview
from syncd.simulator import Options, World, running

LEADS = 240
KILLS = 20
CONFIG = """\
[sources.main]
api_key = "ctgo_x"
base_url = "{url}/api/v2"
requests_per_minute = 6000

[connectors.sheet]
type = "csv"
path = "leads.csv"
"""


def ids_in(file: Path) -> list[str]:
    if not file.exists():
        return []
    with file.open(newline="", errors="replace") as lines:
        return [row["id"] for row in csv.DictReader(lines) if row["id"]]


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_twenty_times_each_lead_is_there_once_and_none_was_exported_early(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    sheet, early = tmp_path / "leads.csv", list[int]()
    options = Options(leads=LEADS, rate_limit=6000, latency=0.004)
    with running(options) as ctgo:
        (tmp_path / "config.toml").write_text(CONFIG.format(url=ctgo.url))

        def judge(lead: int) -> None:
            if str(lead) not in ids_in(sheet):
                early.append(lead)

        ctgo.world.on_export = judge
        ends = Counter(run_and_kill(tmp_path, ctgo.world, chance) for _ in range(KILLS))
        assert ends[-signal.SIGKILL] >= KILLS // 2, ends
        assert finish(tmp_path) == 0
        exported = set(ctgo.world.exported)
    rows = Counter(ids_in(sheet))
    assert len(rows) == LEADS
    assert set(rows.values()) == {1}
    assert {str(lead) for lead in exported} == set(rows)
    assert early == []
    with Ledger.open_to_read(tmp_path / "syncd.db") as ledger, ledger.read() as connection:
        counts = overview.counts(connection)
        assert counts["lead"] == {"main": {"exported": LEADS}}
        assert overview.recount(connection) == {
            (kind, name, state): n
            for kind, names in counts.items()
            for name, states in names.items()
            for state, n in states.items()
        }


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "syncd", "--config", folder / "config.toml", "--once"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )


def run_and_kill(folder: Path, world: World, chance: random.Random) -> int:
    """Start a run and kill it a moment after a few requests more have come: how fast the machine is plays no part."""
    enough = len(world.requests) + chance.randint(0, 5)
    process = start(folder)
    tick = threading.Event()
    while len(world.requests) < enough and process.poll() is None:
        tick.wait(0.001)
    tick.wait(chance.choice((0.0, 0.002, 0.01, 0.05)))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode


def finish(folder: Path) -> int:
    process = start(folder)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said.decode()
    return process.returncode
