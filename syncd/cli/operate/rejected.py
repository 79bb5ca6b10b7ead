"""`syncd rejected`: list rejected rows with their reasons, and let a person decide about them.

`retry` sends rejected deliveries, exports and feedback again. `drop` gives them up: their leads no longer need them, and
unreadable rows are hidden. With --code or --id both also cover rows that a halted lane has put back. Both are recorded
with the person's name.
"""

import json
from collections.abc import Sequence
from functools import cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.context import (
    AsJson,
    Yes,
    at_work,
    confirm,
    describe_next,
    group_app,
    ledger_to_read,
    settings_of,
)
from syncd.cli.exits import Exit, complain
from syncd.cli.operate.rejected_fields import mapped_fields, say_fields
from syncd.cli.output import say, say_csv, say_json, say_table, were
from syncd.core.lead import LARGEST_ID
from syncd.log import opened
from syncd.mapping import x_url
from syncd.verbs.engine_holder import nudge
from syncd.verbs.payload import profile_of
from syncd.verbs.targets import advice

if TYPE_CHECKING:
    from syncd.ledger import Ledger
    from syncd.ledger.admin.rejections import Chosen
    from syncd.ledger.overview import RejectedRow

PAGE = 10
"""Rows that `show` prints at once."""

app = group_app("List, show, retry or drop what was rejected, or write it as CSV.")

_Connector = Annotated[str, typer.Option("--connector", metavar="NAME", help="Of this connector only.")]
_Code = Annotated[str, typer.Option("--code", metavar="CODE", help="For this reason only.")]
_Id = Annotated[
    int | None, typer.Option("--id", metavar="ID", min=1, max=LARGEST_ID, help="Of this lead only.")
]


@app.callback()
def rejected(context: typer.Context) -> int:
    """List, unless a command follows."""
    return list_(context) if context.invoked_subcommand is None else Exit.DONE


@app.command("list")
def list_(context: typer.Context, connector: _Connector = "", as_json: AsJson = False) -> int:
    """List what was rejected, by cause, and what to do about each cause."""
    settings = settings_of(context)
    from syncd.verbs.rejected import groups  # noqa: PLC0415

    with ledger_to_read(settings) as ledger:
        found = groups(settings, ledger, connector)
    if as_json:
        keys = ("kind", "where", "code", "n", "detail")
        say_json(
            [{**{k: getattr(it, k) for k in keys}, "fix": fix, "leads": leads} for it, fix, leads in found]
        )
        return Exit.DONE
    if not found:
        say("Nothing is rejected.")
        return Exit.DONE
    say_table(
        ("n", "what", "where", "code", "detail", "first leads"),
        [(it.n, it.kind, it.where, it.code, it.detail, ", ".join(map(str, leads))) for it, _, leads in found],
    )
    for code, fix in {it.code: fix for it, fix, _ in found}.items():
        if fix:
            say(f"{code}: {fix}")
    say("To see one in full: syncd rejected show ID")
    return Exit.DONE


@app.command()
def show(  # noqa: PLR0917 - Typer passes them by name
    context: typer.Context,
    lead: Annotated[
        int | None,
        typer.Argument(metavar="[ID]", min=0, help="The lead's id; 0: rows without a readable one."),
    ] = None,
    connector: _Connector = "",
    code: _Code = "",
    page: Annotated[
        int,
        typer.Option(
            "--page", metavar="N", min=1, max=100_000, help=f"The page to show, of {PAGE} rows each."
        ),
    ] = 1,
    as_json: AsJson = False,
) -> int:
    """Show rejected rows with their fields and the raw payload, of one lead or of all. Exits with 1 if there are none.

    The fields are those of today's mapping, as they are written. A mark stands at each that the reason names.
    """
    settings = settings_of(context)
    from syncd.verbs.rejected import require_known, rows  # noqa: PLC0415

    begin = (page - 1) * PAGE
    with ledger_to_read(settings) as ledger:
        require_known(settings, ledger, connector)
        found = list(islice(rows(ledger, connector, code, lead), begin, begin + PAGE + 1))
    shown = [(it, mapped_fields(settings, it)) for it in found[:PAGE]]
    if as_json:
        say_json([{**_document(it), "fields": fields, "payload": opened(it.payload)} for it, fields in shown])
    else:
        for it, fields in shown:
            _show(it, fields)
        if len(found) > PAGE:
            chosen = "" if lead is None else f" {lead}"
            chosen += f" --connector {connector}" if connector else ""
            chosen += f" --code {code}" if code else ""
            say(f"For more: syncd rejected show{chosen} --page {page + 1}")
    if not shown:
        what = "Nothing" if lead is None else f"Nothing of lead {lead}"
        complain(
            f"{what} is rejected{f' on page {page}' if begin else ''}.", "To list all: syncd rejected list"
        )
    return Exit.DONE if shown else Exit.REJECTED


