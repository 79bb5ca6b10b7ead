"""`syncd streams`: list, show, create, run, retest, archive or restore campaigns."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.campaigns.bills import accepted, of_stream
from syncd.cli.campaigns.follow import report_started, watch
from syncd.cli.campaigns.session import (
    Fields,
    Row,
    Session,
    SourceName,
    StreamId,
    Yes,
    at_handle,
    drafted,
    list_by_default,
    say_document,
    say_list,
    say_one,
    session,
    yes_no,
)
from syncd.cli.context import AsJson, group_app, parse_duration
from syncd.cli.input_file import read_toml
from syncd.cli.output import date_time
from syncd.core.lead import LARGEST_ID

if TYPE_CHECKING:
    from syncd.ctgo.campaigns.drafts import NewStream
    from syncd.ctgo.campaigns.streams import Campaign, StreamMade

app = group_app("List, show, create, run, retest, archive or restore campaigns.")

COLUMNS = ("id", "name", "state", "pairs", "accounts", "syncs at")

MAX_WAIT = 3600.0
"""Seconds to watch runs."""


@app.command("list")
def list_(context: typer.Context, source: SourceName = "", as_json: AsJson = False) -> int:
    """List the campaigns, without archived ones."""
    with session(context, source) as ctgo:
        found = ctgo.api.streams.list()
    empty = "There is no campaign. To create one: syncd streams create FILE.toml"
    rows = [_row(campaign) for campaign in found]
    return say_list(
        [it.document() for it in found], as_json, COLUMNS, rows, empty, drop=("syncs at", "accounts")
    )


list_by_default(app, list_)


@app.command()
def show(context: typer.Context, stream: StreamId, source: SourceName = "", as_json: AsJson = False) -> int:
    """Show one campaign with its pairs and settings, also an archived one."""
    with session(context, source) as ctgo:
        campaign = ctgo.api.streams.show(stream)
    rows = [(pair.account_id, at_handle(pair.handle), pair.segment_id) for pair in campaign.pairs or ()]
    return say_one(campaign.document(), as_json, _fields(campaign), ("account", "handle", "segment"), rows)


@app.command()
def create(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="Its description; - reads stdin.")],
    yes: Yes = False,
    source: SourceName = "",
    as_json: AsJson = False,
) -> int:
    """Create a campaign, with its segments, and with the accounts that it names by handle.

    An account that is not tracked yet is billed from then on: syncd warns and asks first, unless you add --yes. If the
    answer is lost, syncd searches the list of campaigns, and creates nothing twice.
    """
    document = read_toml(file)
    from syncd.ctgo.campaigns.drafts import NewStream  # noqa: PLC0415 - --help can do without

    with drafted(file):
        draft = NewStream.read(document)
    with session(context, source) as ctgo:
        made = _create(ctgo, draft, yes=yes)
    if made is None:
        return say_document(None, False, "Nothing was created.")
    return say_document(made.document(), as_json, *_describe(made))


@app.command()
def run(  # noqa: PLR0917 - Typer passes them by name
    context: typer.Context,
    stream: StreamId,
    wait: Annotated[bool, typer.Option("--wait", help="Watch the runs until they are over.")] = False,
    max_wait: Annotated[
        Any,
        typer.Option("--max-wait", parser=parse_duration, metavar="TIME", help="Watch at most so long [1h]."),
    ] = None,
    source: SourceName = "",
    as_json: AsJson = False,
) -> int:
    """Fetch the new followers of a campaign's accounts and look for leads among them, now.

    It uses one of each account's daily syncs. With --wait, it exits with 1 if some of the runs failed, 2 if all failed, and
    75 if it stopped watching before they were over.
    """
    if max_wait is not None and not wait:
        raise typer.BadParameter("needs --wait", param_hint="--max-wait")
    with session(context, source) as ctgo:
        started = ctgo.api.runs.start(stream)
        if not wait:
            return report_started(ctgo, stream, started, as_json=as_json)
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
    """Look for leads among the followers that CTGO knows already. It uses the accounts' monthly re-tests."""
    with session(context, source) as ctgo:
        started = ctgo.api.runs.retest(stream, account_id=account, segment_id=segment)
        return report_started(ctgo, stream, started, as_json=as_json)


