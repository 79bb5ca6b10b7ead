"""What the verbs begin with: the configuration, the ledger, and what a name on the command line stands for."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from syncd.app.privileges import came_as, settings_in_force
from syncd.cli.engine_holder import nudge
from syncd.core.failure import CODES
from syncd.log import escape, redact_values
from syncd.settings import Settings, SettingsError, instant, seconds, secret_values
from syncd.settings.error_messages import hint

if TYPE_CHECKING:
    from syncd.ledger import Ledger


def settings_of(context: typer.Context) -> Settings:
    """The settings in force; their secrets are redacted from the log from now on, and root is the ledger's owner.

    Raises SettingsError.
    """
    settings = settings_in_force(context.obj)
    redact_values(secret_values(settings))
    return settings


@contextmanager
def ledger_to_change(settings: Settings) -> Iterator["Ledger"]:
    """The ledger, opened for an act of a person; an engine that runs on it is told afterwards.

    Makes no ledger. Raises LedgerError, also when there is none yet.
    """
    from syncd.ledger import Ledger, LedgerError  # noqa: PLC0415 - only the verbs that open it pay for it

    path = settings.state.path
    if not path.exists():
        raise LedgerError("ledger_broken", f"There is no ledger at {path} yet: run syncd --once first.")
    with Ledger.open(path) as ledger:
        yield ledger
    nudge(path)


@dataclass(frozen=True, slots=True)
class Place:
    """What a name stands for, with its lanes as (kind, name)."""

    what: str
    name: str
    lanes: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.what} {self.name}"


def place_of(settings: Settings, name: str) -> Place:
    """The source or connector of that name. Raises a usage error with the nearest name."""
    if name in settings.connectors:
        heard = (("hear", name),) if settings.connectors[name].feedback else ()
        return Place("connector", name, (("deliver", name), *heard))
    if name in settings.sources:
        from syncd.engine.source import SOURCE_LANES  # noqa: PLC0415 - brings the client of CTGO along

        source = settings.sources[name]
        also = (("enrich", source.enrich), ("push", source.push), ("feedback", settings.hears))
        kinds = (*SOURCE_LANES, *(kind for kind, table in also if table))
        return Place("source", name, tuple((kind, name) for kind in kinds))
    raise unknown(
        "source or connector", name, {*settings.sources, *settings.connectors}, "sources and connectors"
    )


def unknown(what: str, name: str, known: Collection[str], many: str = "") -> typer.TyperException:
    """The usage error for a name that is none: the nearest one, or all there are. `many`: the plural of `what`."""
    return typer.TyperException(
        f"There is no {what} {escape(name[:64])}; {hint(name, known, many or f'{what}s')}"
    )


def length(text: str) -> float:
    """A duration on the command line, in seconds. Raises a usage error."""
    try:
        return seconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def moment(text: str) -> datetime:
    """An instant on the command line, UTC unless it says otherwise. Raises a usage error."""
    try:
        found = instant(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def advice(settings: Settings, code: str, name: str = "", *, halted: bool = False) -> str:
    """What to do about a failure code of the source or connector `name`; empty when nobody says.

    `halted`: its lane stands still, so what a code says of one lead (retry it) is said of the lane (resume it).
    """
    fix = CODES.get(code, "")
    if not fix and name in settings.connectors:
        from syncd import registry  # noqa: PLC0415 - imports the plugin

        try:
            fix = registry.codes([settings.connectors[name].type]).get(code, "")
        except SettingsError:  # a plugin that is gone has no advice; `check` says that it is gone
            return ""
    if halted:
        fix = fix.replace(
            "syncd rejected retry",
            "syncd resume NAME; or, if these are to be rejected: syncd resume NAME --accept",
        )
    return fix.replace("SOURCE", name).replace("NAME", name) if name else fix


def operator() -> str:
    """Who is at the keyboard, for the operator's log."""
    return os.environ.get("SUDO_USER") or came_as()
