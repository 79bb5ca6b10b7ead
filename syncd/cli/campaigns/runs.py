"""`syncd runs`: what CTGO did for campaigns, from the command line."""

from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.campaigns.render import RUN_COLUMNS, run_fields, run_row
from syncd.cli.campaigns.session import AsJson, Asking, SourceName, alone, asking, missing
from syncd.cli.exits import Exit
from syncd.cli.output import say, say_fields, say_json, say_table, told
from syncd.core.lead import LARGEST_ID

if TYPE_CHECKING:
    from syncd.ctgo.campaigns.runs import Run

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    invoke_without_command=True,
    help="Runs of campaigns: list, show.",
)

MOST = 100

_Stream = Annotated[
    int | None, typer.Option("--stream", metavar="ID", min=1, max=LARGEST_ID, help="Of this campaign.")
]


@app.callback()
def runs(context: typer.Context, source: SourceName = "", as_json: AsJson = False) -> int:
    """Without a further word, list."""
    if context.invoked_subcommand is None:
        return list_(context, source=source, as_json=as_json)
    return alone(context, source, as_json)


@app.command("list")
def list_(
    context: typer.Context,
    stream: _Stream = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=MOST, metavar="N", help="So many at most.")
    ] = 30,
    source: SourceName = "",
    as_json: AsJson = False,
) -> int:
    """The latest runs, of all campaigns or of one."""
    with asking(context, source) as ctgo:
        api = ctgo.api.runs
        found = api.list(limit=limit) if stream is None else api.of_stream(stream, limit=limit)
    if as_json:
        say_json([run.document() for run in found])
    elif found:
        say_table(RUN_COLUMNS, [run_row(run) for run in found])
    else:
        say("There was no run. Start one with: syncd streams run ID --wait")
    return Exit.DONE


@app.command()
def show(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="A run.")],
    stream: _Stream = None,
    source: SourceName = "",
    as_json: AsJson = False,
) -> int:
    """One run with its log. Without --stream it is looked for among the latest 100."""
    with asking(context, source) as ctgo:
        run = _find(ctgo, number) if stream is None else ctgo.api.runs.show(stream, number)
    if as_json:
        say_json(run.document())
        return Exit.DONE
    say_fields(run_fields(run))
    for step in run.steps:
        say("  ".join(part for part in (told(step.timestamp), step.message or step.step or "") if part))
    return Exit.DONE


def _find(ctgo: Asking, number: int) -> "Run":
    """A run of any campaign. Raises Reject `not_found`."""
    run = next((run for run in ctgo.api.runs.list(limit=MOST) if run.id == number), None)
    if run is None:
        raise missing("run", number, "syncd runs list", "If it is older, say whose it is with --stream ID.")
    # The list may leave the log out
    return ctgo.api.runs.show(run.stream_id, number) if run.stream_id else run
