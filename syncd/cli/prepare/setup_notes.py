"""The setup of each connector, with its results as notes."""

from collections.abc import Sequence

from syncd.app.mappings import Mapped, compile_connectors
from syncd.cli.context import unknown
from syncd.cli.exits import Exit
from syncd.cli.prepare.notes import Note
from syncd.clock import SystemClock
from syncd.connector import Change, Connector
from syncd.core.failure import CODES, Failure, Refused
from syncd.log import configure, logger, redact_values
from syncd.settings import Settings


def prepare(settings: Settings, names: Sequence[str], *, apply: bool) -> list[Note]:
    """Set up the named connectors, or all. A note fails only if its connector could not be asked.

    Raises:
        SettingsError: the configuration is wrong.
        TyperException: no connector has a given name.
    """
    mapped = compile_connectors(settings)
    for name in names:
        if name not in mapped:
            raise unknown("connector", name, mapped)
    redact_values(secret for m in mapped.values() for secret in m.configured.secrets)
    configure(settings.log.format, "error")
    clock = SystemClock()
    chosen = [m for m in mapped.values() if not names or m.name in names]
    return [note.scrubbed() for m in chosen for note in _notes(m, clock, apply=apply)]


def _notes(m: Mapped, clock: SystemClock, *, apply: bool) -> list[Note]:
    """Set up one connector; its failure does not stop the others."""
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
        return [Note("failed", about, why.detail, why.code, fix, Exit.FAILED)]
    except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything, and the others must be set up
        return [_bug(about, f"its setup raised {type(error).__name__}")]
    return [_note(about, change, apply=apply) for change in changes] or [
        Note("ok", about, "nothing is missing")
    ]


def _note(about: str, change: Change, *, apply: bool) -> Note:
    if change.done:
        return Note("made", about, change.what)
    if change.by_hand:
        return Note("by hand", about, change.what, fix=change.by_hand)
    # With `apply`, a change that is neither made nor explained is a bug
    return _bug(about, change.what) if apply else Note("missing", about, change.what)


def _bug(about: str, text: str) -> Note:
    return Note("failed", about, text, "connector_bug", CODES["connector_bug"], Exit.FAILED)
