"""`syncd streams`: campaigns, from the command line."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.campaigns.bills import agreed_to, of_stream
from syncd.cli.campaigns.render import PAIR_COLUMNS, STREAM_COLUMNS, pair_row, stream_fields, stream_row
from syncd.cli.campaigns.session import (
    AsJson,
    Asking,
    SourceName,
    StreamId,
    Yes,
    alone,
    asking,
    tell_mistakes,
)
from syncd.cli.campaigns.start import tell_started, watch
from syncd.cli.context import length
from syncd.cli.exits import Exit
from syncd.cli.input_file import read_toml
from syncd.cli.output import say, say_fields, say_json, say_table
from syncd.core.lead import LARGEST_ID

if TYPE_CHECKING:
    from syncd.ctgo.campaigns.drafts import NewStream
    from syncd.ctgo.campaigns.streams import StreamMade

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    invoke_without_command=True,
    help="Campaigns: list, show, create, run, retest, archive, restore.",
)

MAX_WAIT = 3600.0
"""Seconds that runs are watched."""


@app.callback()
def streams(context: typer.Context, source: SourceName = "", as_json: AsJson = False) -> int:
    """Without a further word, list."""
    if context.invoked_subcommand is None:
        return list_(context, source, as_json)
    return alone(context, source, as_json)


@app.command("list")
def list_(context: typer.Context, source: SourceName = "", as_json: AsJson = False) -> int:
    """The campaigns; archived ones are not among them."""
    with asking(context, source) as ctgo:
        found = ctgo.api.streams.list()
    if as_json:
        say_json([campaign.document() for campaign in found])
    elif found:
        say_table(STREAM_COLUMNS, [stream_row(campaign) for campaign in found])
    else:
        say("There is no campaign. Make one with: syncd streams create FILE.toml")
    return Exit.DONE


@app.command()
def show(context: typer.Context, stream: StreamId, source: SourceName = "", as_json: AsJson = False) -> int:
    """One campaign with its pairs and settings, also an archived one."""
    with asking(context, source) as ctgo:
        campaign = ctgo.api.streams.show(stream)
    if as_json:
        say_json(campaign.document())
        return Exit.DONE
    say_fields(stream_fields(campaign))
    if campaign.pairs:
        say_table(PAIR_COLUMNS, [pair_row(pair) for pair in campaign.pairs])
    return Exit.DONE


@app.command()
def create(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE.toml", help="What it is to be; - reads it from stdin.")
    ],
    yes: Yes = False,
    source: SourceName = "",
    as_json: AsJson = False,
) -> int:
    """Create a campaign, with its segments, and with the accounts that it names by handle.

    An account that is not tracked yet is billed from then on: that is said first, and asked about unless you say --yes.
    A lost answer is looked for in the list of campaigns, and nothing is made twice.
    """
    document = read_toml(file)
    from syncd.ctgo.campaigns.drafts import DraftError, NewStream  # noqa: PLC0415 - --help can do without

    try:
        draft = NewStream.read(document)
    except DraftError as why:
        return tell_mistakes(why.mistakes, str(file))
    with asking(context, source) as ctgo:
        made = _create(ctgo, draft, yes=yes)
    if made is None:
        say("Nothing was created.")
    elif as_json:
        say_json(made.document())
    else:
        _tell_made(made)
    return Exit.DONE


@app.command()
def run(  # noqa: PLR0917 - Typer passes them by name
    context: typer.Context,
    stream: StreamId,
    wait: Annotated[bool, typer.Option("--wait", help="Watch its runs until they are over.")] = False,
    max_wait: Annotated[
        Any,
        typer.Option("--max-wait", parser=length, metavar="TIME", help="How long --wait watches [1h]."),
    ] = None,
    source: SourceName = "",
    as_json: AsJson = False,
) -> int:
    """Fetch the new followers of a campaign's accounts and look for leads among them, now.

    It takes one of each account's syncs of the day. With --wait: exits with 1 if some of the runs failed, 2 if all
    did, and 75 if it stopped watching before they were over.
    """
    if max_wait is not None and not wait:
        raise typer.BadParameter("goes with --wait", param_hint="--max-wait")
    with asking(context, source) as ctgo:
        started = ctgo.api.runs.start(stream)
        if not wait:
            return tell_started(ctgo, stream, started, as_json=as_json)
        patience = MAX_WAIT if max_wait is None else max_wait
        return watch(ctgo, stream, started, max_wait=patience, as_json=as_json)


@app.command()
def retest(  # noqa: PLR0917 - Typer passes them by name
    context: typer.Context,
    stream: StreamId,
    account: Annotated[
        int | None,
        typer.Option("--account", metavar="ID", min=1, max=LARGEST_ID, help="Of this account only."),
    ] = None,
    segment: Annotated[
        int | None,
        typer.Option("--segment", metavar="ID", min=1, max=LARGEST_ID, help="For this segment only."),
    ] = None,
    source: SourceName = "",
    as_json: AsJson = False,
) -> int:
    """Look for leads among the followers that CTGO knows already. It takes of the accounts' re-tests of the month."""
    with asking(context, source) as ctgo:
        started = ctgo.api.runs.retest(stream, account_id=account, segment_id=segment)
        return tell_started(ctgo, stream, started, as_json=as_json)


@app.command()
def archive(
    context: typer.Context, stream: StreamId, source: SourceName = "", as_json: AsJson = False
) -> int:
    """Archive a campaign: it no longer runs, and its leads are kept."""
    with asking(context, source) as ctgo:
        archived = ctgo.api.streams.archive(stream)
    if as_json:
        say_json(archived.document())
    else:
        say(f"Archived campaign {stream}. To take it back: syncd streams restore {stream}")
    return Exit.DONE


@app.command()
def restore(
    context: typer.Context, stream: StreamId, source: SourceName = "", as_json: AsJson = False
) -> int:
    """Take a campaign out of the archive and let it run again."""
    with asking(context, source) as ctgo:
        restored = ctgo.api.streams.restore(stream)
    if as_json:
        say_json(restored.document())
    else:
        say(f"Restored campaign {stream}.")
    return Exit.DONE


def _create(ctgo: Asking, draft: "NewStream", *, yes: bool) -> "StreamMade | None":
    """Create it; None if somebody said no."""
    from syncd.ctgo.campaigns.confirmed import Billing  # noqa: PLC0415
    from syncd.ctgo.campaigns.drafts import handles_of  # noqa: PLC0415

    if not handles_of(draft):
        return ctgo.api.streams.create(draft)
    effects = of_stream(draft, ctgo.api.accounts.list())
    if not agreed_to(effects, "Create the campaign?", yes=yes):
        return None
    return ctgo.api.streams.create(draft, billing=Billing.ACCEPTED)


def _tell_made(made: "StreamMade") -> None:
    say(f"Created campaign {made.id}.")
    if made.accounts is None and made.segments is None:
        say("CTGO's answer was lost; the campaign is on its list. See what belongs to it with: "
            f"syncd streams show {made.id}")  # fmt: skip
    for account in made.accounts or ():
        state = "tracked from now on" if account.created else "was tracked already"
        delta = {None: "", "stripe_quantity_incremented": ", and billed"}.get(
            account.billing_delta, f" ({account.billing_delta})"
        )
        say(f"  @{account.handle} (account {account.account_id}): {state}{delta}")
    for segment in made.segments or ():
        say(f"  segment {segment.segment_id}: {'created' if segment.created else 'was there already'}")
    say(f"To run it now: syncd streams run {made.id} --wait")
