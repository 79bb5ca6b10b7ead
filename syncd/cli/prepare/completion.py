"""`syncd completion`: print a script that lets a shell complete verbs and options."""

import importlib
from typing import Annotated, Any, Literal

import typer

from syncd.cli.exits import Exit
from syncd.cli.output import say

VARIABLE = "_SYNCD_COMPLETE"
"""The environment variable by which the script asks for completions."""


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="The shell: bash, zsh or fish.")],
) -> int:
    """Print a script that lets a shell complete verbs and options.

    For bash and zsh, put `source <(syncd completion bash)` into ~/.bashrc or its like into ~/.zshrc.
    """
    script: str = _typer().get_completion_script(prog_name="syncd", complete_var=VARIABLE, shell=shell)
    for line in script.splitlines():
        say(line)
    return Exit.DONE


def prepare() -> None:
    """Make Typer answer a shell that asks for completions."""
    _typer().completion_init()


def _typer() -> Any:
    """Typer's own completion, which few starts need."""
    return importlib.import_module("typer.completion")
