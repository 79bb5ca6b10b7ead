"""Searching for people in SQL, whatever the case and alphabet: SQLite's own `lower` knows ASCII alone, and JSON has escapes."""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

from syncd.core.texts import bare, fold


def teach(connection: sqlite3.Connection) -> None:
    """Give a connection the functions `fold(text)` and `holds(json, sought, place)`."""
    connection.create_function("fold", 1, lambda text: text and fold(text), deterministic=True)
    connection.create_function("holds", 3, holds, deterministic=True)


def holds(text: str | None, sought: str, place: str) -> bool:
    """True if a stored JSON value holds a text as a whole value. Text that is cut off must hold it in quotes.

    Args:
        text: JSON, or None.
        sought: folded; a handle is bare.
        place: `handle` for that of the profile, empty for anywhere.
    """
    if not text:
        return False
    folded = fold(text)
    if sought not in folded and "\\u" not in text:  # cheap, and true of most
        return False
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return f'"{sought}"' in folded
    if place:
        profile = value.get("profile") if isinstance(value, dict) else None
        handle = profile.get("handle") if isinstance(profile, dict) else None
        return handle is not None and bare(str(handle)) == sought
    return any(fold(one.strip()) == sought for one in _texts(value))


def _texts(value: Any) -> Iterator[str]:
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict | list):
            rest += one.values() if isinstance(one, dict) else one
