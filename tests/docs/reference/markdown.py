"""Parts of a page: tables and code."""

import re
from collections.abc import Iterable, Sequence

from syncd.cli.main import VERBS

_COMMAND = re.compile(
    rf"(?<!`)\b(syncd (?:{'|'.join(VERBS)})\b(?: (?:list|show|retry|drop|csv|off|on)\b| --state [a-z]+| --[a-z]+(?: \d+)?| [A-Z]+\b)*)"
)
"""A command within a sentence."""


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bar in a cell stays a bar."""
    lines = [titles, ["---"] * len(titles), *([it.replace("|", "\\|") for it in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n".replace("|  |", "| |") for line in lines)


def code(text: str) -> str:
    """Return a text as code within a line; nothing for an empty text."""
    return f"`{text}`" if text else ""


def sentence(text: str) -> str:
    """Return a text that begins with a capital letter and ends with a stop, and shows its commands as code.

    A text that opens with a command stays as it is.
    """
    marked = _COMMAND.sub(r"`\1`", text.strip())
    plain = "`".join(
        part.replace("<", "&lt;") if at % 2 == 0 else part for at, part in enumerate(marked.split("`"))
    )
    opens = plain if plain.startswith(("`", "syncd", "curl", "systemctl")) else plain[:1].upper() + plain[1:]
    return opens if opens.endswith((".", "!", "?")) else f"{opens}."
