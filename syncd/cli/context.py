"""The start of a verb: its Typer app, the configuration, the ledger, and the target of a name on the command line."""

import os
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.app.privileges import came_as, settings_in_force
from syncd.cli.engine_holder import nudge
from syncd.cli.verb_help import Verbs
from syncd.core.failure import CODES
from syncd.log import escape, redact_values
from syncd.settings import Settings, SettingsError, instant, seconds, secret_values
from syncd.settings.error_messages import hint

if TYPE_CHECKING:
    from syncd.ledger import Ledger


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


@contextmanager
def ledger_to_change(settings: Settings) -> Iterator["Ledger"]:
    """Open the ledger for an action of a person, and wake a running engine afterwards.

    It makes no ledger. Raises LedgerError, also if there is none yet.
    """
    from syncd.ledger import Ledger, LedgerError  # noqa: PLC0415 - as above

    path = settings.state.path
    if not path.exists():
        raise LedgerError("ledger_broken", f"There is no ledger at {path} yet: run syncd --once first.")
    with Ledger.open(path) as ledger:
        ledger.flow = settings.console is not None
        yield ledger
    nudge(path)


@dataclass(frozen=True, slots=True)
class Target:
    """A source or connector, with its lanes as (kind, name)."""

    what: str
    name: str
    lanes: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.what} {self.name}"


def target_of(settings: Settings, name: str) -> Target:
    """Find the source or connector of a name. Raises a usage error with the nearest name."""
    if name in settings.connectors:
        polls = (("hear", name),) if settings.connectors[name].feedback else ()
        return Target("connector", name, (("deliver", name), *polls))
    if name in settings.sources:
        from syncd.engine.source import SOURCE_LANES  # noqa: PLC0415 - brings the client of CTGO along

        source = settings.sources[name]
        also = (("enrich", source.enrich), ("push", source.push), ("feedback", settings.gives_feedback))
        kinds = (*SOURCE_LANES, *(kind for kind, table in also if table))
        return Target("source", name, tuple((kind, name) for kind in kinds))
    raise unknown(
        "source or connector", name, {*settings.sources, *settings.connectors}, "sources and connectors"
    )


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


def advice(settings: Settings, code: str, name: str = "", *, halted: bool = False) -> str:
    """Advise what to do about a failure code of the source or connector `name`; empty if nobody knows.

    `halted`: its lane stands still, so the advice is to resume the lane, and not to retry one lead.
    """
    fix = CODES.get(code, "")
    if not fix and name in settings.connectors:
        from syncd import registry  # noqa: PLC0415 - imports the plugin

        try:
            fix = registry.codes([settings.connectors[name].type]).get(code, "")
        except SettingsError:  # a missing plugin has no advice; `check` reports that it is missing
            return ""
    if halted:
        fix = fix.replace(
            "syncd rejected retry",
            "syncd resume NAME; or, if these are to be rejected: syncd resume NAME --accept",
        )
    return fix.replace("SOURCE", name).replace("NAME", name) if name else fix


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
