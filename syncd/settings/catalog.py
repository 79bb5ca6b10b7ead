"""The catalog of options: type, bounds, default and description of every key, from the models and the example's comments.

The example is `config.example.toml` at the top of the repository; a wheel has it as `example.toml` beside this module.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from syncd.http import kit
from syncd.settings import console_values, values
from syncd.settings.models import (
    Alerts,
    ConnectorSettings,
    Console,
    ConsoleProxy,
    Enrich,
    Feedback,
    Health,
    Log,
    Push,
    Source,
    State,
)

TABLES: Mapping[str, type[BaseModel]] = MappingProxyType(
    {
        "state": State,
        "sources.main": Source,
        "sources.main.enrich": Enrich,
        "sources.main.push": Push,
        "connectors.crm": ConnectorSettings,
        "connectors.crm.feedback": Feedback,
        "health": Health,
        "alerts": Alerts,
        "console": Console,
        "console.proxy": ConsoleProxy,
        "log": Log,
    }
)
"""The core's tables, by the names that the example gives them."""

_NAMED = (
    (values.Duration, "duration", "0s or more"),
    (values.Interval, "duration", "1s or more"),
    (values.Poll, "duration or cron line", "1s or more"),
    (values.Start, '"new", "now", "all" or a time', ""),
    (values.Key, "secret", "not empty"),
    (values.Hook, "secret address", ""),
    (values.BaseUrl, "address", ""),
    (values.ListenAt, "host:port", ""),
    (values.HostName, "host name", ""),
    (values.DigestAt, "time and zone", ""),
    (console_values.ConsoleListenAt, "host:port, or unix: and a path", ""),
    (console_values.Origin, "address", ""),
    (console_values.Zone, "time zone", ""),
    (console_values.Size, "size", "1KiB or more"),
    (console_values.Header, "name of a header", ""),
    (values.Name, "name", "small letters, digits and _, 64 at most"),
    (kit.BaseUrl, "address", ""),
    (kit.HostUrl, "address", ""),
)
"""Types that have a name, with the words for them and for their bounds."""
_PLAIN = {
    str: "text",
    int: "number",
    float: "number",
    bool: "true or false",
    SecretStr: "secret",
    Path: "path",
}
_OWN = {
    "base_url": "The address of the API.",
    "type": "The kind of connector.",
    "fields": "The fields to write.",
    "feedback": "What sales makes of a lead.",
    "enrich": "Asks for an email or a LinkedIn URL.",
    "push": "Pulls that start when CTGO finds a lead.",
    "sources.main.api_key": "From CTGO's dashboard; better kept out of the file.",
    "sources.main.reconcile_window": "How far back it looks for these where export = false; else as far as the source goes.",
    "sources.main.export": "With false, syncd delivers, but marks no lead as exported. Exports that are due wait until it is true again.",
    "sources.main.enrich.email_mode": 'With "any", guessed addresses too.',
    "sources.main.enrich.keep_credits": "It asks no more when so many credits are left.",
    "sources.main.enrich.when_exhausted": "What becomes of leads when the credits or the day's share are spent: they go on without an answer, or wait.",
    "sources.main.push.public_url": "The address that CTGO is given; syncd adds a secret to its end.",
    "connectors.crm.max_age": "How long the attempts for one lead may take.",
    "connectors.crm.feedback.good": "Values that mean a good lead, by their internal names.",
    "connectors.crm.feedback.bad": "Values that mean a bad lead, each with the reason: bot, wrong_gender, wrong_job, wrong_skill, wrong_personality or other.",
    "connectors.crm.feedback.notes": "More text for CTGO about a value of `bad`, 500 characters at most.",
    "console.proxy": "A proxy in front that says who somebody is.",
    "console.listen": "Where it listens. A Unix socket behind a proxy keeps out the other users of this machine.",
    "console.public_url": "The one other name that it answers to.",
    "console.session": "The longest that a visit lasts, unless its link was made with `--for`.",
    "console.calls": "Which calls to CRMs are kept to be looked at.",
    "console.calls_days": "For how many days calls are kept.",
    "console.calls_size": "The most room for kept calls; the oldest go first.",
    "console.proxy.secret": "What the proxy sends as X-Syncd-Proxy. Without it the name is believed on a Unix socket only.",
    "log.format": 'With "auto": for people on a terminal, else JSON lines.',
    "log.level": "The least level that is logged.",
    "connectors.outreach.api_key": "A master key, or a key with the scopes that `syncd check` names.",
    "connectors.outreach.without_email": "What becomes of a lead without an email address.",
    "connectors.outreach.update_existing": 'What becomes of contacts that syncd did not make; with "if_empty", what is empty there is filled.',
    "connectors.relations.access_token": "A token of Attio.",
    "connectors.crm.access_token": "A service key, or the token of a private app.",
    "connectors.org.client_secret": "The secret of that app.",
    "connectors.org.instance_url": "The base_url of Salesforce: the address at which session_id is valid, or in place of domain.",
    "connectors.org.daily_share": "The part of the org's API calls of 24 hours that syncd may use.",
    "connectors.org.duplicates": "What becomes of somebody who is there as another lead: rejected, linked to that lead, or saved as one more.",
    "connectors.automation.url": "Where each lead is posted to. It is a secret: most such addresses admit whoever knows them.",
    "connectors.sheet.path": 'The file; a relative path begins at the configuration\'s folder. "leads-{date}.csv" begins a file for each day (UTC).',
    "state.url": "The ledger's file. A relative path begins at the configuration's folder; four slashes make it absolute.",
}
"""Descriptions where the comment of the example needs the lines around it, by the key or by its table and the key."""

