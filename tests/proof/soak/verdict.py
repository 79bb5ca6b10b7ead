"""Whether what a run used stayed flat, decided from its samples."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from tests.proof.soak.sampling import Sample

MIB = 2**20
WARM = 0.1
"""The part of the longest life that is its start."""
WAL = 16 * MIB
LEDGER = 12 * 1024
"""Bytes of the ledger for a lead that four connectors and an export go with."""
ROOM = 4 * MIB
"""What memory may grow by besides a tenth: the allocator's pages come and go."""


class Claim(NamedTuple):
    """One thing that was to hold. `seen` and `bound` as they are printed."""

    what: str
    seen: str
    bound: str
    holds: bool


def longest_life(samples: Sequence[Sample]) -> list[Sample]:
    """The samples of the process that lived longest, without its start."""
    lives: dict[int, list[Sample]] = {}
    for sample in samples:
        lives.setdefault(sample.life, []).append(sample)
    longest = max(lives.values(), key=lambda life: life[-1].at - life[0].at)
    warm = longest[0].at + WARM * (longest[-1].at - longest[0].at)
    return [sample for sample in longest if sample.at >= warm]


def flat(samples: Sequence[Sample]) -> list[Claim]:
    """What memory, descriptors, threads, WAL and ledger came to. Raises ValueError when there is too little to judge."""
    life = longest_life(samples)
    if len(life) < 8:
        raise ValueError("too few samples to judge: let it run longer")
    quarter = len(life) // 4
    first, last = life[:quarter], life[-quarter:]
    memory, later = (median(s.memory for s in part) for part in (first, last))
    open_, open_later = (max(s.descriptors for s in part) for part in (life[: 2 * quarter], last))
    threads, threads_later = (max(s.threads for s in part) for part in (life[: 2 * quarter], last))
    wal = max(s.wal for s in samples)
    each = samples[-1].ledger / max(1, samples[-1].found)
    bound = memory * 1.1 + ROOM
    return [
        Claim(
            "memory, last quarter / first", f"{_mib(later)} / {_mib(memory)}", f"<= {_mib(bound)}", later <= bound
        ),
        Claim(
            "descriptors, last quarter / first half", f"{open_later} / {open_}", f"<= {open_ + 5}", open_later <= open_ + 5
        ),
        Claim(
            "threads, last quarter / first half",
            f"{threads_later} / {threads}",
            f"<= {threads + 5}",
            threads_later <= threads + 5,
        ),
        Claim("WAL at its largest", _mib(wal), f"<= {_mib(WAL)}", wal <= WAL),
        Claim("ledger, bytes a lead", f"{each:.0f}", f"<= {LEDGER}", each <= LEDGER),
    ]  # fmt: skip


def _mib(size: float) -> str:
    return f"{size / MIB:.1f} MiB"
