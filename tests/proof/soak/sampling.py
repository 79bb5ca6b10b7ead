"""What a process uses, second by second, as the kernel tells it."""

import os
from pathlib import Path
from typing import NamedTuple

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Sample(NamedTuple):
    """One moment. `at`: seconds since the run began; `life`: which process it was; sizes in bytes, `cpu` in seconds of that
    process. `found`, `exported`: leads that CTGO found so far, and was told of."""

    at: float
    life: int
    memory: int
    cpu: float
    descriptors: int
    threads: int
    ledger: int
    wal: int
    found: int
    exported: int


def sample(at: float, life: int, process: int, ledger: Path, counts: tuple[int, int]) -> Sample | None:
    """None: the process is not there, or not any more."""
    proc = Path(f"/proc/{process}")
    try:
        stat = (proc / "stat").read_text().rpartition(")")[2].split()
        descriptors = len(list((proc / "fd").iterdir()))
        memory = int((proc / "statm").read_text().split()[1]) * _PAGE
    except OSError:
        return None
    return Sample(
        at,
        life,
        memory,
        (int(stat[11]) + int(stat[12])) / _TICK,
        descriptors,
        int(stat[17]),
        _size(ledger),
        _size(ledger.with_name(ledger.name + "-wal")),
        *counts,
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
