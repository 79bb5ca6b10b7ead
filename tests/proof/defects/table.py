"""The table of defects, in Markdown: pure."""

from collections.abc import Iterable

from tests.proof.defects.planting import Defect

HEAD = ("| Defect | What it does | Breaks | Seen by | In |", "| --- | --- | --- | --- | --- |")


def table(defects: Iterable[Defect]) -> str:
    """One row a defect, in Markdown, in the order of the areas."""
    return "\n".join([*HEAD, *map(_row, defects)])


def _row(it: Defect) -> str:
    file, _, test = it.test.removeprefix("tests/").partition("::")
    name = f"`{it.name}`" if it.many == 1 else f"`{it.name}` ({it.many})"
    says = it.says.replace("|", "\\|")
    return f"| {name} | {says} | {it.breaks} | {it.layer} | `{file}` {test.removeprefix('test_').replace('_', ' ')} |"
