"""The start of a verb: its Typer app, the configuration, the ledger, and the target of a name on the command line."""

import os
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.app.privileges import came_as, settings_in_force
from syncd.cli.verb_help import Verbs
from syncd.log import escape, redact_values
from syncd.settings import Settings, instant, seconds, secret_values
from syncd.settings.error_messages import hint
from syncd.verbs.engine_holder import nudge

if TYPE_CHECKING:
    from syncd.ledger import Ledger
    from syncd.verbs.actor import Actor


AsJson = Annotated[bool, typer.Option("--json", help="For a script.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def group_app(help_: str) -> typer.Typer:
    """Make the app of a verb with commands of its own; its callback runs without one."""
    return typer.Typer(
        cls=Verbs, rich_markup_mode=None, add_completion=False, invoke_without_command=True, help=help_
    )


def settings_of(context: typer.Context) -> Settings:
    """Read the settings, and redact their secrets from the log; root becomes the ledger's owner.

    Raises SettingsError.
    """
    settings = settings_in_force(context.obj)
    redact_values(secret_values(settings))
    return settings


def ledger_to_read(settings: Settings) -> "Ledger":
    """Open the ledger to read. Raises LedgerError."""
    from syncd.ledger import Ledger  # noqa: PLC0415 - only the verbs that open it pay for it

    return Ledger.open_to_read(settings.state.path)


def at_work(settings: Settings) -> AbstractContextManager["Actor"]:
    """Open the ledger for acts of the person at the keyboard, and wake a running engine afterwards. Raises LedgerError."""
    from syncd.verbs import actor  # noqa: PLC0415 - as above

    return actor.at_work(settings, operator(), "cli")


@contextmanager
def ledger_to_change(settings: Settings) -> Iterator["Ledger"]:
    """Open the ledger as `at_work` does, for a verb that has its act at hand."""
    with at_work(settings) as actor:
        yield actor.ledger


def describe_next(ledger: Path) -> str:
    """Nudge the engine on a ledger; describe who continues with the work there."""
    process = nudge(ledger)
    if process is None:
        return "No engine is running; to continue: syncd --once"
    return f"The running engine (process {process}) continues with them."


def unknown(what: str, name: str, known: Collection[str], many: str = "") -> typer.TyperException:
    """Make the usage error for an unknown name: it shows the nearest name, or all names. `many`: the plural of `what`."""
    return typer.TyperException(
        f"There is no {what} {escape(name[:64])}; {hint(name, known, many or f'{what}s')}"
    )


def parse_duration(text: str) -> float:
    """Parse a duration on the command line into seconds. Raises a usage error."""
    try:
        return seconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def parse_instant(text: str) -> float:
    """Parse an instant on the command line into seconds since the epoch. Raises a usage error."""
    try:
        return instant(text).timestamp()
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def instant_option(name: str, help_: str) -> Any:
    """Make an option that takes an instant, in the same forms for every verb."""
    return typer.Option(name, parser=parse_instant, metavar="TIME", help=f"{help_}: {TIMES}.")


TIMES = "2026-11-30, yesterday, 2h (ago)"
"""Examples of an instant, for the help of an option."""


def operator() -> str:
    """Name the person at the keyboard, for the operator's log."""
    return os.environ.get("SUDO_USER") or came_as()


def can_ask() -> bool:
    """Tell if there is a terminal to ask on and to answer from."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str) -> bool:
    """Ask; any answer but yes is no. Raises a usage error if nobody can answer."""
    if not sys.stdin.isatty():
        raise typer.TyperException("Nobody can answer here: add --yes to confirm.")
    return ask(question)


def choose(question: str, answers: Mapping[str, str], *, otherwise: str) -> str:
    """Ask on stderr until an answer is one of `answers`; return its meaning.

    `otherwise`: the meaning of an empty line and of the end of the input.
    """
    sys.stderr.write(question)
    while True:
        sys.stderr.flush()
        answer = sys.stdin.readline().strip().lower()
        if not answer:
            return otherwise
        if answer in answers:
            return answers[answer]
        sys.stderr.write(f"Type {', '.join(dict.fromkeys(word[0] for word in answers))}, then Enter: ")


def ask(question: str) -> bool:
    """Print a question on stderr; return True if the answer is yes."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
