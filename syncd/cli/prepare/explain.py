"""`syncd explain [CODE]`: explain a failure code, and what to do."""

from typing import Annotated

import typer

from syncd.cli.context import unknown
from syncd.cli.exits import Exit
from syncd.cli.output import say, say_json
from syncd.core.failure import CODES


def explain(
    code: Annotated[
        str, typer.Argument(metavar="CODE", help="The code in a message; without it, all codes.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object of codes.")] = False,
) -> int:
    """Explain a failure code, and what to do."""
    wanted = code.strip().strip("()").lower()
    # The core's own codes need no plugin
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
