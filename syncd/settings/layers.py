"""The layers of a configuration: the file, secret files, the environment, flags.

Each value above the file is an `Entry`: its path, and its origin for people. A later layer merges into tables and replaces
all else. Names in the environment are lower-cased, so a key with capitals (a Salesforce field) is set there as JSON, in its
table.
"""

import errno
import os
import re
import stat
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as DecodingError

from syncd.settings.error_messages import KeyPath, SettingsError, dotted, hint
from syncd.settings.models import Settings

PREFIX = "syncd_"
FILE = "_file"
_RESERVED = re.compile(r"config|service_(host|port.*)|port(_.*)?")
"""Our own, and the variables that Kubernetes sets in every container beside a service called syncd."""
_CREDENTIAL = re.compile(r"(?:syncd_)?((?:sources|connectors)(?:\.[^.]+){2,}|alerts\.[^.]+)")
"""Names of our secret files, among others in the folder. systemd adds `syncd_` when it loads a whole folder, as in
`LoadCredential=syncd:/etc/syncd/credentials`."""


class Entry(NamedTuple):
    """One value from elsewhere than the configuration file. `file`: the value of a `…_FILE` variable."""

    path: KeyPath
    value: Any
    origin: str
    file: str | None = None


def read_file(path: Path) -> dict[str, Any]:
    """Read the tables of a TOML file. Raises SettingsError if it cannot be read; it names the line that is not TOML."""
    text = ""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {_reason(error)}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        reason, _, place = str(error).partition(" (at ")
        line = re.match(r"line (\d+)", place)
        where = f"line {line[1]}" if line else "the last line"
        bare = line and _without_quotes(text.split("\n")[int(line[1]) - 1])
        raise SettingsError(f"{path}: {where}: {bare or reason[:1].lower() + reason[1:]}") from None


_BARE = re.compile(r"""\s*([\w.-]+)\s*=\s*([^\s"'\[{#].*?)\s*(?:#.*)?""")


def _without_quotes(line: str) -> str:
    """Describe a text that lacks its quotes, without the text, which may be a secret; empty for any other line."""
    match = _BARE.fullmatch(line)
    if match is None:
        return ""
    with suppress(tomllib.TOMLDecodeError):  # alone it is right: what is wrong is where it stands
        tomllib.loads(line)
        return ""
    key, value = match.groups()
    if value.lower() in {"true", "false"}:
        return f"small letters are wanted: {key} = {value.lower()}"
    return f'texts stand in quotes: {key} = "…"'


def credentials(folders: Iterable[Path]) -> tuple[list[Entry], list[str]]:
    """Read the secrets in folders of files that are named by their key; also return the mistakes."""
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
    """Set one entry in `data`; return the paths of the values that were set."""
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
    """List the secret files in a folder, each with its key."""
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
    """Open a regular file only: a FIFO, a socket or a device may wait for a writer, or never end."""
    mode = Path(path).stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "It is no regular file")
    return os.open(path, flags | os.O_NONBLOCK)  # it may be a FIFO by now


def _reason(error: OSError | ValueError) -> str:
    return (
        (error.strerror or "unknown error").lower() if isinstance(error, OSError) else "it is not UTF-8 text"
    )


def _entry(name: str, key: str, text: str) -> Entry | str:
    """Read one variable as an entry, or return the mistake in it."""
    path = tuple(key.split("__"))
    tables = Settings.model_fields
    if path[0] not in tables:
        near = key.startswith(tuple(f"{it}_" for it in tables))
        apart = " (levels are parted by two underscores)" if near else ""
        return f"{name}: unknown setting, {hint(path[0], tables)}{apart}"
    if path[-1].endswith(FILE) and path[-1] != FILE:
        secret = _secret(Path(text))
        if not isinstance(secret, str):
            return f"{name}: {dotted(path)}: the file it names cannot be read: {_reason(secret)}"
        return Entry((*path[:-1], path[-1].removesuffix(FILE)), secret, name, file=text)
    return _decoded(name, path, text)


class _Variables(Settings, BaseSettings):
    """The settings for pydantic-settings, which knows the parts of a variable that are JSON."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__")


def _decoded(name: str, path: KeyPath, text: str) -> Entry | str:
    """Decode the text of a list or a table as JSON; all else stays text, such as a password of digits."""
    # One variable at a time, so that a mistake can name it
    source = EnvSettingsSource(_Variables)
    source.env_vars = {f"{PREFIX}{'__'.join(path)}": text}
    try:
        value: Any = source()
    except DecodingError:
        return f'{name}: {dotted(path)}: must be JSON, as in ["a", "b"] or {{"key": "value"}}'
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return Entry(path, value if isinstance(value, list | dict) else text, name)
