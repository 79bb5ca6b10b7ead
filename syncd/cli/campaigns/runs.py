"""`syncd runs`: list or show the runs of campaigns."""

from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.campaigns.session import (
    Fields,
    Row,
    Session,
    SourceName,
    at_handle,
    list_by_default,
    missing,
    say_list,
    session,
)
from syncd.cli.context import AsJson, group_app
from syncd.cli.exits import Exit
from syncd.cli.output import ago, date_time, say, say_fields, say_json
from syncd.clock import SystemClock
from syncd.core.lead import LARGEST_ID

if TYPE_CHECKING:
    from syncd.ctgo.campaigns.runs import Run

app = group_app("List or show runs of campaigns.")

MOST = 100
COLUMNS = (
    "run", "campaign", "account", "segment", "status", "followers", "leads", "medium", "enriched", "started",
)  # fmt: skip
DROP = ("medium", "enriched", "segment", "account", "followers", "leads")
"""Columns that a narrow terminal goes without, the first one first."""

_Stream = Annotated[
    int | None, typer.Option("--stream", metavar="ID", min=1, max=LARGEST_ID, help="Of this campaign.")
]


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
    rows = [row_of(run) for run in found]
    return say_list([run.document() for run in found], as_json, COLUMNS, rows, empty, drop=DROP)


list_by_default(app, list_)


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
    say_fields(_fields(run))
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


def row_of(run: "Run") -> Row:
    """Make a row of a list of runs."""
    return (
        run.id,
        run.stream_name or run.stream_id,
        at_handle(run.handle) or run.account_id,
        run.segment_name or run.segment_id,
        run.status,
        run.new_followers,
        run.passed,
        run.medium_fit,
        run.enriched,
        ago(run.triggered_at.timestamp(), SystemClock().now()) if run.triggered_at else "",
    )


def _fields(run: "Run") -> Fields:
    return [
        ("run", run.id),
        ("campaign", _both(run.stream_id, run.stream_name)),
        ("account", _both(run.account_id, at_handle(run.handle))),
        ("segment", _both(run.segment_id, run.segment_name)),
        ("status", run.status),
        ("error", run.error),
        ("source", run.source),
        ("mode", run.mode),
        ("started", date_time(run.triggered_at)),
        ("completed", date_time(run.completed_at)),
        ("new followers", run.new_followers),
        ("leads", run.passed),
        ("of these medium", run.medium_fit),
        ("enriched", run.enriched),
    ]


def _both(number: int | None, name: str | None) -> str:
    return " ".join(str(part) for part in (number, name) if part)
