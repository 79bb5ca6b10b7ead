"""The examples of the pages: blocks of configuration, and lines that call syncd."""

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from syncd.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "deploy/*.md", "connectors/*.md", "tests/README.md")
    for page in ROOT.glob(pattern)
    if page.name != "CHANGELOG.md"
)
"""The pages that a reader types from; the changelog speaks of the past."""

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CALLS = re.compile(
    r"(?:sudo (?:-u \S+ )?)?(?:\S*/)?syncd|docker compose exec syncd syncd|docker compose run --rm syncd"
)
_ENDS = re.compile(r"&&|\|\||[|;<>()]|\d?>")
_FOR_A_PERSON = {"ID": "17", "N": "3", "T": "2h", "TIME": "2h"}
"""Values in the place of words that stand for one."""


def blocks(page: Path, language: str) -> list[str]:
    """Return a page's blocks of a language."""
    return [text for found, text in _BLOCK.findall(page.read_text()) if found == language]


def typed(page: Path) -> list[str]:
    """Return what a page says to type: the lines of its shell blocks, and the code within its lines."""
    text = page.read_text()
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [
        line for language in ("sh", "") for block in blocks(page, language) for line in block.splitlines()
    ]
    return [*lines, *re.findall(r"`([^`\n]+)`", prose)]


def calls(line: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of syncd in a line of a shell; a line with `…` is no whole call."""
    if "…" in line or "$EDITOR" in line:
        return
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # an apostrophe of prose
        return
    command: list[str] = []
    for word in [*words, ";"]:
        if not _ENDS.fullmatch(word) and word != "&":
            command.append(word)
            continue
        yield from _arguments(command)
        command = []


def _arguments(words: Sequence[str]) -> Iterator[list[str]]:
    for end in range(len(words), 0, -1):
        if _CALLS.fullmatch(" ".join(words[:end])):
            yield [_FOR_A_PERSON.get(word, word) for word in words[end:]]
            return


def refusal(arguments: Sequence[str]) -> str:
    """Parse a command line as syncd does, without running it; return its complaint, or nothing."""
    group: Any = typer.main.get_command(app)
    try:
        _parse(group, "syncd", list(arguments), None)
    except typer.TyperException as error:
        return error.format_message()
    except typer.Exit:  # --help was asked for
        pass
    return ""


def _parse(command: Any, name: str, arguments: list[str], parent: Any) -> None:
    context = command.make_context(name, arguments, parent=parent)
    left = [*getattr(context, "_protected_args", []), *context.args]
    if left and hasattr(command, "resolve_command"):
        found, inner, rest = command.resolve_command(context, left)
        _parse(inner, found, rest, context)
