"""`syncd setup`: list what must exist in a CRM before the first lead and, with `--apply`, create it."""

from collections.abc import Sequence
from typing import Annotated

import typer

from syncd.cli.context import AsJson, settings_of, unknown
from syncd.cli.output import say
from syncd.cli.prepare.notes import Note, ask_connector, bug, print_notes
from syncd.clock import SystemClock
from syncd.connector import Change, Connector
from syncd.log import configure, redact_values
from syncd.settings import Settings


def setup(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Connectors; without a name, all.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Create what is missing.")] = False,
    as_json: AsJson = False,
) -> int:
    """List what must exist in a CRM before the first lead: properties, fields, lists. Only --apply creates anything.

    Exits with 0 if every connector could be asked and, with --apply, everything was created that syncd can create. It
    lists what is left for a person; `syncd check` tells if that stands in the way. 2: a connector failed; 78: configuration.
    """
    notes = set_up(settings_of(context), names or (), apply=apply)
    code = print_notes(notes, ("changes", "state", "what"), as_json=as_json)
    if not as_json and any(note.state == "missing" for note in notes):
        say("To create what is missing: syncd setup --apply")
    return code


def set_up(settings: Settings, names: Sequence[str] = (), *, apply: bool) -> list[Note]:
    """Set up the named connectors, or all. Raises SettingsError, and a usage error for an unknown name."""
    from syncd.app.connectors import compile_connectors  # noqa: PLC0415 - the engine and all below it

    for name in names:
        if name not in settings.connectors:
            raise unknown("connector", name, settings.connectors)
    mapped = compile_connectors(settings, names)
    redact_values(secret for m in mapped.values() for secret in m.configured.secrets)
    configure(settings.log.format, "error")
    clock = SystemClock()

    def ask(connector: Connector, about: str) -> list[Note]:
        if type(connector).setup is Connector.setup:
            return [Note("ok", about, "needs no setup")]
        notes = [_note(about, change, apply=apply) for change in connector.setup(apply)]
        return notes or [Note("ok", about, "nothing is missing")]

    found = [ask_connector(m, clock, ask, "failed", "its setup raised {}") for m in mapped.values()]
    return [note.scrubbed() for notes in found for note in notes]


def _note(about: str, change: Change, *, apply: bool) -> Note:
    if change.done:
        return Note("made", about, change.what)
    if change.by_hand:
        return Note("by hand", about, change.what, fix=change.by_hand)
    # With `apply`, a change that is neither made nor explained is a bug
    return bug("failed", about, change.what) if apply else Note("missing", about, change.what)
