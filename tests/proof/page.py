"""The result of a run as a table, for the end of the run and for `build/proof/README.md`: pure."""

from tests.proof.layers import LAYERS, Figures, kinds_of, standing, zeros


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
    return "\n\n".join(["# The last full run", made, short(figures), *filter(None, kinds)])


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
