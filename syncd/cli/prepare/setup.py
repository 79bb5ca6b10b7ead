"""`syncd setup`: list what must exist in a CRM before the first lead and, with `--apply`, create it."""

from typing import Annotated

import typer

from syncd.cli.context import AsJson, settings_of
from syncd.cli.exits import strongest
from syncd.cli.output import say, say_json


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
    from syncd.cli.prepare.notes import print_notes  # noqa: PLC0415
    from syncd.cli.prepare.setup_notes import prepare  # noqa: PLC0415 - the engine and all below it

    notes = prepare(settings_of(context), names or (), apply=apply)
    code = strongest(note.exit for note in notes)
    if as_json:
        changes = [
            {"state": it.state, "about": it.about, "what": it.text, "code": it.code, "fix": it.fix}
            for it in notes
        ]
        say_json({"ok": not code, "exit": int(code), "changes": changes})
        return code
    print_notes(notes)
    if any(note.state == "missing" for note in notes):
        say("To create what is missing: syncd setup --apply")
    return code
