"""What `setup` does with each connector, as notes: a state, what it is about, a sentence, and what is left for a person.

Every text passes the log's redaction: a connector is a stranger's code, and may say what it was given.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from syncd.app.compose import Mapped, compile_connectors
from syncd.cli.context import unknown
from syncd.cli.exits import Exit, strongest
from syncd.clock import SystemClock
from syncd.connector import Change, Connector
from syncd.core.failure import CODES, Failure, Refused
from syncd.log import configure, logger, redact_values, scrub
from syncd.settings import Settings

State = Literal["ok", "made", "missing", "by hand", "failed"]


@dataclass(frozen=True, slots=True)
class Note:
    """One line of the report. `fix`: what is left for a person."""

    state: State
    about: str
    what: str
    code: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The report, and what to exit with."""

    notes: Sequence[Note]

    @property
    def exit(self) -> Exit:
        """2 if a connector could not be asked; what only a person can make is no failure of the command."""
        return strongest(Exit.FAILED for note in self.notes if note.state == "failed")


def prepare(settings: Settings, names: Sequence[str], *, apply: bool) -> Prepared:
    """Set up the connectors of these names, or all.

    Raises:
        SettingsError: the configuration is wrong.
        TyperException: there is no connector of a name.
    """
    mapped = compile_connectors(settings)
    for name in names:
        if name not in mapped:
            raise unknown("connector", name, mapped)
    redact_values(secret for m in mapped.values() for secret in m.configured.secrets)
    configure(settings.log.format, "error")
    clock = SystemClock()
    chosen = [m for m in mapped.values() if not names or m.name in names]
    notes = [note for m in chosen for note in _notes(m, clock, apply=apply)]
    return Prepared([replace(note, what=scrub(note.what), fix=scrub(note.fix)) for note in notes])


def _notes(m: Mapped, clock: SystemClock, *, apply: bool) -> list[Note]:
    """What became of one connector; a failure of one keeps nothing from the others."""
    about, codes = f"connector {m.name}", {**m.configured.cls.codes, **CODES}
    try:
        connector = m.configured.open(clock, logger())
        try:
            if type(connector).setup is Connector.setup:
                return [Note("ok", about, "needs no setup")]
            changes = connector.setup(apply)
        finally:
            connector.close()
    except (Failure, Refused) as why:
        fix = codes.get(why.code, "").replace("NAME", m.name)
        return [Note("failed", about, why.detail, why.code, fix)]
    except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything, and the others are still to be set up
        detail = f"its setup raised {type(error).__name__}"
        return [Note("failed", about, detail, "connector_bug", CODES["connector_bug"])]
    return [_note(about, change, apply=apply) for change in changes] or [
        Note("ok", about, "nothing is missing")
    ]


def _note(about: str, change: Change, *, apply: bool) -> Note:
    if change.done:
        return Note("made", about, change.what)
    if change.by_hand:
        return Note("by hand", about, change.what, fix=change.by_hand)
    if apply:  # neither made nor said how
        return Note("failed", about, change.what, "connector_bug", CODES["connector_bug"])
    return Note("missing", about, change.what)
