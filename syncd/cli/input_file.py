"""Input of a verb: a TOML file, or JSON on the command line, in a file or on stdin.

Read it before the settings: with those, root becomes the ledger's owner, who may not read root's files.
"""

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import typer

from syncd.log import escape

LARGEST = 1024 * 1024
"""Most bytes of a document. A campaign has at most fifty pairs."""

STDIN = "-"


def read_toml(file: Path) -> dict[str, Any]:
    """Read a TOML document, from stdin for `-`. Raises a usage error that names the file."""
    text = _text(str(file))
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        why = str(error)
    except RecursionError:
        why = "it is nested too deep"
    raise typer.TyperException(escape(f"{file}: is not TOML: {why}"))


def read_json(data: str) -> Any:
    """Read a JSON value from `data`, from the file after its `@`, or from stdin for `-`. Raises a usage error."""
    name = "--data"
    text = data
    if data == STDIN or data.startswith("@"):
        name = data.removeprefix("@")
        text = _text(name)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        why = f"{error.msg} (line {error.lineno}, column {error.colno})"
    except (RecursionError, ValueError):  # ValueError: a number of thousands of digits
        why = "it is nested too deep, or holds a number that is too long"
    raise typer.TyperException(escape(f"{name}: is not JSON: {why}"))


def _text(name: str) -> str:
    """Read a file or stdin as text."""
    try:
        if name == STDIN:
            content = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(LARGEST + 1)
    except OSError as error:
        raise typer.TyperException(escape(f"{name}: cannot be read: {error.strerror}")) from None
    if len(content) > LARGEST:
        raise typer.TyperException(escape(f"{name}: is larger than a document for CTGO can be"))
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise typer.TyperException(escape(f"{name}: is not UTF-8 text")) from None
