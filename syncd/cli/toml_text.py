"""Values as TOML text."""

import json
import re
from collections.abc import Mapping
from typing import Any

from syncd.connector import Field


def quoted(text: str) -> str:
    """Quote a text as TOML does: the escapes of JSON, and one for each other character that cannot be printed."""
    plain = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in plain)


def key(name: str) -> str:
    """Write a key, in quotes if it needs them."""
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else quoted(name)


def inline(value: Any) -> str:
    """Write a value in one line: texts, numbers, truth, lists, and tables of these."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(map(inline, value))}]"
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{key(name)} = {inline(it)}" for name, it in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return json.dumps(value)


def of_field(field: Field) -> str | dict[str, str]:
    """Return a mapped field as the configuration has it: its text, or a table if its policy is not `always`."""
    if field.policy == "always":
        return field.value
    return {"value": field.value, "policy": field.policy}
