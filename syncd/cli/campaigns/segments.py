"""`syncd segments`: list, show or create segments, which describe the people that campaigns look for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.campaigns.session import (
    Fields,
    SourceName,
    drafted,
    list_by_default,
    missing,
    say_document,
    say_list,
    say_one,
    session,
)
from syncd.cli.context import AsJson, group_app
from syncd.cli.input_file import read_toml
from syncd.cli.output import date_time
from syncd.core.lead import LARGEST_ID

if TYPE_CHECKING:
    from syncd.ctgo.campaigns.streams import Segment

app = group_app("List, show or create segments, which describe the people that a campaign looks for.")

_Archived = Annotated[bool, typer.Option("--archived", help="Also archived segments.")]


@app.command("list")
def list_(
    context: typer.Context, archived: _Archived = False, source: SourceName = "", as_json: AsJson = False
) -> int:
    """List the segments, with the number of campaigns that use each."""
    with session(context, source) as ctgo:
        found = ctgo.api.segments.list(archived=archived)
    empty = "There is no segment. To create one: syncd segments create FILE.toml"
    columns = ("id", "name", "description", "campaigns")
    rows = [(it.id, it.name, it.description, it.linked_streams) for it in found]
    return say_list([it.document() for it in found], as_json, columns, rows, empty)


list_by_default(app, list_)


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
    return say_one(segment.document(), as_json, _fields(segment))


@app.command()
def create(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="Its description; - reads stdin.")],
    source: SourceName = "",
    as_json: AsJson = False,
) -> int:
    """Create a segment. It cannot be edited later: create another one, and put it into the campaigns' pairs."""
    document = read_toml(file)
    from syncd.ctgo.campaigns.drafts import NewSegment  # noqa: PLC0415 - --help can do without

    with drafted(file):
        draft = NewSegment.read(document)
    with session(context, source) as ctgo:
        made = ctgo.api.segments.create(draft)
    return say_document(made.document(), as_json, f"Created segment {made.id}.")


def _fields(segment: "Segment") -> Fields:
    labels = [(name, ", ".join(found)) for name, found in (segment.labels or {}).items()]
    return [
        ("segment", segment.id),
        ("name", segment.name),
        ("description", segment.description),
        *labels,
        ("genders", ", ".join(segment.genders or ())),
        ("follower tiers", ", ".join(segment.follower_tiers or ())),
        ("campaigns", segment.linked_streams),
        ("created", date_time(segment.created_at)),
    ]
