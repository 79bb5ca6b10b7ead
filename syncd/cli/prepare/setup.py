"""`syncd setup`: what must exist in a CRM before the first lead, listed and, with `--apply`, made."""

from typing import Annotated

import typer

from syncd.cli.context import settings_of
from syncd.cli.output import say, say_json

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def setup(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Of these connectors; without, of all.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Make what is missing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
) -> int:
    """What must exist in a CRM before the first lead: properties, fields, lists. Only --apply makes anything.

    Exits with 0 when every connector could be asked and, with --apply, syncd made all that it can make; what is left for
    a person is said, and `syncd check` tells whether it stands in the way. 2: a connector failed; 78: configuration.
    """
    from syncd.cli.prepare.setup_notes import prepare  # noqa: PLC0415 - the engine and all below it

    prepared = prepare(settings_of(context), names or (), apply=apply)
    if as_json:
        keys = ("state", "about", "what", "code", "fix")
        told = [{key: getattr(it, key) for key in keys} for it in prepared.notes]
        say_json({"ok": not prepared.exit, "exit": int(prepared.exit), "changes": told})
        return prepared.exit
    states, abouts = (
        max(map(len, column)) for column in zip(*((n.state, n.about) for n in prepared.notes), strict=True)
    )
    for note in prepared.notes:
        code = f" ({note.code})" if note.code else ""
        say(f"{note.state:{states}}  {note.about:{abouts}}  {note.what}{code}")
        if note.fix:
            say(f"{'':{states}}  {'':{abouts}}  {note.fix}")
    if any(note.state == "missing" for note in prepared.notes):
        say("To make what is missing: syncd setup --apply")
    return prepared.exit
