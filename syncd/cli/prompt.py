"""Questions to the person at the terminal."""

import sys
from collections.abc import Mapping

import typer


def can_ask() -> bool:
    """Tell if there is a terminal to ask on and to answer from."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str) -> bool:
    """Ask; any answer but yes is no. Raises a usage error if nobody can answer."""
    if not sys.stdin.isatty():
        raise typer.TyperException("Nobody can answer here: add --yes to confirm.")
    return ask(question)


def choose(question: str, answers: Mapping[str, str], *, otherwise: str) -> str:
    """Ask on stderr until an answer is one of `answers`; return its meaning.

    `otherwise`: the meaning of an empty line and of the end of the input.
    """
    sys.stderr.write(question)
    while True:
        sys.stderr.flush()
        line = sys.stdin.readline()
        answer = line.strip().lower()
        if not answer:
            return otherwise
        if answer in answers:
            return answers[answer]
        sys.stderr.write(f"Type {', '.join(dict.fromkeys(word[0] for word in answers))}, then Enter: ")


def ask(question: str) -> bool:
    """Print a question on stderr; return True if the answer is yes."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