@app.command()
def archive(
    context: typer.Context, stream: StreamId, source: SourceName = "", as_json: AsJson = False
) -> int:
    """Archive a campaign: it no longer runs, and its leads stay."""
    with session(context, source) as ctgo:
        archived = ctgo.api.streams.archive(stream)
    line = f"Archived campaign {stream}. To restore it: syncd streams restore {stream}"
    return say_document(archived.document(), as_json, line)


@app.command()
def restore(
    context: typer.Context, stream: StreamId, source: SourceName = "", as_json: AsJson = False
) -> int:
    """Restore a campaign from the archive; it runs again."""
    with session(context, source) as ctgo:
        restored = ctgo.api.streams.restore(stream)
    return say_document(restored.document(), as_json, f"Restored campaign {stream}.")


def _create(ctgo: Session, draft: "NewStream", *, yes: bool) -> "StreamMade | None":
    """Create a campaign; None if the person declined."""
    from syncd.ctgo.campaigns.drafts import handles_of  # noqa: PLC0415
    from syncd.ctgo.campaigns.requests import Billing  # noqa: PLC0415

    if not handles_of(draft):
        return ctgo.api.streams.create(draft)
    effects = of_stream(draft, ctgo.api.accounts.list())
    if not accepted(effects, "Create the campaign?", yes=yes):
        return None
    return ctgo.api.streams.create(draft, billing=Billing.ACCEPTED)


def _describe(made: "StreamMade") -> list[str]:
    lines = [f"Created campaign {made.id}."]
    if made.accounts is None and made.segments is None:
        lines.append(
            "CTGO's answer was lost; the campaign is on its list. To see its parts: "
            f"syncd streams show {made.id}"
        )
    for account in made.accounts or ():
        state = "tracked from now on" if account.created else "was tracked already"
        delta = {None: "", "stripe_quantity_incremented": ", and billed"}.get(
            account.billing_delta, f" ({account.billing_delta})"
        )
        lines.append(f"  @{account.handle} (account {account.account_id}): {state}{delta}")
    lines += (
        f"  segment {it.segment_id}: {'created' if it.created else 'existed already'}"
        for it in made.segments or ()
    )
    return [*lines, f"To run it now: syncd streams run {made.id} --wait"]


def _row(campaign: "Campaign") -> Row:
    pairs = None if campaign.pairs is None else len(campaign.pairs)
    handles = dict.fromkeys(at_handle(it.handle) or f"account {it.account_id}" for it in campaign.pairs or ())
    return (
        campaign.id,
        campaign.name,
        _state(campaign),
        pairs,
        ", ".join(handles),
        ", ".join(campaign.sync_times or ()),
    )


def _fields(campaign: "Campaign") -> Fields:
    wanted = {"LinkedIn": campaign.auto_enrich_linkedin, "email": campaign.auto_enrich_email}
    enriched = [name for name, on in wanted.items() if on]
    mail = f" ({campaign.email_mode})" if campaign.auto_enrich_email and campaign.email_mode else ""
    return [
        ("campaign", campaign.id),
        ("name", campaign.name),
        ("state", _state(campaign)),
        ("syncs at", " ".join((*(campaign.sync_times or ()), campaign.timezone or "")).strip()),
        ("enriches", " and ".join(enriched) + mail if enriched else "nothing"),
        ("delivery", campaign.delivery),
        ("webhook", campaign.webhook_url),
        ("email digest", campaign.email_digest),
        ("telegram", yes_no(campaign.telegram)),
        ("CSV by email", _recipients(campaign)),
        ("created", date_time(campaign.created_at)),
    ]


def _state(campaign: "Campaign") -> str:
    if campaign.is_archived:
        return "archived"
    return "" if campaign.is_active is None else "active" if campaign.is_active else "paused"


def _recipients(campaign: "Campaign") -> str:
    to = (campaign.csv_email or {}).get("to")
    return ", ".join(map(str, to)) if isinstance(to, list) else str(to or "")
