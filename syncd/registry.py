"""From entry points to configured connectors: the only way by which the core meets a connector.

A plugin is a class under the entry point group `syncd.connectors`; its entry point's name is its `type` in the
configuration. Nothing is imported before it is needed, and what a stranger's plugin does wrong when it is loaded
becomes a `SettingsError` that names it.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, SecretStr, ValidationError

from syncd.clock import Clock
from syncd.connector import Called, Connector, Context, Field, Logger, Watched, untold
from syncd.core.failure import CODES
from syncd.settings import ConnectorSettings, Settings, SettingsError, secret_values
from syncd.settings.error_messages import KeyPath, hint, known_keys, sentence, sentences
from syncd.settings.layers import FILE
from syncd.settings.values import encrypted

GROUP = "syncd.connectors"
GATE = 200
"""New deliveries in one burst that a connector whose objects are people takes without being asked."""

_ACKS = ("required", "best_effort")

ConnectorClass = type[Connector]

_COMMON = frozenset(ConnectorSettings.model_fields)


class Configured(NamedTuple):
    """One `[connectors.NAME]`, checked, and not yet opened: making it opened no file and no connection."""

    name: str
    type: str
    cls: ConnectorClass
    options: BaseModel
    settings: ConnectorSettings
    fields: Mapping[str, Field]
    required: bool

    @property
    def gate(self) -> int | None:
        """The flood gate in force, in deliveries; None: there is none."""
        if self.settings.gate is None:
            default = GATE if self.cls.objects == "people" else None
            return (default if self.cls.gate is None else self.cls.gate) or None
        return self.settings.gate or None

    @property
    def also_where(self) -> str:
        """The condition that the options add to the configuration's `where`; empty if they add none."""
        return str(getattr(self.options, "also_where", ""))

    @property
    def secrets(self) -> set[str]:
        """The secrets among its options, for the log's redaction."""
        return secret_values(self.options)

    @property
    def watched(self) -> Watched | None:
        """The property that feedback watches; None: there is no feedback."""
        chosen = self.settings.feedback
        return Watched(chosen.property, frozenset((*chosen.good, *chosen.bad))) if chosen else None

    def open(self, clock: Clock, log: Logger, called: Called = untold) -> Connector:
        """Make the instance; the caller closes it. `called`: for its context."""
        return self.cls(self.options, Context(self.name, clock, log, self.fields, self.watched, called))


def as_fields(table: Mapping[str, str | Field]) -> dict[str, Field]:
    """Write a default mapping's texts as fields."""
    return {key: Field(value=field) if isinstance(field, str) else field for key, field in table.items()}


def known_types(found: Iterable[EntryPoint] | None = None) -> dict[str, EntryPoint]:
    """The installed connector types by name, none of them imported. `found`: instead of what is installed."""
    types: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP) if found is None else found:
        types.setdefault(point.name, point)
    return types


def configure(
    settings: Settings, names: Collection[str] = (), *, types: Mapping[str, EntryPoint] | None = None
) -> dict[str, Configured]:
    """Check the configured connectors against their plugins.

    Args:
        settings: from `syncd.settings.load`.
        names: of connectors; empty: every one.
        types: instead of `known_types()`.

    Raises:
        SettingsError: every mistake in these connectors: an unknown type, a plugin that cannot be loaded, options
            that its model refuses, options that cannot stand beside another's.
    """
    ready, mistakes = examine(settings, names, types=types)
    if mistakes:
        raise SettingsError(*mistakes)
    return ready


def examine(
    settings: Settings, names: Collection[str] = (), *, types: Mapping[str, EntryPoint] | None = None
) -> tuple[dict[str, Configured], list[str]]:
    """Check as `configure` does; return the connectors without a mistake of their own, and every mistake."""
    known = known_types() if types is None else types
    ready: dict[str, Configured] = {}
    mistakes: list[str] = []
    for name, chosen in settings.connectors.items():
        if names and name not in names:
            continue
        try:
            ready[name] = _configured(settings, name, chosen, known)
        except SettingsError as error:
            mistakes += error.mistakes
    return ready, [*mistakes, *_clashes(settings, ready), *_taken(settings, ready)]


def _clashes(settings: Settings, ready: Mapping[str, Configured]) -> Iterator[str]:
    """The mistakes that connectors of one class make together."""
    for cls in {configured.cls: None for configured in ready.values()}:
        mine = {name: configured.options for name, configured in ready.items() if configured.cls is cls}
        for name, option, what in cls.clashes(mine):
            yield sentence(settings.provenance.of, ("connectors", name, option), what)


def _taken(settings: Settings, ready: Mapping[str, Configured]) -> Iterator[str]:
    """The mistakes of connectors whose file is one that syncd itself needs: they would write into it or rename it."""
    ledger = settings.state.path
    ours = {ledger.with_name(ledger.name + end): "the ledger" for end in ("", "-wal", "-shm", ".lock")}
    ours[Path(settings.provenance.name)] = "the configuration"
    ours |= {Path(file): "a secret's file" for file in settings.provenance.secret_files}
    for name, configured in ready.items():
        for option in type(configured.options).model_fields:
            path = getattr(configured.options, option)
            if isinstance(path, Path) and (what := next((ours[it] for it in ours if _same(path, it)), "")):
                told = f"this is {what} of syncd itself: give the connector a file of its own"
                yield sentence(settings.provenance.of, ("connectors", name, option), told)


