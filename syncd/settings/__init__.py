"""Configuration: flags over environment over secret files over the file over defaults.

`load` reads every layer, checks all of it, and reports all mistakes at once. Each is one sentence that names the file or
the variable, the key, and the nearest known key. A connector's own options are checked by its plugin: see
`syncd.registry`.

Relative paths start at the configuration file's folder. `/etc` holds no data, so paths in the system's own configuration
start at `$STATE_DIRECTORY`, which systemd and the container image set, or at `/var/lib/syncd`. Without a file they start
at `$STATE_DIRECTORY` or the user's data folder, never at the working directory.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import ValidationError

from syncd.file_access import hand_in
from syncd.settings import layers
from syncd.settings.error_messages import KeyPath, SettingsError, hint, places, sentence, sentences
from syncd.settings.models import (
    Alerts,
    ConnectorSettings,
    Console,
    ConsoleProxy,
    Enrich,
    Feedback,
    Health,
    Log,
    Provenance,
    Push,
    Settings,
    Source,
    State,
    secret_values,
)  # fmt: skip
from syncd.settings.values import NAME, Digest, Listen, Schedule, instant, seconds

__all__ = [
    "SYSTEM_CONFIG", "Alerts", "ConnectorSettings", "Console", "ConsoleProxy", "Digest", "Enrich", "Feedback", "Health", "Listen",
    "Log", "Provenance", "Push", "Schedule", "Settings", "SettingsError", "Source", "State", "find_config",
    "instant", "load", "no_config", "passed_over", "seconds", "secret_values",
]  # fmt: skip

DOCKER_SECRETS = Path("/run/secrets")
LOCAL_CONFIG = Path("config.toml")
SYSTEM_CONFIG = Path("/etc/syncd/config.toml")
SYSTEM_STATE = Path("/var/lib/syncd")
DEFAULT_PUSH = str(Push.model_fields["listen"].default)
DEFAULT_CONSOLE = str(Console.model_fields["listen"].default)
NO_KEY = "-"
"""The value of a key that is missing and may be."""


def find_config(
    flag: Path | None, environ: Mapping[str, str] = os.environ, *, user: int | None = None
) -> Path | None:
    """Find the configuration file: the flag's, `$SYNCD_CONFIG`, else the first of the usual ones that exists, else None.

    A named file need not exist: `load` reports that. `user`: see `passed_over`; by default the user of this process.
    """
    if flag is not None:
        return flag
    if named := environ.get("SYNCD_CONFIG"):
        return Path(named)
    local = () if passed_over(flag, environ, user=user) else (LOCAL_CONFIG,)
    return next((path for path in (*local, *_elsewhere()) if _is_there(path)), None)


def _elsewhere() -> tuple[Path, Path]:
    """The configuration files that are read from any folder."""
    return platformdirs.user_config_path("syncd") / "config.toml", SYSTEM_CONFIG


def no_config() -> str:
    """A sentence for a command that found neither a configuration file nor a variable."""
    looked = ", ".join(map(str, (f"./{LOCAL_CONFIG}", *_elsewhere())))
    return f"No configuration was found (looked for {looked}). Make one: syncd init. Or name it: syncd --config FILE"


def passed_over(
    flag: Path | None, environ: Mapping[str, str] = os.environ, *, user: int | None = None
) -> str:
    """Return the reason why the working directory's configuration is not read though none is named; empty if it may be.

    Another user who wrote it would get the keys in the environment, and would choose the files that root writes.
    """
    if flag is not None or environ.get("SYNCD_CONFIG") or not _is_there(LOCAL_CONFIG):
        return ""
    user = os.geteuid() if user is None else user
    name = "The config.toml of this folder is passed over:"
    named = "with --config config.toml it is read."
    if not user and _is_there(SYSTEM_CONFIG):
        return f"{name} root reads the system's; {named}"
    hand = hand_in(LOCAL_CONFIG, {0, user})
    return f"{name} others may change {'the folder' if hand == '.' else hand}; {named}" if hand else ""


def load(
    path: Path | None,
    environ: Mapping[str, str] = os.environ,
    *,
    flags: Mapping[str, object] | None = None,
    docker_secrets: Path = DOCKER_SECRETS,
    keyless: bool = False,
) -> Settings:
    """Read and check the whole configuration.

    Args:
        path: the file; None if there is none: then the environment may suffice.
        environ: the environment.
        flags: values from the command line, by dotted key: `{"log.level": "debug"}`.
        docker_secrets: a folder of files such as `sources.main.api_key`; `$CREDENTIALS_DIRECTORY` is another.
        keyless: a source may lack its api_key, for no request is made.

    Raises:
        SettingsError: holds every mistake.
    """
    data = layers.read_file(path) if path else {}
    folders = [docker_secrets]
    if own := environ.get("CREDENTIALS_DIRECTORY"):
        folders.append(Path(own))
    secrets, mistakes = layers.credentials(folders)
    variables, more = layers.variables(environ)
    origins: dict[KeyPath, str] = {}
    entries = [*secrets, *variables, *layers.flags(flags or {})]
    for entry in entries:
        for where in layers.lay(data, entry):
            origins[where] = entry.origin
    if keyless:
        for source in _table(data.get("sources")).values():
            if isinstance(source, dict):
                source.setdefault("api_key", NO_KEY)
    files = {entry.path: entry.file for entry in entries if entry.file is not None}
    secret_files = (*(entry.origin for entry in secrets), *files.values())
    provenance = Provenance(str(path or "environment"), _folder(path, environ), origins, files, secret_files)
    if not keyless:
        more += [sentence(provenance.of, path, what) for path, what in _not_filled_in(data)]
    return _checked(data, provenance, [*mistakes, *more])


def _checked(data: dict[str, Any], provenance: Provenance, mistakes: list[str]) -> Settings:
    settings, rest = None, None
    data.setdefault("state", {})  # validated even when absent: its default depends on the folder
    context = {"folder": provenance.folder}
    try:
        settings = rest = Settings.model_validate(data, context=context)
    except ValidationError as error:
        mistakes += sentences(error, data, Settings, origin=provenance.of)
        with suppress(ValidationError):
            rest = Settings.model_validate(_without(data, places(error, data)), context=context)
    mistakes += [sentence(provenance.of, path, what) for path, what in _between(data)]
    if settings is not None:
        mistakes += [sentence(provenance.of, path, what) for path, what in _shared_keys(settings)]
    if rest is not None:
        rest._provenance = provenance  # noqa: SLF001 - frozen for everybody else
    if settings is None or mistakes:
        raise SettingsError(*mistakes, rest=rest)
    return settings


def _without(data: dict[str, Any], paths: Iterable[KeyPath]) -> dict[str, Any]:
    """Copy the data without what stands at some paths."""
    left = deepcopy(data)
    for path in filter(None, paths):
        _drop(left, path)
    return left


def _drop(table: dict[str, Any], path: Sequence[str]) -> None:
    key, below = path[0], path[1:]
    inner = table.get(key)
    if below and isinstance(inner, dict) and below[0] in inner:
        _drop(inner, below)
    else:
        table.pop(key, None)


_EXAMPLE = re.compile(r"(ctgo_|pat-|Bearer |https://hooks\.example\.com/)?(\.\.\.|…)")
"""The values that the example leaves to be filled in."""
_VARIABLE = re.compile(r"\$\{[A-Za-z_]\w*\}|^\$[A-Za-z_]\w*$")
_TEXTS = {"fields", "feedback", "where"}
"""Keys whose texts are the user's own: they may look like anything."""


