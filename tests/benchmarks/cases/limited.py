"""How much of 60 requests a minute is used, and whether any is refused, under two kinds of window, alone and beside another.

The program itself, its limiter, client, ledger and threads, over real sockets against the simulator; only time runs faster for
both. What the machine takes for a request counts so many times as much, so this is the harder way to measure it.
"""

import json
import subprocess
from typing import Any

from tests.benchmarks.measuring import PYTHON
from tests.benchmarks.running import Rows, Stage
from tests.benchmarks.table import Row

FACTOR, MINUTES = 5.0, 6.0
OTHERS = 20
"""Requests a minute of the other client."""
LEAST = 0.985


def limited(stage: Stage) -> Rows:
    """The case: four runs beside each other, for all they do is wait."""
    minutes = MINUTES if stage.scale >= 1 else 5.0
    runs = [(window, others) for window in ("fixed", "sliding") for others in (0, OTHERS)]
    processes = [
        subprocess.Popen(
            [
                PYTHON, "-m", "tests.benchmarks.limited_one", str(stage.scratch / f"{window}-{others}"), window, str(FACTOR),
                str(minutes), str(others),
            ],
            stdout=subprocess.PIPE,
        )
        for window, others in runs
    ]  # fmt: skip
    said = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise ValueError("a limited run failed: see above")
    return [
        row
        for (window, others), text in zip(runs, said, strict=True)
        for row in _rows(window, others, json.loads(text), minutes)
    ]


def _rows(window: str, others: int, found: dict[str, Any], minutes: float) -> Rows:
    beside = f", another client on the key ({others} a minute)" if others else ""
    of = "of what is left" if others else "of the allowance"
    refused = f"{found['ours']}" + (f" (the other: {found['theirs']})" if others else "")
    return [
        Row(f"60 requests a minute, {window} window{beside}: used {of}", f"{100 * found['used']:.1f} %", "", found["used"],
            None if others else LEAST, at_most=False,
            note=f"the program on real sockets, time {FACTOR:.0f} times as fast, {minutes:.0f} minutes, {found['requests']} requests"),
        Row(f"… refused with 429, {window} window{beside}", refused, "", found["ours"], None if others else 0.0, essence=False),
    ]  # fmt: skip
