"""50,000 leads into CSV: time against everybody who does that work, and memory while it lasts."""

from pathlib import Path

from tests.benchmarks.contestants import SYNCD_, Contestant, configured, contestants, emptied, once
from tests.benchmarks.measuring import Run, alternately, median, spread
from tests.benchmarks.running import Rows, Stage
from tests.benchmarks.table import Row, Series
from tests.benchmarks.upstream import seen, served

LEADS, FEW = 50_000, 1_000
MOST = {"floor": 2.5, "dlt": 0.65, "Singer": 0.55}
"""Of each one's wall time."""
MOST_MEMORY_OF_IDLE, MOST_MEMORY_OF_FEW = 1.3, 1.2


def csv(stage: Stage) -> Rows:
    """The case."""
    return into_csv(stage.scratch, stage.times, stage.size(LEADS, 1_000), stage=stage)


def into_csv(scratch: Path, times: int, leads: int = LEADS, stage: Stage | None = None) -> Rows:
    """All of it into CSV, exports off, against whoever else is installed; and how memory grows with the number of leads."""
    them = contestants()
    with served(leads) as many, served(FEW) as few:
        runs = alternately(
            times,
            *(lambda one=one: _whole(one, emptied(scratch / one.name), many, leads) for one in them),
            lambda: once(configured(scratch / "few", few)),
        )
        sent = seen(many)["POST"]
    small = runs.pop()
    by_name = dict(zip((one.name for one in them), runs, strict=True))
    ours = by_name[SYNCD_.name]
    rows = [
        Row(f"{leads:,} leads into CSV / {name}", spread(ours), spread(theirs), median(ours) / median(theirs), MOST.get(name),
            note=f"processor time {spread(ours, 's', 'cpu')} / {spread(theirs, 's', 'cpu')}")
        for name, theirs in by_name.items()
        if name != SYNCD_.name
    ]  # fmt: skip
    rows += _memory(leads, by_name, small, stage.facts.get("idle memory") if stage else None)
    if stage:
        if sent:
            raise ValueError(f"{sent} exports, and none was asked for")
        _draw(stage, leads, by_name)
    return rows


def _whole(one: Contestant, folder: Path, base: str, leads: int) -> Run:
    """One run from nothing. Raises ValueError if a lead is missing in the end, or there twice."""
    one.prepare(folder, base)
    run = one.run(folder, base)
    ids = list(one.rows(folder))
    if len(ids) != leads or len(set(ids)) != leads:
        raise ValueError(f"{one.name} wrote {len(ids)} rows of {len(set(ids))} leads out of {leads}")
    return run


def _memory(leads: int, by_name: dict[str, list[Run]], small: list[Run], idle: float | None) -> Rows:
    ours = by_name[SYNCD_.name]
    peak, said = median(ours, "peak"), spread(ours, "MiB", "peak")
    rows = [
        Row(f"peak memory, {leads:,} leads / {FEW:,}", said, spread(small, "MiB", "peak"),
            peak / median(small, "peak"), MOST_MEMORY_OF_FEW, essence=False),
    ]  # fmt: skip
    if idle:
        against = Row(
            f"peak memory, {leads:,} leads / idle daemon",
            said,
            f"{idle:.1f} MiB",
            peak / idle,
            MOST_MEMORY_OF_IDLE,
        )
        rows.append(against)
    rows += [
        Row(f"peak memory, {leads:,} leads / {name}", said, spread(theirs, "MiB", "peak"), peak / median(theirs, "peak"),
            1.0 if name == "dlt" else None)
        for name, theirs in by_name.items()
        if name != SYNCD_.name
    ]  # fmt: skip
    return rows


def _draw(stage: Stage, leads: int, by_name: dict[str, list[Run]]) -> None:
    speed = Series("Leads into CSV", "", "leads a second", kind="bars")
    memory = Series(f"Memory while {leads:,} leads come in", "seconds", "MiB")
    for name, runs in by_name.items():
        walls = [run.wall for run in runs]
        speed.lines[name] = [(0.0, leads / median(runs), leads / max(walls), leads / min(walls))]
        typical = sorted(runs, key=lambda run: run.wall)[len(runs) // 2]
        memory.lines[name] = [(round(at, 3), round(mib, 2)) for at, mib in typical.memory if mib]
    stage.drawn("throughput", speed)
    stage.drawn("memory", memory)
