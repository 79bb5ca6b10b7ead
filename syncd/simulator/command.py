"""The command line: one flag for each option."""

import argparse
from collections.abc import Sequence
from dataclasses import Field, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from syncd.simulator.options import Options
from syncd.simulator.serve import serve


class _Help(argparse.HelpFormatter):
    """Begins as the help of every verb does."""

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:  # noqa: ARG002
        super().add_usage(usage, actions, groups, "Usage: ")


def add_arguments(parser: argparse._ActionsContainer) -> None:
    """Add one flag for each option: `--leads-per-minute 5`, `--no-team`, `--api-keys ctgo_a ctgo_b`."""
    hints = get_type_hints(Options)
    for option in fields(Options):
        flag = "--" + option.name.replace("_", "-")
        parser.add_argument(flag, **_argument(option, hints[option.name]))


def _argument(option: Field[Any], hint: Any) -> dict[str, Any]:
    """Return the arguments of argparse for a field of this type."""
    default = option.default
    doc = option.metadata["doc"].replace("%", "%%")
    if hint is bool:
        return {"action": argparse.BooleanOptionalAction, "default": default, "help": doc}
    if get_origin(hint) is frozenset:
        names: list[str] = sorted(getattr(Options(), option.name))
        help_text = f"{doc} (default: {' '.join(names) or 'none'})"
        return {"nargs": "*", "default": names, "help": help_text, "metavar": "NAME"}
    shown = {"default": default, "help": f"{doc} (default: {default})"}
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        return {**shown, "type": type(choices[0]), "choices": choices}
    return {**shown, "type": hint, "metavar": "N"}


def options_from(arguments: argparse.Namespace) -> Options:
    """Build the options from a parsed command line. Other options keep their defaults.

    Raises:
        ValueError: A value is out of range; the message names its option.
    """
    given = {option.name for option in fields(Options)} & vars(arguments).keys()
    values: Any = {name: getattr(arguments, name) for name in given}
    keys = {name: frozenset(value) for name, value in values.items() if isinstance(value, list)}
    return Options(**{**values, **keys})


def main(argv: Sequence[str] | None = None, prog: str = "python -m syncd.simulator") -> None:
    """Serve until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(
        prog=prog,
        usage=f"{prog} [OPTIONS]",
        description="Catch The Good Ones, simulated. Its world is forgotten when it ends.",
        formatter_class=_Help,
        add_help=False,
    )
    group = parser.add_argument_group("Options")
    group.add_argument("-h", "--help", action="help", help="show this message and exit")
    group.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    group.add_argument("--port", type=int, default=8400, help="port to listen on, 0 for any (default: 8400)")
    add_arguments(group)
    arguments = parser.parse_args(argv)
    try:
        options = options_from(arguments)
    except ValueError as error:
        parser.error(str(error))
    try:
        serve(options, arguments.host, arguments.port, ready=_announce)
    except OSError as error:
        parser.exit(
            1, f"Cannot listen on {arguments.host}:{arguments.port}: {error.strerror}. Try another --port.\n"
        )


def _announce(url: str) -> None:
    print(f"CTGO simulator at {url}/api/v2, any key ctgo_…; {url}/_sim/stats tells what came in.", flush=True)  # noqa: T201 - it is a program
