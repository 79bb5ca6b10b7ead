"""Running processes, and what they cost: time, processor time, memory over time."""

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHON = sys.executable
SYNCD = str(Path(PYTHON).with_name("syncd"))
PAGE = os.sysconf("SC_PAGE_SIZE")
MIB = 2**20
OFTEN = 0.05
"""Seconds between two looks at a process's memory."""

Command = Sequence[str | Path]
Samples = list[tuple[float, float]]
"""Seconds since the start, MiB resident."""


@dataclass(frozen=True, slots=True)
class Run:
    """One process, or several in a pipe: wall and CPU seconds, peak resident memory in MiB, and memory over time if sampled."""

    wall: float
    cpu: float
    peak: float
    memory: Samples = field(default_factory=list)


def timed(*commands: Command, sampled: bool = False, environ: Mapping[str, str] | None = None, said: Path | None = None, cwd: Path | None = None, noisy: bool = False) -> Run:  # fmt: skip
    """Run a command to its end, or several in a pipe. Raises CalledProcessError when one fails.

    Args:
        commands: each reads what the one before it says.
        sampled: whether memory is looked at while it lasts. The peak of several is that of their sum, so it needs this.
        environ: variables besides ours.
        said: where the last one's standard output goes; nowhere if None.
        cwd: where they run.
        noisy: whether what they say on standard error is of no interest.
    """
    begin = time.perf_counter()
    processes = _piped(
        commands, {**os.environ, **(environ or {})}, said or Path(os.devnull), cwd, noisy=noisy
    )
    over = threading.Event()
    memory: Samples = []
    watch = threading.Thread(target=_watch, args=(processes, begin, over, memory))
    if sampled or len(processes) > 1:
        watch.start()
    cpu, peak = 0.0, 0.0
    failed: list[tuple[Command, int]] = []
    for command, process in zip(commands, processes, strict=True):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)  # it is waited for: nobody else may
        cpu += usage.ru_utime + usage.ru_stime
        peak = max(peak, usage.ru_maxrss * 1024 / MIB)
        failed += [(command, process.returncode)] if status else []
    wall = time.perf_counter() - begin
    over.set()
    if watch.ident is not None:
        watch.join()
    if failed:
        raise subprocess.CalledProcessError(failed[0][1], [str(part) for part in failed[0][0]])
    return Run(wall, cpu, peak if len(processes) == 1 else max((m for _, m in memory), default=peak), memory)


def _piped(
    commands: Sequence[Command], environ: Mapping[str, str], said: Path, cwd: Path | None, *, noisy: bool
) -> list[subprocess.Popen[bytes]]:
    processes: list[subprocess.Popen[bytes]] = []
    with said.open("wb") as sink, Path(os.devnull).open("wb") as nowhere:
        for n, command in enumerate(commands):
            before, last = processes[-1].stdout if processes else None, n == len(commands) - 1
            out = sink if last else subprocess.PIPE
            err = nowhere if noisy else None
            processes.append(
                subprocess.Popen(command, stdin=before, stdout=out, stderr=err, env=environ, cwd=cwd)
            )
            if before is not None:
                before.close()
    return processes


def _watch(
    processes: Sequence[subprocess.Popen[bytes]], begin: float, over: threading.Event, memory: Samples
) -> None:
    while not over.wait(OFTEN):
        memory.append((time.perf_counter() - begin, sum(resident(process.pid) for process in processes)))


def resident(pid: int) -> float:
    """MiB of memory that a process holds now; 0 of one that is over."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / MIB
    except (OSError, IndexError):
        return 0.0


def processor(pid: int) -> float:
    """Processor seconds that a process of ours has used, to the nanosecond (the clock that clock_getcpuclockid names)."""
    return time.clock_gettime(~pid << 3 | 2)


def told(command: Command) -> Run:
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
    return ranged([getattr(run, what) for run in runs], unit)


def ranged(values: Sequence[float], unit: str = "s") -> str:
    """Median, least and most, for a person."""
    return f"{statistics.median(values):.2f} {unit} ({min(values):.2f}-{max(values):.2f})"
