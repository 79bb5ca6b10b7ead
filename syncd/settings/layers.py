"""The layers that a configuration is made of: the file, secret files, the environment, flags.

Each value above the file is an `Entry`: its path, and what a person would call the place it came from. Layers are
laid on one another in order, tables merging and all else replacing. Names in the environment are lower-cased, so a
key with capitals (a Salesforce field) is set there as JSON, in its table.
"""

import errno
import os
import re
import stat
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as DecodingError

from syncd.settings.error_messages import KeyPath, SettingsError, dotted, hint
from syncd.settings.models import Settings

PREFIX = "syncd_"
FILE = "_file"
_RESERVED = re.compile(r"config|service_(host|port.*)|port(_.*)?")
"""Ours, and what Kubernetes sets in every container beside a service called syncd."""
_CREDENTIAL = re.compile(r"(?:syncd_)?((?:sources|connectors)(?:\.[^.]+){2,}|alerts\.[^.]+)")
"""Names of secret files that are meant for us: the folder may hold others. systemd puts the `syncd_` there when it loads
a whole folder, as in `LoadCredential=syncd:/etc/syncd/credentials`."""


class Entry(NamedTuple):
    """One value that is not the configuration file's. `file` is what a `…_FILE` variable held."""

    path: KeyPath
    value: Any
    origin: str
    file: str | None = None


def read_file(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises SettingsError: that it cannot be read, or the line that is not TOML."""
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {_reason(error)}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        reason, _, place = str(error).partition(" (at ")
        line = re.match(r"line (\d+)", place)
        where = f"line {line[1]}" if line else "the last line"
        raise SettingsError(f"{path}: {where}: {reason[:1].lower()}{reason[1:]}") from None


def credentials(folders: Iterable[Path]) -> tuple[list[Entry], list[str]]:
    """The secrets in folders of files that are named by their key, and what was wrong with any."""
    entries, mistakes = [], []
    for folder in folders:
        for file, key in _files(folder):
            text = _secret(file)
            if isinstance(text, OSError | ValueError):
                mistakes.append(f"{file}: {key}: cannot be read: {_reason(text)}")
            else:
                entries.append(Entry(tuple(key.split(".")), text, str(file)))
    return entries, mistakes


def variables(environ: Mapping[str, str]) -> tuple[list[Entry], list[str]]:
    """Return the entries of the environment, whole tables before single keys, and the mistakes in them."""
    found: dict[KeyPath, Entry] = {}
    mistakes = []
    for name, text in environ.items():
        key = name.lower().removeprefix(PREFIX)
        if key == name.lower() or _RESERVED.fullmatch(key):
            continue
        entry = _entry(name, key, text)
        if isinstance(entry, str):
            mistakes.append(entry)
        elif entry.path in found:
            mistakes.append(
                f"{name}: {dotted(entry.path)}: is set by {found[entry.path].origin} too; keep one"
            )
        else:
            found[entry.path] = entry
    return sorted(found.values(), key=lambda entry: len(entry.path)), mistakes


def flags(given: Mapping[str, object]) -> list[Entry]:
    """Return the entries of the command line, by dotted key."""
    return [Entry(tuple(key.split(".")), value, "command line") for key, value in given.items()]


def lay(data: dict[str, Any], entry: Entry) -> list[KeyPath]:
    """Set one entry in `data`. Returns the paths of the values it set."""
    table = data
    for part in entry.path[:-1]:
        if not isinstance(table.get(part), dict):
            table[part] = {}
        table = table[part]
    return _merge(table, entry.path[-1], entry.value, entry.path)


def _merge(table: dict[str, Any], key: str, value: Any, path: KeyPath) -> list[KeyPath]:
    if not isinstance(value, dict):
        table[key] = value
        return [path]
    if not isinstance(table.get(key), dict):
        table[key] = {}
    return [found for name, item in value.items() for found in _merge(table[key], name, item, (*path, name))]


def _files(folder: Path) -> list[tuple[Path, str]]:
    """The secret files in a folder, each with the key that it is for."""
    try:
        named = [(file, _CREDENTIAL.fullmatch(file.name)) for file in sorted(folder.iterdir())]
        return [(file, match[1]) for file, match in named if match]
    except OSError:  # usually there is none; where one is needed, its key is reported missing
        return []


def _secret(file: Path) -> str | OSError | ValueError:
    try:
        with open(file, encoding="utf-8", opener=_plain) as text:
            return text.read().rstrip("\r\n")
    except (OSError, ValueError) as error:
        return error


def _plain(path: str, flags: int) -> int:
    """Opens nothing that waits for somebody to write, or never ends: a FIFO, a socket, a device."""
    mode = Path(path).stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "It is no regular file")
    return os.open(path, flags | os.O_NONBLOCK)  # it may be a FIFO by now


def _reason(error: OSError | ValueError) -> str:
    return (
        (error.strerror or "unknown error").lower() if isinstance(error, OSError) else "it is not UTF-8 text"
    )


def _entry(name: str, key: str, text: str) -> Entry | str:
    """One variable as an entry, or the mistake in it."""
    path = tuple(key.split("__"))
    tables = Settings.model_fields
    if path[0] not in tables:
        apart = (
            " (levels are parted by two underscores)"
            if key.startswith(tuple(f"{it}_" for it in tables))
            else ""
        )
        return f"{name}: unknown setting, {hint(path[0], tables)}{apart}"
    if path[-1].endswith(FILE) and path[-1] != FILE:
        secret = _secret(Path(text))
        if not isinstance(secret, str):
            return f"{name}: {dotted(path)}: the file it names cannot be read: {_reason(secret)}"
        return Entry((*path[:-1], path[-1].removesuffix(FILE)), secret, name, file=text)
    return _decoded(name, path, text)


class _Variables(Settings, BaseSettings):
    """The settings as pydantic-settings sees them, which knows what of a variable is JSON."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__")


def _decoded(name: str, path: KeyPath, text: str) -> Entry | str:
    """Text of a list or a table is JSON; all else stays text, so that a password of digits does."""
    # One variable at a time, so that a mistake can name it; the source would read the process's own.
    source = EnvSettingsSource(_Variables)
    source.env_vars = {f"{PREFIX}{'__'.join(path)}": text}
    try:
        value: Any = source()
    except DecodingError:
        return f'{name}: {dotted(path)}: must be JSON, as in ["a", "b"] or {{"key": "value"}}'
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return Entry(path, value if isinstance(value, list | dict) else text, name)