def _same(one: Path, other: Path) -> bool:
    """True if two paths mean one file, also through links, and also before it is there."""
    with suppress(OSError):
        if one.samefile(other):
            return True
    return os.path.realpath(one) == os.path.realpath(
        other
    )  # which takes a loop of links, as `resolve` does not


class Draft(NamedTuple):
    """One `[connectors.NAME]` as far as it can be known without credentials: its options are not looked at."""

    name: str
    type: str
    fields: Mapping[str, Field]
    where: str
    """The operator's expression."""
    also_where: str
    """The condition that the connector's options add for every lead."""
    by_default: bool
    """True if the fields are the connector's default mapping."""
    cls: ConnectorClass

    def as_written(self, fields: Mapping[str, object]) -> Mapping[str, object]:
        """Return mapped fields as the connector writes them; as they are, where its own function fails."""
        try:
            return dict(self.cls.as_written(fields))
        except Exception:  # noqa: BLE001 - a plugin's function, for people to see its result
            return fields

    @property
    def condition(self) -> str:
        """Both in one expression, to be read."""
        both = [part for part in (self.where.strip(), self.also_where) if part]
        return " and ".join(f"({part})" for part in both) if len(both) > 1 else "".join(both)


def drafts(settings: Settings, *, types: Mapping[str, EntryPoint] | None = None) -> dict[str, Draft]:
    """The mapping and `where` in force of every connector; no credentials are needed.

    Raises:
        SettingsError: an unknown type, or a plugin that cannot be loaded.
    """
    known = known_types() if types is None else types
    return {name: draft(settings, name, types=known) for name in settings.connectors}


def draft(settings: Settings, name: str, *, types: Mapping[str, EntryPoint] | None = None) -> Draft:
    """The draft of one connector. Raises SettingsError, as `drafts`."""
    chosen = settings.connectors[name]
    cls = _class(settings, name, chosen.type, known_types() if types is None else types)
    also = _also_where(cls.Options, chosen.options)
    return Draft(name, chosen.type, _fields(chosen, cls), chosen.where, also, chosen.fields is None, cls)


def record_urls(settings: Settings) -> Callable[[str, str], str | None]:
    """Make the function that finds the address of a connector's record for a browser, by the connector's name and the record's id.

    It returns None if the address is not known, or the connector has mistakes.
    """
    known = known_types()

    @cache
    def configured(name: str) -> Configured | None:
        chosen = settings.connectors.get(name)
        try:
            return _configured(settings, name, chosen, known) if chosen else None
        except SettingsError:  # `check` tells it
            return None

    def url(name: str, remote_id: str) -> str | None:
        it = configured(name)
        try:
            return it.cls.record_url(it.options, remote_id) if it and remote_id else None
        except Exception:  # noqa: BLE001 - a plugin's function, for people to see its result
            return None

    return url


def _also_where(model: type[BaseModel], given: Mapping[str, Any]) -> str:
    """Return the condition that the options add for every lead, whether or not the options would be accepted."""
    try:
        return str(getattr(model.model_construct(None, **given), "also_where", ""))
    except Exception:  # noqa: BLE001 - a plugin's property over options that nobody checked
        return ""


def codes(
    names: Iterable[str] | None = None, *, types: Mapping[str, EntryPoint] | None = None
) -> Mapping[str, str]:
    """The core's failure codes with their fixes, and those of the connector types; the core's win.

    Args:
        names: of types. None: of every installed one, and one that cannot be loaded is left out, for it must not
            hide the codes of the others.
        types: instead of `known_types()`.

    Raises:
        SettingsError: a type in `names` is unknown or cannot be loaded.
    """
    known = known_types() if types is None else types
    merged: dict[str, str] = {}
    for name in known if names is None else names:
        try:
            merged.update(_load(name, known).codes)
        except SettingsError:
            if names is not None:
                raise
    return MappingProxyType({**merged, **CODES})


def _configured(
    settings: Settings, name: str, chosen: ConnectorSettings, known: Mapping[str, EntryPoint]
) -> Configured:
    cls = _class(settings, name, chosen.type, known)
    if chosen.feedback and not hasattr(cls, "statuses_since"):
        what = f"a connector of the type {chosen.type} cannot tell what became of a lead: take this table out"
        raise SettingsError(sentence(settings.provenance.of, ("connectors", name, "feedback"), what))
    options = _options(settings, name, chosen, cls.Options)
    required = (chosen.ack or cls.ack) == "required"
    return Configured(name, chosen.type, cls, options, chosen, _fields(chosen, cls), required=required)


