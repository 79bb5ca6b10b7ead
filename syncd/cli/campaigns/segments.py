"""`syncd segments`: what campaigns look for in people, from the command line."""

from pathlib import Path
from typing import Annotated

import typer

from syncd.cli.campaigns.render import SEGMENT_COLUMNS, segment_fields, segment_row
from syncd.cli.campaigns.session import AsJson, SourceName, alone, asking, missing, tell_mistakes
from syncd.cli.exits import Exit
from syncd.cli.input_file import read_toml
from syncd.cli.output import say, say_fields, say_json, say_table
from syncd.core.lead import LARGEST_ID

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    invoke_without_command=True,
    help="Segments, which say whom a campaign looks for: list, show, create.",
)

_Archived = Annotated[bool, typer.Option("--archived", help="Archived ones too.")]


@app.callback()
def segments(context: typer.Context, source: SourceName = "", as_json: AsJson = False) -> int:
    """Without a further word, list."""
    if context.invoked_subcommand is None:
        return list_(context, source=source, as_json=as_json)
    return alone(context, source, as_json)


@app.command("list")
def list_(
    context: typer.Context, archived: _Archived = False, source: SourceName = "", as_json: AsJson = False
) -> int:
    """The segments, and how many campaigns use each."""
    with asking(context, source) as ctgo:
        found = ctgo.api.segments.list(archived=archived)
    if as_json:
        say_json([segment.document() for segment in found])
    elif found:
        say_table(SEGMENT_COLUMNS, [segment_row(segment) for segment in found])
    else:
        say("There is no segment. Make one with: syncd segments create FILE.toml")
    return Exit.DONE


@app.command()
def show(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="A segment.")],
    source: SourceName = "",
    as_json: AsJson = False,
) -> int:
    """One segment with its labels, also an archived one."""
    with asking(context, source) as ctgo:
        segment = next((it for it in ctgo.api.segments.list(archived=True) if it.id == number), None)
        if segment is None:
            raise missing("segment", number, "syncd segments list --archived")
    if as_json:
        say_json(segment.document())
    else:
        say_fields(segment_fields(segment))
    return Exit.DONE


@app.command()
def create(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE.toml", help="What to look for; - reads it from stdin.")
    ],
    source: SourceName = "",
    as_json: AsJson = False,
) -> int:
    """Create a segment. It cannot be edited afterwards: make another and put it into the campaigns' pairs."""
    document = read_toml(file)
    from syncd.ctgo.campaigns.drafts import DraftError, NewSegment  # noqa: PLC0415 - --help can do without

    try:
        draft = NewSegment.read(document)
    except DraftError as why:
        return tell_mistakes(why.mistakes, str(file))
    with asking(context, source) as ctgo:
        made = ctgo.api.segments.create(draft)
    if as_json:
        say_json(made.document())
    else:
        say(f"Created segment {made.id}.")
    return Exit.DONE