@app.command()
def retry(
    context: typer.Context,
    connector: _Connector = "",
    code: _Code = "",
    lead: _Id = None,
    first: Annotated[
        int | None, typer.Option("--first", min=1, metavar="N", help="Only the oldest N.")
    ] = None,
) -> int:
    """Send rejected deliveries, exports and feedback again, with new attempts; without an option, all of them."""
    settings = settings_of(context)
    from syncd.verbs import rejected  # noqa: PLC0415

    with at_work(settings) as actor:
        chosen = rejected.choice(settings, actor.ledger, connector, code, lead or 0)
        n = rejected.retry(actor, chosen, first=first).n
    say(f"{n} are pending again.")
    if n:
        say(describe_next(settings.state.path))
    return Exit.DONE


@app.command("take-back")
def take_back(
    context: typer.Context,
    entry: Annotated[
        int | None,
        typer.Argument(metavar="[ENTRY]", min=1, help="Its id in syncd log --json; without it, the newest."),
    ] = None,
) -> int:
    """Take back a retry: reject again the deliveries that nobody has tried since, for the same reasons.

    A delivery that was tried, or that is maybe sent, stays as it is; what the engine is sending now arrives nevertheless.
    Exports and feedback cannot be taken back.
    """
    settings = settings_of(context)
    from syncd.verbs import rejected  # noqa: PLC0415

    with at_work(settings) as actor:
        n = rejected.take_back(actor, entry)
    say(f"{n:,} are rejected again.")
    return Exit.DONE


@app.command()
def drop(  # noqa: PLR0917 - Typer passes them by name
    context: typer.Context,
    connector: _Connector = "",
    code: _Code = "",
    lead: _Id = None,
    everything: Annotated[bool, typer.Option("--all", help="All that is rejected.")] = False,
    yes: Yes = False,
) -> int:
    """Drop rejected rows for good.

    Their leads are exported when the other connectors have them. For a connector that is no longer in the configuration,
    its pending deliveries are dropped too.
    """
    if not (connector or code or lead or everything):
        raise typer.TyperException("Choose by --connector, --code or --id, or use --all.")
    settings = settings_of(context)
    from syncd.verbs import rejected  # noqa: PLC0415

    with at_work(settings) as actor:
        chosen = rejected.choice(settings, actor.ledger, connector, code, lead or 0)
        if not yes and not confirm(_question(actor.ledger, chosen)):
            say("Nothing was dropped.")
            return Exit.DONE
        n = rejected.drop(actor, chosen)
    say(f"{were(n, 'row')} dropped.")
    nudge(settings.state.path)
    return Exit.DONE


@app.command("csv")
def csv_(context: typer.Context, connector: _Connector = "") -> int:
    """Write the rejected rows as CSV, for a spreadsheet: the reason, the person, their profile, what to do, the payload."""
    settings = settings_of(context)
    from syncd.verbs.rejected import require_known, rows  # noqa: PLC0415

    with ledger_to_read(settings) as ledger:
        require_known(settings, ledger, connector)
        header = ("kind", "where", "source", "id", "stream_id", "segment_id", "code", "detail", "attempts")
        fix = cache(partial(advice, settings))
        lines = (
            [*_document(it).values(), *_person(it.payload), fix(it.code, it.where), _ascii(it.payload)]
            for it in rows(ledger, connector)
        )
        say_csv((*header, "handle", "name", "link", "fix", "payload"), lines)
    return Exit.DONE


def _question(ledger: "Ledger", chosen: "Chosen") -> str:
    from syncd.verbs.rejected import droppable  # noqa: PLC0415

    found = droppable(ledger, chosen)
    pending = f" and {found.waiting} that may be rejected" if found.waiting else ""
    if chosen.unconfigured:
        most = "up to " if chosen.code or chosen.lead_id else ""
        pending = f" and {most}{found.pending} pending deliveries"
    return f"Drop {found.rejected} rejected rows{pending} for good? [y/N] "


def _document(it: "RejectedRow") -> dict[str, Any]:
    keys = ("kind", "where", "source", "lead_id", "stream_id", "segment_id", "code", "detail", "attempts")
    return {key: getattr(it, key) for key in keys}


def _person(payload: str | None) -> list[object]:
    """Return the handle, the name and the address of the profile on X; None for each that is not known."""
    profile = profile_of(payload)
    handle = profile.get("handle")
    link = x_url(handle) if isinstance(handle, str) else None
    return [handle, profile.get("displayName"), link]


def _ascii(payload: str | None) -> str:
    """Write a payload as JSON in ASCII: it stays JSON when control characters are escaped."""
    value = opened(payload)
    return "" if value is None else json.dumps(value, separators=(",", ":"))


def _show(it: "RejectedRow", fields: Sequence[dict[str, Any]]) -> None:
    attempts = f", {it.attempts} attempt{'' if it.attempts == 1 else 's'}" if it.attempts else ""
    say(f"{it.kind} {it.where}, lead {it.lead_id}/{it.stream_id}/{it.segment_id} of {it.source}{attempts}")
    say(f"  {it.detail} ({it.code})")
    say_fields(fields)
    if it.payload is not None:
        value = opened(it.payload)
        pretty = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
        for line in pretty.split("\n"):
            say(f"  {line}")
