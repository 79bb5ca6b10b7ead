"""`syncd connector new NAME`: write a package for a connector that builds, and passes the contract against its own fake."""

import re
import shlex
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from syncd.cli.context import group_app
from syncd.cli.exits import Exit, complain
from syncd.cli.output import say, say_lines
from syncd.registry import known_types

app = group_app("Write the package of a connector of your own.")

MOST = 40
"""Letters of a name."""
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@app.callback()
def connector(context: typer.Context) -> None:
    """Print the help, where no command follows."""
    if context.invoked_subcommand is None:
        say_lines(context.get_help().splitlines())


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The connector's type, such as acme.")],
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="The new folder [syncd-NAME].")
    ] = None,
) -> int:
    """Write a package that builds: the connector, a fake of its remote, and its tests.

    It writes into a new or an empty folder only.
    """
    check_name(name)
    chosen = folder or Path(f"syncd-{name}")
    try:
        if chosen.exists() and (not chosen.is_dir() or any(chosen.iterdir())):
            complain(
                f"{chosen} exists and is not an empty folder: it stays as it is.",
                "Name another with: --folder DIR",
            )
            return Exit.HELD
        for path, text in package(name):
            file = chosen / path
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as made:
                made.write(text)
    except OSError as error:
        complain(f"{error.filename or chosen} cannot be written: {(error.strerror or str(error)).lower()}.")
        return Exit.FAILED
    say(f"{chosen} is written: a connector of the type {name}. Next, with the Python of syncd:")
    say(f"  1. cd {shlex.quote(str(chosen))}")
    say("  2. python -m pip install --no-deps --editable .")
    say("  3. python -m pytest")
    say(f"  4. Change syncd_{name}.py to what the remote documents. README.md says how.")
    return Exit.DONE


def check_name(name: str) -> None:
    """Raise a usage error unless a new type may have this name."""
    if not _NAME.fullmatch(name) or len(name) > MOST:
        wanted = f"must be small letters and digits, with single underscores between, at most {MOST}"
        raise typer.BadParameter(wanted, param_hint="NAME")
    if name in known_types():
        raise typer.BadParameter("is the type of a connector that is installed already", param_hint=name)


def package(name: str) -> Iterator[tuple[str, str]]:
    """Yield each file of the package: its path, and its text."""
    title = "".join(part.capitalize() for part in name.split("_"))
    for path, template in _templates(files(__package__).joinpath("connector_template")):
        text = template.read_text(encoding="utf-8")
        yield (
            path.removesuffix(".txt").replace("acme", name),
            text.replace("acme", name).replace("Acme", title),
        )


def _templates(folder: Traversable, below: str = "") -> Iterator[tuple[str, Traversable]]:
    for each in sorted(folder.iterdir(), key=lambda it: it.name):
        if each.is_dir():
            yield from _templates(each, f"{below}{each.name}/")
        else:
            yield f"{below}{each.name}", each
