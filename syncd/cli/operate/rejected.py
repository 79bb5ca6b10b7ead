"""`syncd rejected`: list rejected rows with their reasons, and let a person decide about them.

`retry` sends rejected deliveries, exports and feedback again. `drop` gives them up: their leads no longer need them, and
unreadable rows are hidden. With --code or --id both also cover rows that a halted lane has put back. Both are recorded
with the person's name.
"""

import json
from collections.abc import Iterator, Sequence
from functools import cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.context import (
    AsJson,
    Yes,
    advice,
    confirm,
    group_app,
    ledger_to_change,
    ledger_to_read,
    operator,
    settings_of,
    unknown,
)
from syncd.cli.engine_holder import describe_next, nudge
from syncd.cli.exits import Exit, complain
from syncd.cli.observe.lead import payload_of
from syncd.cli.observe.lead_list import profile_of
from syncd.cli.operate.rejected_fields import mapped_fields, say_fields
from syncd.cli.output import say, say_csv, say_json, say_table, were
from syncd.clock import SystemClock
from syncd.core.lead import LARGEST_ID
from syncd.mapping import x_url
from syncd.settings import Settings

if TYPE_CHECKING:
    from syncd.ledger import Ledger
    from syncd.ledger.admin.actions import Chosen
    from syncd.ledger.overview import Cause, RejectedRow, Rejections

FEW = 3
"""Leads that the list names for each cause."""
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
    from syncd.ledger import overview  # noqa: PLC0415

    with ledger_to_read(settings) as ledger:
        _check(settings, ledger, connector)
        with ledger.read() as connection:
            found = overview.causes(connection)
        causes = [it for it in found if not connector or (it.kind == "delivery" and it.where == connector)]
        leads = [_first_of(ledger, it) for it in causes]
    fixes = {(it.where, it.code): advice(settings, it.code, it.where) for it in causes}
    if as_json:
        keys = ("kind", "where", "code", "n", "detail")
        say_json([
            {**{k: getattr(it, k) for k in keys}, "fix": fixes[it.where, it.code], "leads": some}
            for it, some in zip(causes, leads, strict=True)
        ])  # fmt: skip
        return Exit.DONE
    if not causes:
        say("Nothing is rejected.")
        return Exit.DONE
    say_table(
        ("n", "what", "where", "code", "detail", "first leads"),
        [
            (it.n, it.kind, it.where, it.code, it.detail, ", ".join(map(str, some)))
            for it, some in zip(causes, leads, strict=True)
        ],
    )
    for code, fix in {it.code: fixes[it.where, it.code] for it in causes}.items():
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
    begin = (page - 1) * PAGE
    with ledger_to_read(settings) as ledger:
        _check(settings, ledger, connector)
        found = list(islice(_rows_of(ledger, connector, code, lead), begin, begin + PAGE + 1))
    shown = [(it, mapped_fields(settings, it)) for it in found[:PAGE]]
    if as_json:
        say_json(
            [{**_document(it), "fields": fields, "payload": payload_of(it.payload)} for it, fields in shown]
        )
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
def retry(context: typer.Context, connector: _Connector = "", code: _Code = "", lead: _Id = None) -> int:
    """Send rejected deliveries, exports and feedback again, with new attempts; without an option, all of them."""
    settings = settings_of(context)
    from syncd.ledger.admin import actions  # noqa: PLC0415

    with ledger_to_change(settings) as ledger:
        _check(settings, ledger, connector)
        chosen, now = actions.Chosen(connector, code, lead or 0), SystemClock().now()
        with ledger.write() as connection:
            n = actions.retry(connection, chosen, now, who=operator(), exports=settings.exporting)
    say(f"{n} are pending again.")
    if n:
        say(describe_next(settings.state.path))
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
    from syncd.ledger.admin import actions  # noqa: PLC0415

    with ledger_to_change(settings) as ledger:
        _check(settings, ledger, connector)
        gone = bool(connector) and connector not in settings.connectors
        chosen = actions.Chosen(connector, code, lead or 0, unconfigured=gone)
        if not yes and not confirm(_question(ledger, chosen)):
            say("Nothing was dropped.")
            return Exit.DONE
        now = SystemClock().now()
        with ledger.write() as connection:
            n = actions.drop(connection, chosen, now, who=operator(), exports=settings.exporting)
    say(f"{were(n, 'row')} dropped.")
    nudge(settings.state.path)
    return Exit.DONE