def _fields(chosen: ConnectorSettings, cls: ConnectorClass) -> Mapping[str, Field]:
    """The default mapping, replaced by the user's table, or changed by it. An empty text takes a default field out."""
    if chosen.fields is None:
        return MappingProxyType(as_fields(cls.defaults))
    if not chosen.keep_default_fields:
        return MappingProxyType(chosen.fields)
    both = {**as_fields(cls.defaults), **chosen.fields}
    return MappingProxyType({key: field for key, field in both.items() if field.value})


def _class(settings: Settings, name: str, type_: str, known: Mapping[str, EntryPoint]) -> ConnectorClass:
    try:
        return _load(type_, known)
    except SettingsError as error:
        raise SettingsError(
            sentence(settings.provenance.of, ("connectors", name, "type"), str(error))
        ) from None


def _load(type_: str, known: Mapping[str, EntryPoint]) -> ConnectorClass:
    """Import a plugin. Raises SettingsError with a sentence that does not yet name the place of the type."""
    if type_ not in known:
        listed = f"installed types are: {', '.join(sorted(known)) or 'none'}"
        near = hint(type_, known, "")
        near = f"{near} The " if near.startswith("did") else ""
        raise SettingsError(f"there is no connector type {type_[:64]!a}; {near}{listed}")
    point = known[type_]
    what = f"the connector type {type_} ({point.value})"
    try:
        cls: Any = point.load()
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything when it is imported
        reason = ascii(" ".join(str(error).split())[:200])[1:-1]
        raise SettingsError(f"{what} cannot be loaded: {type(error).__name__}: {reason}") from None
    if not isinstance(cls, type) or not issubclass(cls, Connector):
        raise SettingsError(f"{what} is no connector: it is no subclass of syncd.connector.Connector")
    if lacking := [
        name for name in ("Options", "deliver") if name in cls.__abstractmethods__ or not hasattr(cls, name)
    ]:
        raise SettingsError(f"{what} is no connector: it has no {lacking[0]}")
    if cls.ack not in _ACKS:
        raise SettingsError(f"{what} is no connector: its `ack` must be {' or '.join(_ACKS)}")
    return cls


def _options(settings: Settings, name: str, chosen: ConnectorSettings, model: type[BaseModel]) -> BaseModel:
    """The plugin's options, validated. Raises SettingsError: every mistake in them."""
    table = ("connectors", name)
    of = settings.provenance.of
    given = _renamed(settings, table, chosen.options, model)
    known = known_keys(model)
    strangers = (
        [] if model.model_config.get("extra") == "allow" else [key for key in given if key not in known]
    )
    mistakes = [
        sentence(of, (*table, key), f"unknown key, {hint(key, known | _COMMON)}") for key in strangers
    ]
    given = _absolute(
        {key: given[key] for key in given if key not in strangers}, model, settings.provenance.folder
    )
    mistakes += _in_the_clear(given, table, settings)
    try:
        options = model.model_validate(given)
    except ValidationError as error:
        found = sentences(error, given, model, origin=of, table=table, also_known=_COMMON)
        raise SettingsError(*mistakes, *(_without(text, _secrets(given, model)) for text in found)) from None
    if mistakes:
        raise SettingsError(*mistakes)
    return options


def _renamed(
    settings: Settings, table: KeyPath, given: dict[str, Any], model: type[BaseModel]
) -> dict[str, Any]:
    """`…_FILE` in the environment means a secret in a file, unless the plugin has an option of that very name."""
    known = known_keys(model)
    for path, file in settings.provenance.file_variables.items():
        key = path[-1]
        if path[:-1] == table and key in given and key not in known and key + FILE in known:
            del given[key]
            given[key + FILE] = file
    return given


def _absolute(given: dict[str, Any], model: type[BaseModel], folder: Path) -> dict[str, Any]:
    """Paths, defaults among them, made relative to the configuration's folder and not to the working directory."""
    for name, field in model.model_fields.items():
        if Path in (field.annotation, *get_args(field.annotation)):
            key = field.alias if field.alias in given and field.alias else name
            value = given.get(key, field.default)
            if isinstance(value, str | Path) and value != "":
                given[key] = folder / value
    return given


def _in_the_clear(given: Mapping[str, Any], table: KeyPath, settings: Settings) -> list[str]:
    found = []
    for key, value in given.items():
        if key.endswith("url") and isinstance(value, str) and value.lower().startswith("http://"):
            try:
                encrypted(value)
            except ValueError as error:
                found.append(sentence(settings.provenance.of, (*table, key), str(error)))
    return found


def _secrets(given: Mapping[str, Any], model: type[BaseModel]) -> set[str]:
    """Return the values given for options that are declared secret."""
    return {
        str(given[key])
        for name, field in model.model_fields.items()
        for key in {name, field.alias or name}
        if key in given and SecretStr in (field.annotation, *get_args(field.annotation))
    }


def _without(text: str, secrets: set[str]) -> str:
    """Redact secrets: a plugin's own validator may quote what it was given."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "[redacted]") if secret else text
    return text
