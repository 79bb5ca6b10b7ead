"""`syncd init`: write a commented configuration that only its owner can read, for it may hold a key later."""

import os
import shlex
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from syncd.cli.exits import Exit, complain
from syncd.cli.output import say


def init(
    context: typer.Context,
    path: Annotated[
        Path | None, typer.Argument(metavar="[PATH]", help="The file, or a folder [config.toml].")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="The same.")] = None,
) -> int:
    """Write a commented configuration to start from. It never overwrites a file."""
    named = [it for it in (context.obj, config, path) if it is not None]
    if len(named) > 1:
        raise typer.TyperException("Name one file, either with --config or without.")
    usual = Path(os.environ.get("SYNCD_CONFIG") or "config.toml")
    chosen: Path = named[0] if named else usual
    if chosen.is_dir():
        chosen /= "config.toml"
    try:
        _write_new(chosen, files("syncd.cli").joinpath("starter.toml").read_bytes())
    except OSError as error:
        if os.path.lexists(chosen):
            complain(f"{chosen} exists already, and stays as it is.", "Name another file: syncd init PATH")
            return Exit.HELD
        complain(f"{chosen} cannot be written: {(error.strerror or str(error)).lower()}.")
        return Exit.FAILED
    _print_next_steps(chosen, found_without=not named)
    return Exit.DONE


def _write_new(path: Path, content: bytes) -> None:
    """Write a new file. Raises OSError, also if anything has that name, even a broken link."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def _print_next_steps(path: Path, *, found_without: bool) -> None:
    command = "syncd" if found_without else f"syncd --config {shlex.quote(str(path))}"
    say(f"{path} is written. Next:")
    say("  1. Set api_key in it, or SYNCD_SOURCES__MAIN__API_KEY in the environment.")
    say(f"  2. {command} check")
    say(f"  3. {command} --once")
