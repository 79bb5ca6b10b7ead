"""The plots of a run, PNG and SVG beside its bench.json. By matplotlib, in an environment of its own: `make bench` makes it.

Usage: plotting.py BENCH_JSON.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

OURS = "syncd"
COLOURS = {
    OURS: "#0b6e4f",
    "floor": "#888888",
    "dlt": "#c8553d",
    "dlt, not compressing": "#e2a08f",
    "Singer": "#3d5a98",
    "idle daemon": "#0b6e4f",
}


def draw(results: Path) -> list[Path]:
    """Draw each series; the files that were written."""
    found = json.loads(results.read_text())
    written = []
    for name, series in found["series"].items():
        figure, axes = plt.subplots(figsize=(7.0, 4.2), layout="constrained")
        _bars(axes, series) if series["kind"] == "bars" else _lines(axes, series)
        axes.set(title=series["title"], xlabel=series["x"], ylabel=series["y"])
        axes.set_ylim(0, axes.get_ylim()[1])
        axes.spines[["top", "right"]].set_visible(False)
        figure.supxlabel(found["machine"], fontsize=6, color="#666666")
        for kind in ("png", "svg"):
            written.append(results.with_name(f"{name}.{kind}"))
            figure.savefig(written[-1], dpi=150)
        plt.close(figure)
    return written


def _bars(axes: Any, series: dict[str, Any]) -> None:
    """One point a line: (0, value, least, most)."""
    names = list(series["lines"])
    points = [series["lines"][name][0] for name in names]
    errors = [[p[1] - p[2] for p in points], [p[3] - p[1] for p in points]]
    axes.bar(
        names,
        [p[1] for p in points],
        yerr=errors,
        capsize=4,
        color=[COLOURS.get(name, "#555555") for name in names],
    )
    for n, point in enumerate(points):
        axes.annotate(
            f"{point[1]:,.0f}", (n, 0), (0, 4), textcoords="offset points", ha="center", color="white"
        )


def _lines(axes: Any, series: dict[str, Any]) -> None:
    """Points (x, y), or with least and most."""
    for n, (name, points) in enumerate(series["lines"].items()):
        colour = COLOURS.get(name, f"C{n}")
        x, y = [p[0] for p in points], [p[1] for p in points]
        axes.plot(x, y, label=name, color=colour, marker="o" if series["kind"] == "log" else None)
        if len(points[0]) == 4:
            axes.fill_between(x, [p[2] for p in points], [p[3] for p in points], color=colour, alpha=0.15)
    if series["kind"] == "log":
        axes.set_xscale("log")
    axes.legend(frameon=False)


if __name__ == "__main__":
    for path in draw(Path(sys.argv[1])):
        print(path)
