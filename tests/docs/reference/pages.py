"""All pages of the reference, by their files' names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from syncd.cli.observe.audit import audit_codes
from syncd.core.failure import CODES
from syncd.core.glossary import WORDS
from syncd.health.counters import Counted
from syncd.health.metrics import counters, families
from syncd.health.view import View
from syncd.registry import as_fields
from tests.docs.reference import options, verbs
from tests.docs.reference.connectors import built_in
from tests.docs.reference.markdown import code, sentence, table

_RULES = Path(__file__).parents[3] / "deploy" / "prometheus" / "alerts.yml"

_INDEX = """\
# Reference

`python -m tests.docs.reference` makes these pages from the code, and a test compares them with it.

- [Options](options.md): every key of the configuration, with its type, default and variable.
- [Commands](commands.md): every command with its options and examples.
- [Codes](codes.md): every code in a message, and what to do; and the words that commands print.
- [Default mappings](mappings.md): the fields that each type of connector writes.
- [Metrics](metrics.md): what `/metrics` serves.
- [Alert rules](alerts.md): the rules for Prometheus.
- [Exit codes](../operating.md#exit-codes) and [signals](../operating.md#run-it-as-a-service) are on the page about operating.

"""

_CODES = """\
# Codes

A message shows a code in brackets; `syncd explain CODE` prints the same text as this page. In a command, `NAME` stands for the
source or the connector that the message names.

"""

_MAPPINGS = """\
# Default mappings

The fields that each type of connector writes without a table `fields`. `syncd map NAME --toml` prints them as a table to paste;
[mapping](../mapping.md) explains expressions and policies.

"""

_METRICS = """\
# Metrics

`/metrics` serves these for Prometheus, at the address of `health.listen`; see [monitoring](../monitoring.md). Label values are configured
names, states and codes: nothing of a lead is in them. The usual metrics of a process (`process_…`) stand beside them.

"""

_ALERTS = """\
# Alert rules

The rules of [alerts.yml](../../deploy/prometheus/alerts.yml).
[What to do for each alert](../../deploy/README.md#what-to-do-for-each-alert) explains each, and the messages of syncd itself.

"""


def pages() -> dict[str, str]:
    """Make every page."""
    return {
        "README.md": _INDEX + verbs.summary(),
        "alerts.md": _ALERTS + _alerts(),
        "codes.md": _CODES + _codes(),
        "commands.md": verbs.page(),
        "mappings.md": _MAPPINGS + _mappings(),
        "metrics.md": _METRICS + _metrics(),
        "options.md": options.page(),
    }


def _codes() -> str:
    audit = {name: text for name, text in audit_codes().items() if name not in CODES}
    parts = [_entries("Of the core", CODES), _entries("Of an audit", audit)]
    for type_, cls in built_in().items():
        own = {name: text for name, text in cls.codes.items() if name not in CODES}
        parts.append(_entries(f"Of {type_}", own))
    return "\n".join([*parts, _entries("Words", WORDS)])


def _entries(title: str, entries: Mapping[str, str]) -> str:
    rows = [f"### `{name}`\n\n{sentence(text)}\n" for name, text in sorted(entries.items())]
    return "\n".join([f"## {title}\n", *rows])


def _mappings() -> str:
    parts = []
    for type_, cls in built_in().items():
        rows = [(code(name), code(it.value), it.policy) for name, it in as_fields(cls.defaults).items()]
        parts.append(f"## {type_}\n\n{table(('Field', 'Value', 'Policy'), rows)}")
    return "\n".join(parts)


def _metrics() -> str:
    rows = []
    for family in (*families(View(at=0.0)), *counters(Counted())):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = ", ".join(code(it) for it in family._labelnames)  # type: ignore[attr-defined]
        rows.append((code(name), family.type, labels, sentence(family.documentation)))
    return table(("Metric", "Type", "Labels", "Meaning"), sorted(rows))


def _alerts() -> str:
    rules: list[dict[str, Any]] = yaml.safe_load(_RULES.read_text())["groups"][0]["rules"]
    parts = []
    for rule in rules:
        about = rule["annotations"]
        lasting = f" for `{rule['for']}`" if "for" in rule else ""
        parts.append(
            f"## `{rule['alert']}`\n\nSeverity: {rule['labels']['severity']}. It fires while this holds{lasting}:\n\n"
            f"```promql\n{rule['expr']}\n```\n\n"
            f"- It says: {sentence(about['summary'])}\n- To do: {sentence(about['fix'])}\n"
        )
    return "\n".join(parts)
