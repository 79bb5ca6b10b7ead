"""The page of every option, from the catalog of options."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pydantic import BaseModel

from syncd.settings import catalog
from tests.docs.reference.connectors import built_in
from tests.docs.reference.markdown import code, sentence, table

_PAGES = {
    "fields": "[mapping](../mapping.md)",
    "feedback": "[feedback](../guides/feedback.md)",
    "enrich": "[enriching](../guides/enriching.md)",
    "push": "[push](../guides/push.md)",
    "connectors.relations.access_token": "[Attio](../../connectors/attio.md)",
}
"""The page about a key, by the key or by its table and the key."""

_OPENING = """\
# Options

Every key of the configuration. [The example](../../config.example.toml) shows them in their places, and
[configuration](../configuration.md) says which value wins. `syncd config explain KEY` shows one of them, with your value.

- In the names of tables and variables, `NAME` stands for the name that you gave the source or the connector; in a variable in capitals.
- A duration is written `30s`, `15m`, `2h`, `7d` or `1h30m`.
- Each variable is also read from the file that the same name with `_FILE` at its end gives. Lists and tables are JSON in a variable.
- A key without a default must be set. A table without a default may be left out.
"""


class Option(NamedTuple):
    """One key of a table."""

    key: str
    type: str
    default: str
    description: str
    variable: str


def page() -> str:
    """Return the page."""
    parts = [_OPENING]
    for name, model in catalog.TABLES.items():
        shown = name.replace(".main", ".NAME").replace(".crm", ".NAME")
        parts.append(_part(f"`[{shown}]`", options_of(name, model)))
        if name == "connectors.crm":
            parts.append(
                "Every connector knows these keys. The keys of each type follow at the end of this page.\n"
            )
    for type_, cls in built_in().items():
        found = options_of(catalog.table_of(type_), cls.Options)
        parts.append(_part(f'`[connectors.NAME]` with `type = "{type_}"`', found))
    return "\n".join(parts)


def _part(title: str, options: Iterator[Option]) -> str:
    titles = ("Key", "Type", "Default", "Description", "Variable")
    rows = [(code(it.key), it.type, it.default, it.description, code(it.variable)) for it in options]
    return f"## {title}\n\n{table(titles, rows)}"


def options_of(name: str, model: type[BaseModel]) -> Iterator[Option]:
    """Yield the keys of a table of the example, which a model reads."""
    for it in catalog.options_of(name, model):
        variable = "__".join([*_generic(name), it.key]).upper()
        see = _PAGES.get(f"{name}.{it.key}") or _PAGES.get(it.key)
        description = f"{it.description[:-1]}: see {see}." if see else sentence(it.description)
        default = it.default if it.default == "by type" else code(it.default)
        type_ = re.sub(r'"[^"]*"', r"`\g<0>`", it.type)
        yield Option(
            it.key, f"{type_}, {it.bounds}" if it.bounds else type_, default, description, f"SYNCD_{variable}"
        )


def _generic(name: str) -> list[str]:
    top, *rest = name.split(".")
    if top == "console":
        return [top, *rest]
    return [top, *(["NAME", *rest[1:]] if rest else [])]
