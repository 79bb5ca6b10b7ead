"""The samples of a run as a picture: `python -m tests.proof.soak.plotting build/soak/soak.json`, which writes `soak.png` beside it.

Needs matplotlib, which `make soak` keeps in an environment of its own.
"""

import json
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from matplotlib.figure import Figure

from tests.proof.soak.sampling import Sample
from tests.proof.soak.verdict import MIB

Spell = tuple[float, float]
"""From when to when, in seconds since the run began."""


def draw(samples: Sequence[Sample], deaths: Sequence[float], spells: Sequence[Spell], file: Path) -> None:
    """Write a PNG: leads, memory, processor, descriptors and threads, ledger and WAL over time; deaths and troubles marked."""
    at = [s.at / 60 for s in samples]
    figure = Figure(figsize=(11, 13), layout="constrained")
    panels = figure.subplots(5, 1, sharex=True)
    lines: list[tuple[str, list[tuple[str, Sequence[float]]]]] = [
        ("leads", [("found", [s.found for s in samples]), ("exported", [s.exported for s in samples])]),
        ("memory, MiB", [("resident", [s.memory / MIB for s in samples])]),
        ("processor, %", [("", _processor(samples))]),
        (
            "open",
            [("descriptors", [s.descriptors for s in samples]), ("threads", [s.threads for s in samples])],
        ),
        (
            "files, MiB",
            [("ledger", [s.ledger / MIB for s in samples]), ("WAL", [s.wal / MIB for s in samples])],
        ),
    ]
    for panel, (title, curves) in zip(panels, lines, strict=True):
        for name, values in curves:
            panel.plot(at, values, label=name, linewidth=1.2)
        for begin, end in spells:
            panel.axvspan(begin / 60, end / 60, color="orange", alpha=0.08, linewidth=0)
        for death in deaths:
            panel.axvline(death / 60, color="red", linewidth=0.8, alpha=0.6)
        panel.set_ylabel(title)
        panel.set_ylim(bottom=0)
        panel.grid(visible=True, alpha=0.3)
        if len(curves) > 1:
            panel.legend(loc="upper left", frameon=False)
    panels[0].set_title("syncd under load; orange: a remote in trouble, red: the process killed or stopped")
    panels[-1].set_xlabel("minutes")
    figure.savefig(file, dpi=110)


def _processor(samples: Sequence[Sample]) -> list[float]:
    """Per cent of a core between each sample and the one before."""
    shares = [0.0]
    for before, after in pairwise(samples):
        same = before.life == after.life and after.at > before.at
        shares.append(100 * (after.cpu - before.cpu) / (after.at - before.at) if same else 0.0)
    return shares


def main() -> None:
    """Draw what a run left."""
    file = Path(sys.argv[1])
    seen = json.loads(file.read_text())
    picture = file.with_suffix(".png")
    draw([Sample(**sample) for sample in seen["samples"]], seen["deaths"], seen["spells"], picture)
    print(picture)


if __name__ == "__main__":
    main()
