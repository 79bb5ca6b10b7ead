"""`syncd runs`: list or show the runs of campaigns."""

from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.campaigns.render import RUN_COLUMNS, run_fields, run_row
from syncd.cli.campaigns.session import Session, SourceName, missing, refuse_options, say_list, session
from syncd.cli.context import AsJson, group_app
from syncd.cli.exits import Exit
from syncd.cli.output import date_time, say, say_fields, say_json
from syncd.core.lead import LARGEST_ID

if TYPE_CHECKING:
    from syncd.ctgo.campaigns.runs import Run

app = group_app("List or show runs of campaigns.")

MOST = 100

_Stream = Annotated[
    int | None, typer.Option("--stream", metavar="ID", min=1, max=LARGEST_ID, help="Of this campaign.")
]


@app.callback()
def runs(context: typer.Context, source: SourceName = "", as_json: AsJson = False) -> int:
    """List, unless a command follows."""
    if context.invoked_subcommand is None:
        return list_(context, source=source, as_json=as_json)
    return refuse_options(context, source, as_json)


@app.command("list")
def list_(
    context: typer.Context,
    stream: _Stream = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST, metavar="N", help="At most N runs.")] = 30,
    source: SourceName = "",
    as_json: AsJson = False,
) -> int:
    """List the latest runs, of all campaigns or of one."""
    with session(context, source) as ctgo:
        api = ctgo.api.runs
        found = api.list(limit=limit) if stream is None else api.of_stream(stream, limit=limit)
    empty = "There is no run. To start one: syncd streams run ID --wait"
    rows = [run_row(run) for run in found]
    return say_list([run.document() for run in found], as_json, RUN_COLUMNS, rows, empty)


@app.command()
def show(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="A run.")],
    stream: _Stream = None,
    source: SourceName = "",
    as_json: AsJson = False,
) -> int:
    """Show one run with its log. Without --stream, it is searched among the latest 100."""
    with session(context, source) as ctgo:
        run = _find(ctgo, number) if stream is None else ctgo.api.runs.show(stream, number)
    if as_json:
        say_json(run.document())
        return Exit.DONE
    say_fields(run_fields(run))
    for step in run.steps:
        say("  ".join(part for part in (date_time(step.timestamp), step.message or step.step or "") if part))
    return Exit.DONE


def _find(ctgo: Session, number: int) -> "Run":
    """Find a run of any campaign. Raises Reject `not_found`."""
    run = next((run for run in ctgo.api.runs.list(limit=MOST) if run.id == number), None)
    if run is None:
        raise missing(
            "run", number, "syncd runs list", "If the run is older, name its campaign with --stream ID."
        )
    # The list may leave the log out
    return ctgo.api.runs.show(run.stream_id, number) if run.stream_id else run
