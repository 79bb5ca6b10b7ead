"""The page of every command: its help, as a terminal of 100 columns shows it."""

from collections.abc import Iterator
from typing import Any

import typer

from syncd.cli.main import VERBS, app
from syncd.cli.verb_help import GROUPS
from tests.docs.reference.markdown import table

_WIDTH = 100
OTHER_PARSER = "simulator"
"""Its help is argparse's, whose layout changes with the version of Python."""

_OPENING = """\
# Commands

The help of each command, as its `--help` shows it. [Operating](../operating.md) explains when to use which.
"""


def page() -> str:
    """Return the page."""
    group = typer.main.get_command(app)
    context = typer.Context(group, info_name="syncd", terminal_width=_WIDTH, **group.context_settings)
    parts = [_OPENING, f"## syncd\n\n{_help(group, context)}"]
    listed = [verb for verbs in GROUPS.values() for verb in verbs]
    for verb in (*listed, *(it for it in VERBS if it not in listed)):
        found: Any = group.get_command(context, verb)  # type: ignore[attr-defined] # it is a group
        if verb == OTHER_PARSER:
            parts.append(f"## syncd {verb}\n\n{VERBS[verb][1]} `syncd {verb} --help` lists its options.\n")
            continue
        parts += _parts(found, context, f"syncd {verb}", 2)
    return "\n".join(parts)


def _parts(command: Any, parent: Any, name: str, level: int) -> Iterator[str]:
    own = typer.Context(command, info_name=command.name, parent=parent)
    yield f"{'#' * level} {name}\n\n{_help(command, own)}"
    for inner in getattr(command, "commands", {}).values():
        yield from _parts(inner, own, f"{name} {inner.name}", level + 1)


def _help(command: Any, context: Any) -> str:
    lines = [line.rstrip() for line in command.get_help(context).strip().splitlines()]
    return "```text\n" + "\n".join(lines) + "\n```\n"


def summary() -> str:
    """Return the table of all verbs, each with its sentence."""
    rows = [(f"[`syncd {verb}`](commands.md#syncd-{verb})", text) for verb, (_, text) in VERBS.items()]
    return table(("Command", "What it does"), rows)
