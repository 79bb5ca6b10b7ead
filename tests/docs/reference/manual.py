"""The manual page `syncd.1`: the help of each command, and the tables of exit codes and signals of docs/operating.md."""

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import Any

import typer

from syncd import __version__
from syncd.cli.main import VERBS, app
from syncd.cli.verb_help import GROUPS
from tests.docs.reference.verbs import OTHER_PARSER

_ROOT = Path(__file__).parents[3]
FILE = _ROOT / "syncd" / "man" / "syncd.1"
_OPERATING = _ROOT / "docs" / "operating.md"

RELEASED = "2026-12-03"
"""The day in the footer: change it with the version."""
_WIDTH = 79
_COMMON = {"--help", "--config"}
"""Options of every command, which the page describes once."""
_SPECIAL = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq"}

_FILES = """\
Without
.B \\-\\-config
and without the variable
.BR SYNCD_CONFIG ,
syncd reads the first of these that exists.
.TP
.I config.toml
in the working directory
.TP
.I \\(ti/.config/syncd/config.toml
of the user
.TP
.I /etc/syncd/config.toml
of the machine
.PP
The ledger is
.I syncd.db
beside the configuration, unless
.B state.url
names another file.
"""
_ENVIRONMENT = """\
.TP
.B SYNCD_CONFIG
names the configuration file.
.TP
.B SYNCD_...
sets a key of the configuration, with
.B __
between its levels, as in
.BR SYNCD_LOG__LEVEL=debug .
It wins over the file.
"""


def page() -> str:
    """Return the page in the macros of man(7)."""
    group: Any = typer.main.get_command(app)
    context = typer.Context(group, info_name="syncd", **group.context_settings)
    listed = [verb for verbs in GROUPS.values() for verb in verbs]
    groups = {**GROUPS, "More commands": [verb for verb in VERBS if verb not in listed]}
    purpose, *more = group.help.split("\n\n")
    lines = [
        '.\\" Made by python -m tests.docs.reference',
        f'.TH SYNCD 1 {RELEASED} "syncd {__version__}"',
        ".SH NAME",
        f"syncd \\- {_text(purpose[:1].lower() + purpose[1:].rstrip('.'))}",
        ".SH SYNOPSIS",
        ".B syncd\n[OPTIONS]\n.br\n.B syncd\nCOMMAND [OPTIONS] [ARGS]",
        ".SH DESCRIPTION",
        *_paragraphs("\n\n".join(more)),
        ".SH OPTIONS",
        *_options(group, context, skip=set()),
        ".PP\nEvery command takes \\fB\\-\\-config\\fR and \\fB\\-\\-help\\fR too.",
        *_examples(group),
    ]
    for title, verbs in groups.items():
        if verbs:
            lines.append(f".SH {title.upper()}")
        for verb in verbs:
            lines += _command(group.get_command(context, verb), context, f"syncd {verb}")
    lines += [".SH EXIT STATUS", *_rows("Exit code"), ".SH SIGNALS", *_rows("Signal")]
    lines += [".SH FILES", _FILES.rstrip(), ".SH ENVIRONMENT", _ENVIRONMENT.rstrip()]
    return "\n".join(lines) + "\n"


def _command(command: Any, parent: Any, name: str) -> Iterator[str]:
    own = typer.Context(command, info_name=command.name, parent=parent)
    usage = re.sub(r"\[(\[\w+\](\.\.\.)?)\](\.\.\.)?", r"\1", " ".join(command.collect_usage_pieces(own)))
    yield f".SS {_text(f'{name} {usage}')}"
    if name == f"syncd {OTHER_PARSER}":
        yield f"{_text(VERBS[OTHER_PARSER][1])}\n\\fB{_text(name)} \\-\\-help\\fR lists its options."
        return
    yield from _paragraphs(command.help)
    yield from _options(command, own, _COMMON)
    yield from _examples(command)
    for inner in getattr(command, "commands", {}).values():
        yield from _command(inner, own, f"{name} {inner.name}")


def _options(command: Any, context: Any, skip: set[str]) -> Iterator[str]:
    """Yield each argument and option, without the types and ranges that Typer adds."""
    for it in command.get_params(context):
        record = it.get_help_record(context)
        if record and not skip.intersection(it.opts):
            name, meaning = re.sub(r" <.+>$", "", record[0]), re.sub(r"  \[.+\]$", "", record[1])
            yield f".TP\n.B {_text(name)}\n{prose(meaning)}"


def _examples(command: Any) -> Iterator[str]:
    found = [line.strip() for line in (command.epilog or "").splitlines() if line.startswith("  ")]
    if found:
        yield ".PP\nExamples:\n.PP\n.RS 4\n.nf"
        yield from (f"{_text(line)}" for line in found)
        yield ".fi\n.RE"


def _paragraphs(text: str) -> Iterator[str]:
    for at, paragraph in enumerate(text.split("\n\n")):
        yield f"{'.PP' + chr(10) if at else ''}{prose(' '.join(paragraph.split()))}"


def _rows(heading: str) -> Iterator[str]:
    """Yield the table of docs/operating.md whose first column has this heading."""
    found = re.search(rf"^\| {heading} \|.*\n.*\n((?:\|.*\n)+)", _OPERATING.read_text(), re.MULTILINE)
    assert found, heading
    for line in found[1].splitlines():
        key, meaning = (cell.strip() for cell in line.strip("|").split("|"))
        yield f".TP\n.B {_text(key)}\n{prose(meaning)}"


def prose(text: str) -> str:
    """Write prose: code in bold, each sentence on a line of its own, and no long lines, as man(7) wants it."""
    plain = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text)
    parts = plain.split("`")
    marked = "".join(f"\\fB{_text(it)}\\fR" if at % 2 else _text(it) for at, it in enumerate(parts))
    sentences = re.sub(r"(?<=[.:!?]) (?=[A-Z.])", "\n", marked).splitlines()
    lines = [
        line for it in sentences for line in wrap(it, _WIDTH, break_long_words=False, break_on_hyphens=False)
    ]
    return "\n".join(f"\\&{it}" if it.startswith(".") else it for it in lines)


def _text(text: str) -> str:
    """Escape what roff reads as more than a character."""
    return "".join(_SPECIAL.get(it, it) for it in text)
