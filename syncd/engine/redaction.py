"""A bug's traceback without the people it happened to.

An unexpected error of a plugin or of a vendor's library may quote what it was given, or the remote's answer about it. Secrets
are the log's own business; whose data it was is known only here, where the call was made.
"""

import json
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

SHORTEST = 3
"""Characters. What is shorter is in every other word."""
INSTEAD = "[personal]"
_DEPTH = 8


def traceback_without(bug: BaseException, personal: Iterable[object]) -> str:
    """The traceback as text. `personal`: payloads, fields, persons; whatever text is in them is left out."""
    text = "".join(traceback.format_exception(bug)).rstrip()
    words = {form for value in personal for word in _words(value, 0) for form in _forms(word)}
    longest_first = sorted(
        (word for word in words if len(word) >= SHORTEST), key=lambda word: (-len(word), word)
    )
    if not longest_first:
        return text
    pattern = "|".join(map(re.escape, longest_first))
    return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", INSTEAD, text, flags=re.IGNORECASE)


def opened(text: str | None) -> object:
    """A stored document as what is in it; text that is none stands for itself."""
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return text


def _words(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping) and depth < _DEPTH:
        for item in value.values():
            yield from _words(item, depth + 1)
    elif isinstance(value, list | tuple) and depth < _DEPTH:
        for item in value:
            yield from _words(item, depth + 1)


def _forms(word: str) -> tuple[str, ...]:
    """As it stands, and as Python and JSON quote it."""
    quoted: Any = repr(word)[1:-1]
    return (word, quoted, ascii(word)[1:-1])
