"""What a run came to, as a table: for the end of a run, and for `tests/README.md`. `render` is pure."""

from pathlib import Path

from tests.proof.defects.table import between
from tests.proof.layers import LAYERS, Figures, kinds_of, standing, zeros

PAGE = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- the last full run: written by make proof -->", "<!-- end of the last full run -->"


def short(figures: Figures) -> str:
    """The table and the zeros."""
    rows = [
        f"| {layer.title} | {layer.came_to(figures.get(layer.figures, {}))} | {standing(layer, figures)} |"
        if layer.figures in figures
        else f"| {layer.title} | | {standing(layer, figures)} |"
        for layer in LAYERS
    ]
    return "\n".join(["| Layer | What was tried | |", "| --- | --- | --- |", *rows, "", zeros(figures)])


def render(figures: Figures) -> str:
    """All of it, with how it was made."""
    run = figures.get("run", {})
    made = (
        f"`make proof SECONDS={run.get('asked', '?')}` took {_duration(float(run.get('seconds', 0)))} on {run.get('machine', '?')} "
        f"with Python {run.get('python', '?')}, of commit {run.get('commit', '?')}."
    )
    kinds = [
        _kinds("Trouble on the way", kinds_of(figures.get("simulation", {}), "fault_")),
        _kinds("Killed", _calls(figures)),
    ]
    return "\n\n".join([made, short(figures), *filter(None, kinds)])


def write(page: Path, figures: Figures) -> None:
    """Put the figures of a run between the marks of the page."""
    page.write_text(between(page.read_text(), BEGIN, END, render(figures)))


def _calls(figures: Figures) -> dict[str, float]:
    found = kinds_of(figures.get("kills", {}), "")
    return {name: n for name, n in found.items() if name.split(" ")[0] in {"before", "inside", "after"}}


def _kinds(title: str, kinds: dict[str, float]) -> str:
    if not kinds:
        return ""
    return f"{title}: " + ", ".join(f"{name.replace('_', ' ')} {n:,.0f}" for name, n in kinds.items()) + "."


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"