def _not_filled_in(table: Mapping[str, Any], above: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """Find values that somebody left as the example has them, or wrote as a variable of a shell."""
    for key, value in table.items():
        path = (*above, key)
        if isinstance(value, Mapping) and key not in _TEXTS:
            yield from _not_filled_in(value, path)
        elif isinstance(value, str) and key not in _TEXTS and _EXAMPLE.fullmatch(value):
            yield path, "that is the example: write your own"
        elif isinstance(value, str) and key not in _TEXTS and _VARIABLE.search(value):
            yield (
                path,
                f"variables are not filled in here; name yours SYNCD_{'__'.join(path[:3]).upper()}, which wins over the file",
            )


def _between(data: Mapping[str, Any]) -> list[tuple[KeyPath, str]]:
    """Find mistakes between tables in the raw data, so that they are reported together with mistakes inside a table."""
    sources, connectors, alerts = (_table(data.get(key)) for key in ("sources", "connectors", "alerts"))
    twice = "is a source's name too: give one of them another, for `syncd pause` takes either"
    found: list[tuple[KeyPath, str]] = [
        (("connectors", name), twice) for name in connectors if name in sources
    ]
    for name, source in sources.items():
        key = ("sources", name, "connectors")
        chosen = _table(source).get("connectors") or []
        if not chosen and len(sources) > 1 and isinstance(source, dict):
            found.append((key, "must name this source's own connectors, as there are two or more sources"))
        listed = chosen if isinstance(chosen, list) else []
        names = Counter(it for it in listed if isinstance(it, str) and re.match(NAME, it))
        known = [it for it in connectors if re.match(NAME, it)]
        found += [
            (key, f"there is no connector {it}, {hint(it, known, 'configured connectors')}")
            for it in names
            if it not in connectors
        ]
        found += [(key, f"names {it} more than once") for it in sorted(names) if names[it] > 1]
    found += _shared_addresses(data, sources)
    if alerts.get("digest") and not alerts.get("webhook_url"):
        found.append((("alerts", "digest"), "needs alerts.webhook_url, for that is where it goes"))
    return found


def _shared_addresses(data: Mapping[str, Any], sources: Mapping[str, Any]) -> list[tuple[KeyPath, str]]:
    """Find addresses of push that health has too: a reverse proxy that admits the world to push would admit it to health."""
    health = _table(data.get("health")).get("listen", str(Health().listen))
    pushes = {name: it["push"] for name, it in sources.items() if isinstance(_table(it).get("push"), Mapping)}
    shared: list[tuple[KeyPath, str]] = [
        (("sources", name, "push", "listen"), "is where health listens: give push an address of its own")
        for name, push in pushes.items()
        if health and push.get("listen", DEFAULT_PUSH) == health
    ]
    taken = {health, *(push.get("listen", DEFAULT_PUSH) for push in pushes.values())}
    console = data.get("console")
    if isinstance(console, Mapping) and console.get("listen", DEFAULT_CONSOLE) in taken:
        what = "is where health or push listens: give the console an address of its own"
        shared.append((("console", "listen"), what))
    return shared


def _shared_keys(settings: Settings) -> list[tuple[KeyPath, str]]:
    """Find one account under two sources: CTGO marks a lead once, so each source would miss what the other exported."""
    first: dict[tuple[str, str], str] = {}
    found: list[tuple[KeyPath, str]] = []
    for name, source in settings.sources.items():
        key = source.api_key.get_secret_value()
        owner = first.setdefault((settings.addresses[name], key), name)
        if owner != name and key != NO_KEY:
            found.append((("sources", name, "api_key"), f"is sources.{owner}'s too, {_ONE_KEY}"))
    return found


_ONE_KEY = (
    "and leads would be exported early and lost: keep one source, with the stream_ids of both, and say where each campaign"
    " goes in the connectors' `where`, as in stream_id in [11, 12]"
)


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _folder(path: Path | None, environ: Mapping[str, str]) -> Path:
    if path is not None and path.absolute() != SYSTEM_CONFIG:
        return path.absolute().parent
    given = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    return SYSTEM_STATE if path else platformdirs.user_data_path("syncd")


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # it may be: `load` reports that it cannot be read
        return True
