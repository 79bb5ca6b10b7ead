"""Lines of a TOML file: where each key is set. `tomllib` does not tell."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from syncd.settings.error_messages import KeyPath


def lines_of(text: str) -> dict[KeyPath, int]:
    """Return the line of each key and table of a valid TOML file; a key in an inline table has the line of its statement.

    Each statement is read alone, under the header of its table, as soon as it is whole.
    """
    found: dict[KeyPath, int] = {}
    header, statement, begun = "", "", 0
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        begun = begun or number
        statement += line + "\n"
        is_header = statement.lstrip().startswith("[")
        try:
            read = tomllib.loads(statement if is_header else header + statement)
        except tomllib.TOMLDecodeError:  # it goes on in the next line
            continue
        for path in _paths(read, ()):
            found.setdefault(path, begun)
        header, statement, begun = statement if is_header else header, "", 0
    return found


def _paths(table: Mapping[str, Any], above: KeyPath) -> Iterator[KeyPath]:
    for key, value in table.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from _paths(value, (*above, key))
