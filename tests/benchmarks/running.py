"""What a case is given, and what it gives."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.table import Row, Series


@dataclass
class Stage:
    """`scratch`: an empty folder; `times`: how often each thing is run; `scale`: 1 for the whole size, less for a try.

    `facts`: what one case found out and another one needs. `out`: where profiles go.
    """

    scratch: Path
    out: Path
    times: int = 3
    scale: float = 1.0
    facts: dict[str, float] = field(default_factory=dict)
    series: dict[str, Series] = field(default_factory=dict)
    promises: dict[str, dict[str, str]] = field(default_factory=dict)

    def size(self, whole: int, least: int = 1) -> int:
        """So many of something, at this scale."""
        return max(least, round(whole * self.scale))

    def drawn(self, name: str, series: Series) -> None:
        """Keep something to draw."""
        self.series[name] = series


Rows = list[Row]


def asked_for(names: list[str]) -> list[str]:
    """The cases that `BENCH_ONLY=name,name` picks; all without it. Raises ValueError for one that there is not."""
    chosen = [name for name in os.environ.get("BENCH_ONLY", "").split(",") if name]
    if unknown := set(chosen) - set(names):
        raise ValueError(f"no case {', '.join(sorted(unknown))}: there are {', '.join(names)}")
    return [name for name in names if not chosen or name in chosen]
