"""Asking the person at the terminal."""

import sys

import typer


def agreed(question: str) -> bool:
    """Ask; anything but yes is no. Raises a usage error where nobody can answer."""
    if not sys.stdin.isatty():
        raise typer.TyperException("Nobody can be asked here: say --yes to drop for good.")
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