@app.command("csv")
def csv_(context: typer.Context, connector: _Connector = "") -> int:
    """Write the rejected rows as CSV, for a spreadsheet: the reason, the person, their profile, what to do, the payload."""
    settings = settings_of(context)
    with ledger_to_read(settings) as ledger:
        _check(settings, ledger, connector)
        header = ("kind", "where", "source", "id", "stream_id", "segment_id", "code", "detail", "attempts")
        fix = cache(partial(advice, settings))
        rows = (
            [*_document(it).values(), *_person(it.payload), fix(it.code, it.where), _ascii(it.payload)]
            for it in _rows_of(ledger, connector)
        )
        say_csv((*header, "handle", "name", "link", "fix", "payload"), rows)
    return Exit.DONE


def _check(settings: Settings, ledger: "Ledger", connector: str) -> None:
    """Raise a usage error for a connector that is neither configured nor in the ledger."""
    from syncd.ledger import overview  # noqa: PLC0415

    with ledger.read() as connection:
        known = {*settings.connectors, *overview.counts(connection)["delivery"]}
    if connector and connector not in known:
        raise unknown("connector", connector, known)


def _rows(ledger: "Ledger", wanted: "Rejections") -> Iterator["RejectedRow"]:
    from syncd.ledger import overview  # noqa: PLC0415

    with ledger.read() as connection:
        yield from overview.rejected_rows(connection, wanted)


def _rows_of(
    ledger: "Ledger", connector: str, code: str = "", lead_id: int | None = None
) -> Iterator["RejectedRow"]:
    """Read the rejected rows that the options choose; with a connector, its deliveries alone."""
    from syncd.ledger.overview import Rejections  # noqa: PLC0415

    return _rows(ledger, Rejections("delivery" if connector else "", connector, code, lead_id))


def _first_of(ledger: "Ledger", cause: "Cause") -> list[int]:
    """Return the ids of the first leads of a cause."""
    from syncd.ledger.overview import Rejections  # noqa: PLC0415

    rows = islice(_rows(ledger, Rejections(cause.kind, cause.where, cause.code)), FEW)
    return list(dict.fromkeys(row.lead_id for row in rows))


def _question(ledger: "Ledger", chosen: "Chosen") -> str:
    from syncd.ledger import overview  # noqa: PLC0415
    from syncd.ledger.admin import actions  # noqa: PLC0415

    about = sum(1 for _ in _rows_of(ledger, chosen.connector, chosen.code, chosen.lead_id or None))
    with ledger.read() as connection:
        n = actions.still_waiting(connection, chosen)
        left = overview.counts(connection)["delivery"].get(chosen.connector, {}).get("pending", 0)
    pending = f" and {n} that may be rejected" if n else ""
    if chosen.unconfigured:
        most = "up to " if chosen.code or chosen.lead_id else ""
        pending = f" and {most}{left} pending deliveries"
    return f"Drop {about} rejected rows{pending} for good? [y/N] "


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
    value = payload_of(payload)
    return "" if value is None else json.dumps(value, separators=(",", ":"))


def _show(it: "RejectedRow", fields: Sequence[dict[str, Any]]) -> None:
    attempts = f", {it.attempts} attempt{'' if it.attempts == 1 else 's'}" if it.attempts else ""
    say(f"{it.kind} {it.where}, lead {it.lead_id}/{it.stream_id}/{it.segment_id} of {it.source}{attempts}")
    say(f"  {it.detail} ({it.code})")
    say_fields(fields)
    if it.payload is not None:
        value = payload_of(it.payload)
        pretty = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
        for line in pretty.split("\n"):
            say(f"  {line}")