BY_TYPE = {"ack", "gate"}
"""Keys whose default depends on the type of connector."""


class Option(NamedTuple):
    """One key of a table. `default`: as JSON; empty: there is none. `hint`: its annotation."""

    key: str
    type: str
    bounds: str
    default: str
    description: str
    hint: Any


def options_of(table: str, model: type[BaseModel]) -> Iterator[Option]:
    """Yield the keys of a table, which a model reads. `table`: its name in the example; empty: the example has it not."""
    hints = get_type_hints(model, include_extras=True)
    for key, field in model.model_fields.items():
        own = _OWN.get(f"{table}.{key}") or (_OWN.get(key) if table else None)
        comment = own or descriptions().get((table, key)) or field.description or ""
        default = "by type" if model is ConnectorSettings and key in BY_TYPE else _default(field, hints[key])
        yield Option(
            key, type_of(hints[key]), _bounds(field, hints[key]), default, _sentence(comment), hints[key]
        )


def _sentence(text: str) -> str:
    opens = text if text.startswith("syncd") else text[:1].upper() + text[1:]
    return opens if opens.endswith((".", "!", "?")) or not opens else f"{opens}."


def _named(hint: Any) -> tuple[str, str] | None:
    return next(((words, bounds) for alias, words, bounds in _NAMED if hint == alias), None)


def type_of(hint: Any) -> str:
    """Return the type of a value in words."""
    if found := _named(hint):
        return found[0]
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return type_of(inner[0])
    if origin is Literal:
        return " or ".join(json.dumps(it) for it in inner)
    if origin in {list, tuple}:
        return f"list of {type_of(inner[0])}"
    if origin in {Union, UnionType}:
        return " or ".join(type_of(it) for it in inner if it is not NoneType)
    return _PLAIN.get(hint, "table")


_LIMITS = (("ge", "at least {}"), ("gt", "more than {}"), ("le", "at most {}"), ("lt", "less than {}"))


def _bounds(field: FieldInfo, hint: Any) -> str:
    """Return the bounds of a value in words; empty if every value of the type is accepted."""
    named = _named(hint)
    found = [named[1]] if named and named[1] else []
    listed = type_of(hint).startswith("list")
    for it in field.metadata:
        found += [
            words.format(f"{limit:g}")
            for name, words in _LIMITS
            if (limit := getattr(it, name, None)) is not None
        ]
        if least := getattr(it, "min_length", None):
            found.append(
                "not empty" if least == 1 else f"at least {least} {'entries' if listed else 'characters'}"
            )
        if most := getattr(it, "max_length", None):
            found.append(f"at most {most} {'entries' if listed else 'characters'}")
    return ", ".join(found)


def _default(field: FieldInfo, hint: Any) -> str:
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None:
        return ""
    return json.dumps(as_written(value, hint), default=str)


def as_written(value: Any, hint: Any) -> Any:
    """Return a duration or a size as the configuration has it, and any other value as it is."""
    if isinstance(value, float) and type_of(hint) == "duration":
        return duration(value)
    return console_values.size_text(value) if isinstance(value, int) and type_of(hint) == "size" else value


def duration(seconds: float) -> str:
    """Write a duration as the configuration has it: in its largest whole unit."""
    sizes = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    for unit, size in sizes.items():
        if seconds and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"


def table_of(type_: str) -> str:
    """Name the example's table of a connector type; empty if it has none."""
    quoted = json.dumps(type_)
    tables = (name for (name, key), text in assignments().items() if key == "type" and text == quoted)
    return next(tables, "")


def assignments() -> dict[tuple[str, str], str]:
    """Return the value of each key of the example as text, by its table and itself."""
    return {place: value for place, (value, _) in _lines().items()}


def descriptions() -> dict[tuple[str, str], str]:
    """Return the comment of each key of the example, by its table and itself."""
    return {place: comment for place, (_, comment) in _lines().items()}


def example() -> str:
    """Return the example configuration."""
    packed = files("syncd.settings").joinpath("example.toml")
    found = packed if packed.is_file() else Path(__file__).parents[2] / "config.example.toml"
    return found.read_text(encoding="utf-8")


@cache
def _lines() -> dict[tuple[str, str], tuple[str, str]]:
    """Return the value and the comment of each key of the example."""
    found = {}
    current = ""
    for line in example().splitlines():
        if opened := re.match(r"#?\[([a-z_.]+)\]$", line):
            current = opened[1]
        elif given := re.match(r"#?([a-z_]+) = (.*?)(?:\s+# (.*))?$", line):
            key, value, comment = given.groups()
            found[current, key] = value, comment or ""
    return found
