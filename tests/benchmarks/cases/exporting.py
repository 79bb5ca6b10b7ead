"""Exports with no limit, against a bare httpx loop of the same concurrency."""

from pathlib import Path

from tests.benchmarks.contestants import configured, once
from tests.benchmarks.measuring import PYTHON, alternately, median, timed
from tests.benchmarks.running import Rows, Stage
from tests.benchmarks.table import Row
from tests.benchmarks.upstream import seen, served

HERE = Path(__file__).parents[1]
LEADS, LEAST = 3_000, 0.9
MORE = 2
"""Rounds besides: what start-up takes is taken off, so the machine's moods count more here."""


def export(stage: Stage) -> Rows:
    """The case."""
    return [exports(stage.scratch, stage.times + MORE, stage.size(LEADS, 300))]


def exports(scratch: Path, times: int, leads: int = LEADS) -> Row:
    """Exports without a rate limit; what start-up and getting the leads take is measured alone and taken off both."""
    with served(leads) as base, served(0) as empty:
        bare, ours, nothing, start, csv_only = alternately(
            times,
            lambda: timed([PYTHON, HERE / "bare_exports.py", base, str(leads)]),
            lambda: once(configured(scratch / "exports", base, export=True)),
            lambda: timed([PYTHON, HERE / "bare_exports.py", base, "0"]),
            lambda: once(configured(scratch / "start", empty, export=True)),
            lambda: once(configured(scratch / "csv", base)),
        )
        sent = seen(base)["POST"]
    if sent != 2 * times * leads:
        raise ValueError(f"{sent} exports of {2 * times * leads}")
    theirs = leads / (median(bare) - median(nothing))
    own = leads / (median(ours) - max(median(csv_only), median(start)))
    return Row(
        "exports a second / bare httpx loop", f"{own:.0f}/s", f"{theirs:.0f}/s", own / theirs, LEAST, at_most=False,
        note=f"{leads:,} exports, four at a time; start-up and the leads' way into CSV are taken off",
    )  # fmt: skip
