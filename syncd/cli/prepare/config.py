"""`syncd config show` and `syncd config explain [KEY]`: the configuration in force, and where each value comes from."""

import stat
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.app.privileges import STARTED_AS
from syncd.cli import toml_text
from syncd.cli.context import AsJson, group_app
from syncd.cli.exits import Exit
from syncd.cli.output import say, say_fields, say_json, say_table, say_wrapped
from syncd.cli.prepare.notes import mistake_notes, print_notes
from syncd.log import escape
from syncd.settings import find_config
from syncd.settings.error_messages import KeyPath
from syncd.settings.lines import lines_of

if TYPE_CHECKING:
    from syncd.cli.prepare.effective import Held, Origins

LONGEST = 60
"""Characters of a table of values that stands in a list of keys."""

app = group_app("Show the configuration in force, or explain its keys and where their values come from.")


@app.callback()
def config(context: typer.Context) -> None:
    """Show the configuration in force, or explain its keys and where their values come from."""
    if context.invoked_subcommand is None:
        raise typer.TyperException("Name what you want: syncd config show, or syncd config explain [KEY]")


@app.command()
def show(context: typer.Context, as_json: AsJson = False) -> int:
    """Show the whole configuration in force, as TOML: the file, the environment, secret files and defaults. Secrets are masked."""
    read = _read(context, as_json=as_json)
    if isinstance(read, Exit):
        return read
    rows = [it for it in read[0] if it.value is not None]
    if as_json:
        say_json(_document(rows))
        return Exit.DONE
    say('# Everything in force, with the defaults. A secret is shown as "…".')
    for table, keys in _tables(rows):
        say()
        say(f"[{'.'.join(map(toml_text.key, table))}]")
        for key, value in keys.items():
            say(f"{toml_text.key(key)} = {toml_text.inline(value)}")
    return Exit.DONE


@app.command()
def explain(
    context: typer.Context,
    key: Annotated[
        str, typer.Argument(metavar="[KEY]", help="As sources.main.poll, or poll; a table, as log.")
    ] = "",
    as_json: AsJson = False,
) -> int:
    """Explain a key: its value, where that comes from, the default, the type. Without KEY, list all that is not the default."""
    read = _read(context, as_json=as_json)
    if isinstance(read, Exit):
        return read
    found, origins = read
    chosen = _chosen(found, origins, key) if key else [it for it in found if it.given]
    if key and not chosen:
        raise typer.TyperException(_no_such_key(key, found))
    if as_json:
        say_json([_explained(it) for it in chosen])
    elif key and len(chosen) == 1:
        _explain(chosen[0])
    else:
        say_table(
            ("key", "value", "default", "from"),
            [(it.key, _short(it), it.option.default, it.origin) for it in chosen],
            drop=("default",),
        )
    return Exit.DONE


def _read(context: typer.Context, *, as_json: bool) -> "tuple[list[Held], Origins] | Exit":
    """Return every key in force; print the mistakes and return the exit code if there are any."""
    from syncd.cli.prepare.effective import Origins, held  # noqa: PLC0415
    from syncd.cli.prepare.mistakes import read_configuration  # noqa: PLC0415 - the engine and all below it

    lines = _lines(
        find_config(context.obj, user=STARTED_AS)
    )  # first: root becomes a user who may not read the file
    reading = read_configuration(context.obj, to_run=False)
    if reading.settings is None or reading.mistakes:
        return print_notes(
            [*mistake_notes(reading.mistakes)], ("findings", "level", "detail"), as_json=as_json
        )
    origins = Origins(reading.settings.provenance, lines)
    return held(reading.settings, reading.mapped, origins), origins


def _lines(config: Path | None) -> Mapping[KeyPath, int]:
    """Return the lines of the keys in a file; none where it cannot be read twice, as a pipe."""
    try:
        if config is None or not stat.S_ISREG(config.stat().st_mode):
            return {}
        return lines_of(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # the reading of the configuration reports it
        return {}


def _tables(rows: Sequence["Held"]) -> list[tuple[KeyPath, dict[str, Any]]]:
    """Return the tables with their values by key; the fields of a connector are a table of their own."""
    found: dict[KeyPath, dict[str, Any]] = {}
    for it in rows:
        if it.option.key == "fields" and isinstance(it.value, dict):
            found[it.path] = it.value
        else:
            found.setdefault(it.path[:-1], {})[it.path[-1]] = it.value
    return [*found.items()]


def _document(rows: Sequence["Held"]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for path, values in _tables(rows):
        table = document
        for part in path:
            table = table.setdefault(part, {})
        table.update(values)
    return document


def _chosen(found: Sequence["Held"], origins: "Origins", key: str) -> "list[Held]":
    """Return the rows of a key, of the keys below a table, of one entry of a key that is a table, or of a key's last part."""
    exact = [it for it in found if it.key == key]
    below = [it for it in found if it.key.startswith(f"{key}.")]
    named = [it for it in found if it.path[-1] == key]
    if several := exact or below or named:
        return [it for it in several if it.value is not None] or several
    whole = next((it for it in found if key.startswith(f"{it.key}.") and isinstance(it.value, dict)), None)
    entry = key[len(whole.key) + 1 :].strip("\"'") if whole else ""
    if whole is None or entry not in whole.value:
        return []
    path = (*whole.path, entry)
    option = whole.option._replace(type="", default="")
    return [whole._replace(path=path, option=option, value=whole.value[entry], origin=origins.of(path))]


def _short(it: "Held") -> str:
    """Write a value for a table of keys: a long table of values by its size."""
    long = isinstance(it.value, dict) and len(it.text) > LONGEST
    return f"{len(it.value)} entries" if long else it.text


def _no_such_key(key: str, found: Sequence["Held"]) -> str:
    near = get_close_matches(key, [it.key for it in found], n=3, cutoff=0.5)
    hint = f"The nearest are: {', '.join(near)}." if near else "For all keys: syncd config show"
    return f"There is no key {escape(key[:64])}. {hint}"


def _explain(it: "Held") -> None:
    say(f"{it.key} = {it.text}" if it.value is not None else f"{it.key} is not set: its table is absent")
    if it.option.description:
        say_wrapped(it.option.description)
    say_fields(
        [
            ("from", it.origin),
            ("default", it.option.default),
            ("type", it.option.type),
            ("bounds", it.option.bounds),
            ("variable", it.variable),
        ]
    )


def _explained(it: "Held") -> dict[str, Any]:
    return {
        "key": it.key,
        "value": it.value,
        "from": it.origin,
        "default": it.option.default or None,
        "type": it.option.type,
        "bounds": it.option.bounds,
        "variable": it.variable,
        "description": it.option.description,
    }
