"""`syncd explain [CODE]`: what to do about a failure code."""

from typing import Annotated

import typer

from syncd.cli.context import unknown
from syncd.cli.exits import Exit
from syncd.cli.output import say, say_json
from syncd.core.failure import CODES

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def explain(
    code: Annotated[str, typer.Argument(metavar="CODE", help="As a message shows it; without it, all.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object of codes.")] = False,
) -> int:
    """What a failure code means and what to do."""
    wanted = code.strip().strip("()").lower()
    # The core's own are known without importing a single plugin
    fixes = {wanted: CODES[wanted]} if wanted in CODES else _every_code()
    if wanted:
        if wanted not in fixes:
            raise unknown("code", code, fixes)
        fixes = {wanted: fixes[wanted]}
    if as_json:
        say_json(fixes)
        return Exit.DONE
    for name, fix in fixes.items():
        say(name)
        say(f"  {fix}")
    return Exit.DONE


def _every_code() -> dict[str, str]:
    from syncd import registry  # noqa: PLC0415 - imports every plugin

    return dict(sorted(registry.codes().items()))
