"""The configuration in force, key by key: each value with its origin. Secrets are masked.

A value of a stranger's connector is masked too, unless its type or its being the default shows that it is no secret.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple

from pydantic import BaseModel, SecretStr

from syncd.app.connectors import Mapped
from syncd.cli import toml_text
from syncd.connector import Field
from syncd.core.lead import utc_text
from syncd.settings import (
    ConnectorSettings,
    Console,
    ConsoleProxy,
    Enrich,
    Feedback,
    Provenance,
    Push,
    Settings,
)
from syncd.settings.catalog import BY_TYPE, Option, as_written, options_of, table_of
from syncd.settings.error_messages import KeyPath, dotted

MASK = "…"
DEFAULT = "default"
OURS = "connectors"
"""The package of the connectors that come with syncd: they declare each secret."""

_TABLES: Mapping[str, type[BaseModel]] = {
    "enrich": Enrich,
    "push": Push,
    "feedback": Feedback,
    "console": Console,
    "proxy": ConsoleProxy,
}
"""Tables inside a table; they may be absent."""
_HARMLESS = {"number", "true or false", "path", "address"}


class Held(NamedTuple):
    """One key in force. `value`: as TOML has it, None if the table of the key is absent. `given`: it is not the default."""

    path: KeyPath
    option: Option
    value: Any
    origin: str
    given: bool

    @property
    def key(self) -> str:
        """The key with its tables."""
        return dotted(self.path)

    @property
    def variable(self) -> str:
        """The variable that sets it."""
        return f"SYNCD_{'__'.join(self.path).upper()}"

    @property
    def text(self) -> str:
        """The value as TOML; empty without one."""
        return "" if self.value is None else toml_text.inline(self.value)


class Origins(NamedTuple):
    """The origin of each value: its variable, its secret file, its line, or the default."""

    provenance: Provenance
    lines: Mapping[KeyPath, int]

    def of(self, path: KeyPath) -> str:
        """Name the origin of the value at a path; a table may have several."""
        above = [path[:end] for end in range(len(path), 0, -1)]
        own = next((self._named(it) for it in above if it in self.provenance.origins), "")
        if own:
            return own
        file = [f"{self.provenance.name}:{self.lines[path]}"] if path in self.lines else []
        below = [self._named(it) for it in self.provenance.origins if it[: len(path)] == path]
        return " and ".join(dict.fromkeys([*file, *below])) or DEFAULT

    def _named(self, path: KeyPath) -> str:
        name, file = self.provenance.origins[path], self.provenance.file_variables.get(path)
        return f"{name} (the file {file})" if file else name


def held(settings: Settings, mapped: Mapping[str, Mapped], origins: Origins) -> list[Held]:
    """Return every key in force, also those of tables that are absent, table by table."""
    found = [*_of_table(("state",), "state", settings.state, origins)]
    for name, source in settings.sources.items():
        path = ("sources", name)
        found += _of_table(path, "sources.main", source, origins)
        for key in ("enrich", "push"):
            found += _of_table((*path, key), f"sources.main.{key}", getattr(source, key), origins)
    for name, chosen in settings.connectors.items():
        found += _of_connector(("connectors", name), chosen, mapped[name], origins)
    for key in ("health", "alerts", "console", "log"):
        found += _of_table((key,), key, getattr(settings, key), origins)
    proxy = settings.console.proxy if settings.console else None
    found += _of_table(("console", "proxy"), "console.proxy", proxy, origins)
    return found


def _of_table(path: KeyPath, table: str, it: BaseModel | None, origins: Origins) -> Iterator[Held]:
    model: type[BaseModel] = _TABLES[path[-1]] if it is None else type(it)
    for option in options_of(table, model):
        if option.key not in _TABLES:
            value = None if it is None else written(getattr(it, option.key), option.hint)
            yield _held((*path, option.key), option, value, origins)


def _of_connector(path: KeyPath, chosen: ConnectorSettings, it: Mapped, origins: Origins) -> Iterator[Held]:
    """Yield the core's keys as they are in force, then the plugin's, then those of feedback."""
    fields = {name: toml_text.of_field(field) for name, field in it.configured.fields.items()}
    force: dict[str, Any] = {
        "ack": "required" if it.configured.required else "best_effort",
        "gate": it.configured.gate or 0,
        "fields": fields,
    }
    for one in _of_table(path, "connectors.crm", chosen, origins):
        yield one._replace(value=force[one.option.key]) if one.option.key in force else one
    options, cls = it.configured.options, it.configured.cls
    ours = cls.__module__.partition(".")[0] == OURS
    for option in options_of(table_of(chosen.type) if ours else "", type(options)):
        key = _name_in(chosen, option.key, type(options))
        value = getattr(options, option.key)
        shown = written(value, option.hint) if ours or _is_harmless(option, value) else mask(value)
        yield _held((*path, key), option, shown, origins)
    for key, value in (options.model_extra or {}).items():
        unknown = Option(key, "unknown", "", "", "", None)
        yield _held((*path, key), unknown, mask(value), origins)
    yield from _of_table((*path, "feedback"), "connectors.crm.feedback", chosen.feedback, origins)


def _name_in(chosen: ConnectorSettings, key: str, model: type[BaseModel]) -> str:
    """Return the name of an option as the configuration has it: its own, or its alias."""
    alias = model.model_fields[key].alias
    return alias if alias and alias in chosen.options else key


def _held(path: KeyPath, option: Option, value: Any, origins: Origins) -> Held:
    origin = origins.of(path)
    same = option.key not in BY_TYPE and value is not None and _as_json(value) == option.default
    return Held(path, option, value, origin, given=origin != DEFAULT and not same)


def _as_json(value: Any) -> str:
    return json.dumps(value, default=str)


def written(value: Any, hint: Any = None) -> Any:
    """Return a value as TOML has it; a secret, and what is of no known type, is masked."""
    if isinstance(value, Mapping):
        return {str(key): written(it) for key, it in value.items()}
    if isinstance(value, list | tuple):
        return [written(it) for it in value]
    value = as_written(value, hint)
    write = next((write for types, write in _WRITERS if isinstance(value, types)), mask)
    return write(value)


def mask(value: Any) -> str:
    """Hide a value; that it is empty is no secret."""
    bare = value.get_secret_value() if isinstance(value, SecretStr) else value
    return MASK if bare or bare == 0 else ""


_WRITERS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    ((bool, int, float, NoneType), lambda value: value),
    ((str, Path), str),
    (Field, toml_text.of_field),
    (datetime, lambda value: utc_text(value.timestamp())),
)


def _is_harmless(option: Option, value: Any) -> bool:
    """True if a value of a stranger's option cannot be a secret: a number, a choice, a path, an address, the default."""
    kind = option.type.removeprefix("list of ")
    if kind in _HARMLESS or kind.startswith('"'):
        return True
    return "secret" not in kind and _as_json(value) == option.default
