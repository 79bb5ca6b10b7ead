"""Running processes, what they cost, and one line of the table."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

PYTHON = sys.executable
SYNCD = str(Path(PYTHON).with_name("syncd"))


@dataclass(frozen=True, slots=True)
class Run:
    """One process: wall and CPU seconds, and its peak resident memory in MiB."""

    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a ratio, its bar, and which side of it is good. Without a bar it is there to be known."""

    case: str
    ours: str
    theirs: str
    ratio: float
    bar: float | None
    at_most: bool = True

    @property
    def met(self) -> bool:
        """Whether the bar is met; no bar is."""
        if self.bar is None:
            return True
        return self.ratio <= self.bar if self.at_most else self.ratio >= self.bar

    def __str__(self) -> str:
        told = f"{self.case:50} {self.ours:>26} {self.theirs:>26}  {self.ratio:6.2f}"
        if self.bar is None:
            return told
        return f"{told} {'<=' if self.at_most else '>='} {self.bar:<5}  {'ok' if self.met else 'MISSED'}"


def timed(command: Sequence[str | Path]) -> Run:
    """Run a command to its end. Raises CalledProcessError when it fails."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    if status:
        raise subprocess.CalledProcessError(
            os.waitstatus_to_exitcode(status), [str(part) for part in command]
        )
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def told(command: Sequence[str | Path]) -> Run:
    """Run a command that says on stdout how many processor seconds its work took. Raises CalledProcessError when it fails."""
    begin = time.perf_counter()
    said = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, check=True).stdout
    return Run(time.perf_counter() - begin, float(said), 0.0)


def alternately(times: int, *cases: Callable[[], Run]) -> list[list[Run]]:
    """Each case so many times, one after the other, so that the machine's moods meet them all."""
    runs: list[list[Run]] = [[] for _ in cases]
    for _ in range(times):
        for case, done in zip(cases, runs, strict=True):
            done.append(case())
    return runs


def median(runs: Sequence[Run], what: str = "wall") -> float:
    """The median of one measure."""
    return float(statistics.median(getattr(run, what) for run in runs))


def spread(runs: Sequence[Run], unit: str = "s", what: str = "wall") -> str:
    """Median, least and most, for a person."""
    values = [getattr(run, what) for run in runs]
    return f"{statistics.median(values):.2f} {unit} ({min(values):.2f}-{max(values):.2f})"
