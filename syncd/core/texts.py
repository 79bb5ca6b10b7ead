"""The rule for strangers' text: text that breaks some program is cleaned and goes on, for nobody could correct it.

- A control character (tabs and line ends apart), a NUL among them, and half of a surrogate pair become U+FFFD.
- A text of more than `LONGEST` characters is cut, and ends in `…`.
- A number that no program holds (not finite, or of more than 4300 digits), and endless nesting, become null.

Pure, and linear in the length of its input. Nearly everything is clean, and `is_clean` tells that fast.
"""

import re
import unicodedata
from collections.abc import Callable
from math import isfinite
from typing import Any

LONGEST = 10_000
"""Characters. X's own texts have a few hundred, and every connector takes as many."""
DEEPEST = 100
"""Levels of lists and objects."""

_UNCLEAN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_ESCAPED = re.compile(rb"\\(?:u00[01789]|u[dD][89a-fA-F]|[bf])")
_LATIN_CONTROL = re.compile(b"\xc2[\x80-\x9f]")


def clean_text(text: str) -> str:
    """Clean a text, so that every program takes it."""
    text = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return _UNCLEAN.sub("\ufffd", text)


def clean(value: object, text: Callable[[str], str] = clean_text) -> Any:
    """Clean a JSON value; `text` is applied to each text and key. A second time changes nothing."""
    return _clean(value, text, DEEPEST)


def _clean(value: object, text: Callable[[str], str], levels: int) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict | list):
        if not levels:
            return None
        if isinstance(value, list):
            return [_clean(one, text, levels - 1) for one in value]
        return {text(key): _clean(one, text, levels - 1) for key, one in value.items()}
    return value


def fold(text: str) -> str:
    """Normalise a text for comparison, in every alphabet: case, and the spelling of accents, do not matter."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", text.casefold())


def bare(handle: str) -> str:
    """Normalise a handle for comparison: without blanks and the @."""
    return fold(handle.strip().removeprefix("@"))


def is_clean(encoded: bytes) -> bool:
    """True if JSON in UTF-8 surely holds no text that the rule changes. A harmless escape may make this false."""
    return (
        len(encoded) <= LONGEST
        and not (b"\\" in encoded and _ESCAPED.search(encoded))
        and b"\x7f" not in encoded
        and not (b"\xc2" in encoded and _LATIN_CONTROL.search(encoded))
    )
