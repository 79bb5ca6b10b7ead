"""The page of every option: keys, types and defaults from the models, descriptions from config.example.toml."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from syncd.http import kit
from syncd.settings import ConnectorSettings, values
from syncd.settings.models import Alerts, Enrich, Feedback, Health, Log, Push, Source, State
from tests.docs.reference.connectors import built_in
from tests.docs.reference.markdown import code, sentence, table

EXAMPLE = Path(__file__).parents[3] / "config.example.toml"

TABLES: dict[str, type[BaseModel]] = {
    "state": State,
    "sources.main": Source,
    "sources.main.enrich": Enrich,
    "sources.main.push": Push,
    "connectors.crm": ConnectorSettings,
    "connectors.crm.feedback": Feedback,
    "health": Health,
    "alerts": Alerts,
    "log": Log,
}
"""The core's tables, by the names that the example gives them."""

_NAMED = {
    values.Duration: "duration",
    values.Interval: "duration",
    values.Poll: "duration or cron line",
    values.Start: '`"new"`, `"now"`, `"all"` or a time',
    values.Key: "secret",
    values.Hook: "secret address",
    values.BaseUrl: "address",
    values.ListenAt: "host:port",
    values.HostName: "host name",
    values.DigestAt: "time and zone",
    values.Name: "name",
    kit.BaseUrl: "address",
    kit.HostUrl: "address",
}
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
    "fields": "The fields to write: see [mapping](../mapping.md).",
    "feedback": "What sales makes of a lead: see [feedback](../guides/feedback.md).",
    "enrich": "Asks for an email or a LinkedIn URL: see [enriching](../guides/enriching.md).",
    "push": "Pulls that start when CTGO finds a lead: see [push](../guides/push.md).",
    "sources.main.api_key": "From CTGO's dashboard; better kept out of the file.",
    "sources.main.reconcile_window": "How far back it looks for these where export = false; else as far as the source goes.",
    "sources.main.export": "With false, syncd delivers and never tells CTGO. What was owed already is put off until it is true again.",
    "sources.main.enrich.email_mode": 'With "any", guessed addresses too.',
    "sources.main.enrich.keep_credits": "It asks no more when so many credits are left.",
    "sources.main.enrich.when_exhausted": "What becomes of leads when the credits or the day's share are spent: they go on without an answer, or wait.",
    "sources.main.push.public_url": "The address that CTGO is given; syncd adds a secret to its end.",
    "connectors.crm.max_age": "How long the attempts for one lead may take.",
    "connectors.crm.feedback.good": "Values that mean a good lead, by their internal names.",
    "connectors.crm.feedback.bad": "Values that mean a bad lead, each with the reason: bot, wrong_gender, wrong_job, wrong_skill, wrong_personality or other.",
    "connectors.crm.feedback.notes": "What else to tell CTGO about a value of `bad`, 500 characters at most.",
    "log.format": 'With "auto": for people on a terminal, else JSON lines.',
    "log.level": "The least level that is logged.",
    "connectors.outreach.api_key": "A master key, or a key with the scopes that `syncd check` names.",
    "connectors.outreach.without_email": "What becomes of a lead without an email address.",
    "connectors.outreach.update_existing": 'What becomes of contacts that syncd did not make; with "if_empty", what is empty there is filled.',
    "connectors.relations.access_token": "A token of Attio: see [Attio](../../connectors/attio.md).",
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

_BY_TYPE = {"ack", "gate"}
"""Keys whose default depends on the type of connector."""

_OPENING = """\
# Options

Every key of the configuration. [config.example.toml](../../config.example.toml) shows them in their places, and
[configuration](../configuration.md) says which value wins.

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
    for name, model in TABLES.items():
        shown = name.replace(".main", ".NAME").replace(".crm", ".NAME")
        parts.append(_part(f"`[{shown}]`", options_of(name, model)))
        if name == "connectors.crm":
            parts.append(
                "Every connector knows these keys. The keys of each type follow at the end of this page.\n"
            )
    for type_, cls in built_in().items():
        found = options_of(_example_table(type_), cls.Options)
        parts.append(_part(f'`[connectors.NAME]` with `type = "{type_}"`', found))
    return "\n".join(parts)


def _part(title: str, options: Iterator[Option]) -> str:
    titles = ("Key", "Type", "Default", "Description", "Variable")
    rows = [(code(it.key), it.type, it.default, it.description, code(it.variable)) for it in options]
    return f"## {title}\n\n{table(titles, rows)}"


def options_of(name: str, model: type[BaseModel]) -> Iterator[Option]:
    """Yield the keys of a table of the example, which a model reads."""
    hints = get_type_hints(model, include_extras=True)
    for key, field in model.model_fields.items():
        variable = "__".join([*_generic(name), key]).upper()
        own = _OWN.get(f"{name}.{key}") or _OWN.get(key)
        description = own or sentence(descriptions()[name, key])
        default = "by type" if key in _BY_TYPE else code(_default(field, hints[key]))
        yield Option(key, type_of(hints[key]), default, description, f"SYNCD_{variable}")


def _generic(name: str) -> list[str]:
    top, *rest = name.split(".")
    return [top, *(["NAME", *rest[1:]] if rest else [])]


def type_of(hint: Any) -> str:
    """Return the type of a value in words."""
    for alias, words in _NAMED.items():
        if hint == alias:
            return words
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return type_of(inner[0])
    if origin is Literal:
        return " or ".join(f"`{json.dumps(it)}`" for it in inner)
    if origin in {list, tuple}:
        return f"list of {type_of(inner[0])}"
    if origin in {Union, UnionType}:
        return " or ".join(type_of(it) for it in inner if it is not NoneType)
    return _PLAIN.get(hint, "table")


def _default(field: FieldInfo, hint: Any) -> str:
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None:
        return ""
    if isinstance(value, float) and type_of(hint) == "duration":
        return json.dumps(_duration(value))
    return json.dumps(value, default=list)


def _duration(seconds: float) -> str:
    sizes = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    size = next(it for it in sizes if seconds % sizes[it] == 0)
    return f"{seconds / sizes[size]:g}{size}"


def _example_table(type_: str) -> str:
    return next(name for (name, key), text in assignments().items() if key == "type" and text == f'"{type_}"')


def assignments() -> dict[tuple[str, str], str]:
    """Return the value of each key of the example as text, by its table and itself."""
    return {place: value for place, (value, _) in _lines().items()}


def descriptions() -> dict[tuple[str, str], str]:
    """Return the comment of each key of the example, by its table and itself."""
    return {place: comment for place, (_, comment) in _lines().items()}


def _lines() -> dict[tuple[str, str], tuple[str, str]]:
    found = {}
    current = ""
    for line in EXAMPLE.read_text().splitlines():
        if opened := re.match(r"#?\[([a-z_.]+)\]$", line):
            current = opened[1]
        elif given := re.match(r"#?([a-z_]+) = (.*?)(?:\s+# (.*))?$", line):
            key, value, comment = given.groups()
            found[current, key] = value, comment or ""
    return found
