"""The command line: one flag for each option."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import Field, fields
from functools import partial
from typing import Any, Literal, get_args, get_origin, get_type_hints

from syncd.simulator.crms.salesperson import controlled
from syncd.simulator.crms.vendors import CRMS, configuration
from syncd.simulator.options import Options
from syncd.simulator.request_log import logged
from syncd.simulator.serve import serve
from syncd.simulator.wsgi import serve_app


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
    """Serve CTGO, or the CRM that `--crm` names, until Ctrl-C or SIGTERM."""
    words = sys.argv[1:] if argv is None else argv
    chosen = any(word == "--crm" or word.startswith("--crm=") for word in words)
    (_serve_crm if chosen else _serve_ctgo)(words, prog)


def _serve_ctgo(words: Sequence[str], prog: str) -> None:
    parser, group = _parser(prog, "Catch The Good Ones, simulated. Its world is forgotten when it ends.")
    group.add_argument("--crm", metavar="NAME", help=f"serve a CRM instead: {', '.join(CRMS)}")
    group.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    group.add_argument(
        "--port", type=_port, default=8400, help="port to listen on, 0 for any (default: 8400)"
    )
    add_arguments(group)
    given = parser.parse_args(words)
    try:
        options = options_from(given)
    except ValueError as error:
        parser.error(str(error))
    with _port_taken(parser, given.host, given.port):
        serve(options, given.host, given.port, partial(_announce_ctgo, options), _log(given))


def _serve_crm(words: Sequence[str], prog: str) -> None:
    parser, group = _parser(
        prog, "A CRM, simulated. It is empty at first, and forgets everything when it ends."
    )
    group.add_argument(
        "--crm", choices=CRMS, required=True, help=f"the CRM: {', '.join(CRMS)}", metavar="NAME"
    )
    ports = ", ".join(f"{crm.port} for {name}" for name, crm in CRMS.items())
    group.add_argument(
        "--port", type=_port, metavar="PORT", help=f"port to listen on, 0 for any (default: {ports})"
    )
    given = parser.parse_args(words)
    crm = CRMS[given.crm]
    port = crm.port if given.port is None else given.port
    app, log = controlled(crm.make(time.time, time.monotonic)), _log(given)
    with _port_taken(parser, "127.0.0.1", port):
        serve_app(logged(app, log) if log else app, "127.0.0.1", port, partial(_announce_crm, given.crm))


def _parser(prog: str, description: str) -> tuple[argparse.ArgumentParser, argparse._ArgumentGroup]:
    parser = argparse.ArgumentParser(
        prog=prog,
        usage=f"{prog} [OPTIONS]",
        description=description,
        formatter_class=_Help,
        add_help=False,
    )
    group = parser.add_argument_group("Options")
    group.add_argument("-h", "--help", action="help", help="show this message and exit")
    group.add_argument("-v", "--verbose", action="store_true", help="print a line for each request")
    return parser, group


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**16:
        raise argparse.ArgumentTypeError(f"{text} is no port: it is a number from 0 to 65535")
    return int(text)


def _log(given: argparse.Namespace) -> Callable[[str], None] | None:
    return _print_request if given.verbose else None


def _print_request(line: str) -> None:
    with suppress(OSError):  # nobody reads any more
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - as below


@contextmanager
def _port_taken(parser: argparse.ArgumentParser, host: str, port: int) -> Iterator[None]:
    """Exit with a sentence if the address is not available."""
    try:
        yield
    except OSError as error:
        parser.exit(1, f"Cannot listen on {host}:{port}: {error.strerror}. Try another --port.\n")


def _announce_ctgo(options: Options, url: str) -> None:
    key = min(options.api_keys, default="ctgo_simulated")
    print(  # noqa: T201 - it is a program
        f"# Catch The Good Ones, simulated. {url}/_sim/stats tells what came in. For config.toml:\n"
        f'[sources.main]\napi_key = "{key}"\nbase_url = "{url}/api/v2"\n\n'
        "# Each start finds the same leads, and a ledger that had them finds nothing new: then start it with\n"
        f"# --skip {options.skip + options.leads}, or add some: curl -d '{{\"count\": 5}}' {url}/_sim/leads",
        flush=True,
    )


def _announce_crm(type_: str, url: str) -> None:
    print(  # noqa: T201 - it is a program
        f"# {CRMS[type_].title}, simulated. {url}/control shows its people. For config.toml:\n"
        f"{configuration(type_, url)}\n# Then: syncd setup {CRMS[type_].table} --apply",
        flush=True,
    )
