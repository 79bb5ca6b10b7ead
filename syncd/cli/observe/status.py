"""`syncd status`: the state of the ledger, the sources and the connectors. It also reads beside a running engine."""

import sys
from contextlib import suppress
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.context import AsJson, ledger_to_read, settings_of
from syncd.cli.exits import Exit
from syncd.cli.observe.plan import spending_document
from syncd.cli.observe.status_exit import exit_of
from syncd.cli.observe.status_text import status_lines
from syncd.cli.output import draw, iso, say_json, say_lines, terminal_width
from syncd.clock import SystemClock
from syncd.settings import Settings

if TYPE_CHECKING:
    from syncd.verbs.status import SourceStatus, Status, StoppedLane


EVERY = 2.0
"""Seconds between two drawings of --watch."""
_CHECK = typer.Option("--check", help="Exit by the worst thing that is wrong; 0: all is well.")
_WATCH = typer.Option("--watch", help="Draw it again every SECONDS [2] until Ctrl-C.")


def status(
    context: typer.Context,
    seconds: Annotated[float | None, typer.Argument(metavar="[SECONDS]", min=0.1, help="Of --watch.")] = None,
    check: Annotated[bool, _CHECK] = False,
    watch: Annotated[bool, _WATCH] = False,
    as_json: AsJson = False,
) -> int:
    """Show the state of the ledger, the sources and the connectors."""
    settings, clock = settings_of(context), SystemClock()
    if seconds is not None and not watch:
        raise typer.BadParameter("belongs to --watch", param_hint=f"{seconds:g}")
    if watch:
        if as_json or not sys.stdout.isatty():
            raise typer.BadParameter("it needs a terminal, and no --json", param_hint="--watch")
        with suppress(KeyboardInterrupt):
            while True:
                draw(status_lines(_found(settings, clock.now()), clock.now(), terminal_width()))
                clock.wait(Event(), seconds or EVERY)
    now = clock.now()
    found = _found(settings, now)
    worst = exit_of(found)
    if as_json:
        say_json(_document(found) | ({"exit": worst} if check else {}))
    elif not watch:
        say_lines(status_lines(found, now, terminal_width()))
    return worst if check else Exit.DONE


def _found(settings: Settings, now: float) -> "Status":
    from syncd.verbs import status as verb  # noqa: PLC0415 - imports the database

    with ledger_to_read(settings) as ledger:
        return verb.status(settings, ledger, now)


def _document(found: "Status") -> dict[str, Any]:
    """Describe a state for scripts, instants as ISO 8601 text."""
    return {
        "ledger": found.ledger,
        "engine": found.engine,
        "daily_backup": found.daily_backup,
        "upkeep": {name: {"done_at": iso(it.at), "detail": it.detail} for name, it in found.upkeep.items()},
        "sources": {name: _source(it) for name, it in found.sources.items()},
        "connectors": {
            name: {
                "configured": it.configured,
                "deliveries": it.deliveries,
                "held": it.held,
                "heard_at": iso(it.heard_at),
            }
            for name, it in found.connectors.items()
        },
        "lanes": [_lane(it) for it in found.lanes],
        "oldest_unsettled": iso(found.oldest_unsettled),
        "set_aside": found.set_aside,
        "not_running": found.not_running,
        "late": found.late,
        "trouble": found.trouble,
        "stale": found.stale,
        "out_of_reach": found.out_of_reach,
    }


def _source(it: "SourceStatus") -> dict[str, Any]:
    from syncd.cli.run.report import describe_shelved  # noqa: PLC0415

    books, push = it.books, it.push
    return {
        "configured": it.configured,
        "watermark": iso(it.watermark),
        "pulled_at": iso(it.pulled_at),
        "leads": it.leads,
        "exports": it.exports,
        "put_off": describe_shelved(it.exports, configured=it.configured),
        "feedback": it.feedback,
        "enriching": it.enriching and spending_document(it.enriching),
        "books": books and {**books._asdict(), "checked_at": iso(books.checked_at)},
        "push": push
        and {
            "configured": push.configured,
            "off": push.it.off,
            "subscribed_at": iso(push.it.subscribed_at),
            "heard_at": iso(push.it.heard_at),
        },
    }


def _lane(it: "StoppedLane") -> dict[str, Any]:
    keys = ("kind", "name", "status", "code", "detail", "by", "since", "until", "failures")
    lane = {key: getattr(it.lane, key) for key in keys}
    return {**lane, "since": iso(it.lane.since), "until": iso(it.lane.until), "fix": it.fix}
