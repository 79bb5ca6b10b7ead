"""Plain texts: fields with nothing but variables between their braces, as most are. They need no Jinja2."""

import re
from typing import NamedTuple

from syncd.core.failure import Reject
from syncd.mapping.variables import VARIABLES

LONGEST = 65_536
"""Characters of a field, and of a product or replacement inside one."""

_VARIABLE = re.compile(r"\{\{ *([a-z_]+) *\}\}")
_TELLING = frozenset("{}\r")
"""Characters that Jinja2 reads as more than text, so that it must be asked."""


class Variable(NamedTuple):
    """A part of a text that is one variable."""

    name: str


def plain_parts(text: str) -> list[str | Variable] | None:
    """The parts of a text, empty ones left out; None for one that has more in it than known variables."""
    texts, names = (_VARIABLE.split(text)[first::2] for first in (0, 1))
    if not _TELLING.isdisjoint("".join(texts)) or not all(name in VARIABLES for name in names):
        return None
    parts: list[str | Variable] = [texts[0]]
    for name, after in zip(names, texts[1:], strict=True):
        parts += [Variable(name), after]
    return [part for part in parts if part]


def failed(field: str, reason: str) -> Reject:
    """Make the rejection of a lead for which a field cannot be evaluated."""
    return Reject("mapping_failed", f"field {field}: {reason}")
