"""`syncd segments`: list, show or create segments, which describe the people that campaigns look for."""

from pathlib import Path
from typing import Annotated

import typer

from syncd.cli.campaigns.render import SEGMENT_COLUMNS, segment_fields, segment_row
from syncd.cli.campaigns.session import (
    SourceName,
    complain_of_mistakes,
    missing,
    refuse_options,
    say_document,
    say_list,
    session,
)
from syncd.cli.context import AsJson, group_app
from syncd.cli.exits import Exit
from syncd.cli.input_file import read_toml
from syncd.cli.output import say_fields, say_json
from syncd.core.lead import LARGEST_ID

app = group_app("List, show or create segments, which describe the people that a campaign looks for.")

_Archived = Annotated[bool, typer.Option("--archived", help="Also archived segments.")]


@app.callback()
def segments(context: typer.Context, source: SourceName = "", as_json: AsJson = False) -> int:
    """List, unless a command follows."""
    if context.invoked_subcommand is None:
        return list_(context, source=source, as_json=as_json)
    return refuse_options(context, source, as_json)


@app.command("list")
def list_(
    context: typer.Context, archived: _Archived = False, source: SourceName = "", as_json: AsJson = False
) -> int:
    """List the segments, with the number of campaigns that use each."""
    with session(context, source) as ctgo:
        found = ctgo.api.segments.list(archived=archived)
    empty = "There is no segment. To create one: syncd segments create FILE.toml"
    rows = [segment_row(segment) for segment in found]
    return say_list([it.document() for it in found], as_json, SEGMENT_COLUMNS, rows, empty)


@app.command()
def show(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="A segment.")],
    source: SourceName = "",
    as_json: AsJson = False,
) -> int:
    """Show one segment with its labels, also an archived one."""
    with session(context, source) as ctgo:
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
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="Its description; - reads stdin.")],
    source: SourceName = "",
    as_json: AsJson = False,
) -> int:
    """Create a segment. It cannot be edited later: create another one, and put it into the campaigns' pairs."""
    document = read_toml(file)
    from syncd.ctgo.campaigns.drafts import DraftError, NewSegment  # noqa: PLC0415 - --help can do without

    try:
        draft = NewSegment.read(document)
    except DraftError as why:
        return complain_of_mistakes(why.mistakes, str(file))
    with session(context, source) as ctgo:
        made = ctgo.api.segments.create(draft)
    return say_document(made.document(), as_json, f"Created segment {made.id}.")
