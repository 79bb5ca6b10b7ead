"""Questions to the person at the terminal."""

import sys

import typer


def can_ask() -> bool:
    """Tell if there is a terminal to ask on and to answer from."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str) -> bool:
    """Ask; any answer but yes is no. Raises a usage error if nobody can answer."""
    if not sys.stdin.isatty():
        raise typer.TyperException("Nobody can answer here: add --yes to confirm.")
    return ask(question)


def ask(question: str) -> bool:
    """Print a question on stderr; return True if the answer is yes."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
