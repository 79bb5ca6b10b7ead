"""The table of defects, as `tests/README.md` shows it: pure."""

from collections.abc import Iterable

from tests.proof.defects.planting import Defect

BEGIN, END = (
    "<!-- planted defects: written by python -m tests.proof.defects -->",
    "<!-- end of planted defects -->",
)
HEAD = ("| Defect | What it does | Breaks | Seen by | In |", "| --- | --- | --- | --- | --- |")


def table(defects: Iterable[Defect]) -> str:
    """One row a defect, in Markdown, in the order of the areas."""
    return "\n".join([*HEAD, *map(_row, defects)])


def _row(it: Defect) -> str:
    file, _, test = it.test.removeprefix("tests/").partition("::")
    name = f"`{it.name}`" if it.many == 1 else f"`{it.name}` ({it.many})"
    says = it.says.replace("|", "\\|")
    return f"| {name} | {says} | {it.breaks} | {it.layer} | `{file}` {test.removeprefix('test_').replace('_', ' ')} |"


def between(text: str, begin: str, end: str, new: str) -> str:
    """A text with something else between two marks. Raises ValueError where they are not."""
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{begin} and {end} must stand there, in this order")
    return f"{before}{begin}\n\n{new}\n\n{end}{after}"
