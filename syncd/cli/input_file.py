"""What a person hands to a verb: a TOML file, or JSON on the command line, in a file or on stdin.

To be read before anything else: root becomes the ledger's owner later, who may not read root's files.
"""

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import typer

from syncd.log import escape

LARGEST = 1024 * 1024
"""Bytes of a document. A campaign has fifty pairs at most."""

STDIN = "-"


def read_toml(file: Path) -> dict[str, Any]:
    """A TOML document, `-` for stdin. Raises a usage error that names the place."""
    text = _text(str(file))
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        why = str(error)
    except RecursionError:
        why = "it is nested too deep"
    raise typer.TyperException(escape(f"{file}: is no TOML: {why}"))


def read_json(data: str) -> Any:
    """A JSON value: what `data` is, the file after its `@`, or stdin for `-`. Raises a usage error that names the place."""
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
    raise typer.TyperException(escape(f"{name}: is no JSON: {why}"))


def _text(name: str) -> str:
    """What a file or stdin holds, as text."""
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
        raise typer.TyperException(escape(f"{name}: is no UTF-8 text")) from None
