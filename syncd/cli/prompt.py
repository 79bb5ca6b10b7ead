"""Asking the person at the terminal."""

import sys

import typer


def somebody() -> bool:
    """Whether there is a terminal to ask on and to be answered from."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agreed(question: str) -> bool:
    """Ask; anything but yes is no. Raises a usage error where nobody can answer."""
    if not sys.stdin.isatty():
        raise typer.TyperException("Nobody can be asked here: say --yes if that is what you want.")
    return answered(question)


def answered(question: str) -> bool:
    """Put the question on stderr; whether the answer is yes."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
