"""The session of a verb about campaigns: a source's key, its budget, and each failure as a sentence and an exit code.

The ledger counts the requests, as it counts an engine's, so both keep to one limit. Without a ledger, a session makes one,
as `check` does: the requests must be counted somewhere.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.context import AsJson, settings_of, unknown
from syncd.cli.exits import SOURCE_EXITS, Exit, complain
from syncd.cli.output import duration, say, say_fields, say_json, say_table
from syncd.clock import Clock, SystemClock
from syncd.core.failure import Failure, Halt, Pause, Reject, Retry
from syncd.core.lead import LARGEST_ID
from syncd.log import configure, escape
from syncd.settings import Settings, Source

if TYPE_CHECKING:
    from syncd.app.paced_client import PacedClient
    from syncd.ctgo.campaigns.api import Api

SourceName = Annotated[
    str, typer.Option("--source", metavar="NAME", help="Use this source's key; needed if there are several.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before changing what CTGO bills.")]
StreamId = Annotated[
    int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="A campaign; syncd streams lists them.")
]

Fields = list[tuple[str, object]]
Row = tuple[object, ...]

_REPORTED_WAIT = 2.0
"""Seconds. A shorter wait for a free request is not reported."""

_FIXES = {
    "unreachable": "Check the network, DNS and the source's base_url, then ask again.",
    "upstream_unavailable": "Nothing is wrong here: ask again in a few minutes.",
    "unexpected_answer": "Check that base_url is CTGO's API and that no proxy or login page is in between, then ask again.",
    "rate_limited": "Ask again in a minute. If it happens often, something else uses this key.",
    "conflict": "Ask again: something else changed the same thing at the same time.",
}
"""Advice for a person, where the registry's advice is for an engine, which tries again by itself."""


@dataclass(frozen=True, slots=True)
class Session:
    """A source of CTGO, ready for requests. Every request waits for its slot, and may raise a failure."""

    api: "Api"
    source: str
    clock: Clock


@contextmanager
def session(context: typer.Context, source: str = "") -> Iterator[Session]:
    """Open a session with CTGO for the block. `source`: as the command line names it, empty for the only one.

    Raises:
        SettingsError, LedgerError: as every verb.
        TyperException: the source does not exist, or there are several and none is named.
        Exit: CTGO refused or cannot be asked, or the request cannot be sent; the reason is on stderr.
        Abort: a person stopped it.
    """
    settings = settings_of(context)
    name, chosen = source_of(settings, source)
    configure(settings.log.format, settings.log.level)
    from syncd.app.paced_client import PacedClient, make_upstream  # noqa: PLC0415 - a client and a database: --help needs neither
    from syncd.ctgo.campaigns.api import Api  # noqa: PLC0415
    from syncd.ledger import Ledger  # noqa: PLC0415

    clock = SystemClock()
    client, budget = make_upstream(chosen, clock)
    try:
        with Ledger.open(settings.state.path) as ledger:
            paced = PacedClient(client, budget, ledger, clock, _report_wait)
            with _reported(name), _stoppable(paced):
                yield Session(Api(paced), name, clock)
    finally:
        client.close()


def source_of(settings: Settings, name: str) -> tuple[str, Source]:
    """Find the source of a name, or the only one. Raises SettingsError and usage errors."""
    settings.require_sources(to_deliver=False)
    if name in settings.sources:
        return name, settings.sources[name]
    if name:
        raise unknown("source", name, settings.sources)
    if len(settings.sources) > 1:
        names = ", ".join(settings.sources)
        raise typer.TyperException(f"There are several sources ({names}): choose one with --source NAME.")
    return next(iter(settings.sources.items()))


def exit_of(failure: Failure) -> Exit:
    """Choose the exit code of a failure: its own, else 75 if a later attempt can help, else 2."""
    later = isinstance(failure, Pause | Retry)
    return SOURCE_EXITS.get(failure.code, Exit.WORK_LEFT if later else Exit.FAILED)


def advice_on(failure: Failure, source: str) -> str:
    """Advise the person who asked."""
    if failure.code == "rate_limited" and failure.after:
        return f"Ask again in {duration(failure.after)}."
    return _FIXES.get(failure.code, failure.fix).replace("SOURCE", source)


def missing(what: str, which: object, where: str, more: str = "") -> Reject:
    """Make the failure of something that CTGO does not list. `where`: the command that lists all."""
    advice = f"To list all: {where}{f'. {more}' if more else ''}"
    return Reject("not_found", f"CTGO lists no {what} {which}.", fix=advice)


def list_by_default(app: typer.Typer, list_: Callable[..., int]) -> None:
    """Let the verb of a group list, unless a command follows. Options before a command are refused: they have no effect."""

    @app.callback()
    def default(context: typer.Context, source: SourceName = "", as_json: AsJson = False) -> int:
        if context.invoked_subcommand is None:
            return list_(context, source=source, as_json=as_json)
        if source or as_json:
            name = "--source" if source else "--json"
            raise typer.BadParameter(f"belongs after {context.invoked_subcommand}", param_hint=name)
        return Exit.DONE


def say_document(document: object, as_json: bool, *lines: str) -> Exit:
    """Print a document for a script, or lines for a person; return 0."""
    if as_json:
        say_json(document)
    else:
        for line in lines:
            say(line)
    return Exit.DONE


def say_list(
    document: object,
    as_json: bool,
    columns: Sequence[str],
    rows: Sequence[Row],
    empty: str,
    *,
    drop: Sequence[str] = (),
) -> Exit:
    """Print a list for a script, or as a table for a person; return 0.

    `empty`: the sentence for an empty list; `drop`: columns that a narrow terminal goes without.
    """
    if as_json or not rows:
        return say_document(document, as_json, empty)
    say_table(columns, rows, drop)
    return Exit.DONE


def say_one(
    document: object, as_json: bool, fields: Fields, columns: Sequence[str] = (), rows: Sequence[Row] = ()
) -> Exit:
    """Print one thing for a script, or its fields and the table of its parts for a person; return 0."""
    if as_json:
        return say_document(document, as_json)
    say_fields(fields)
    if rows:
        say_table(columns, rows)
    return Exit.DONE


def at_handle(handle: str | None) -> str:
    """Write a handle for people; empty for None."""
    return f"@{handle}" if handle else ""


def yes_no(flag: bool | None) -> str:
    """Write a flag for people; empty for None."""
    return "" if flag is None else "yes" if flag else "no"


def complain_of(failure: Failure, source: str) -> None:
    """Complain of a failure: a sentence, its code, and advice."""
    complain(escape(f"{failure.detail} ({failure.code})"), advice_on(failure, source))


@contextmanager
def drafted(file: Path | None = None) -> Iterator[None]:
    """Complain of each mistake in a document that the block reads or sends, and end the verb. `file`: the document's."""
    from syncd.ctgo.campaigns.drafts import DraftError  # noqa: PLC0415

    try:
        yield
    except DraftError as why:
        for mistake in why.mistakes:
            complain(escape(f"{file}: {mistake}" if file else f"{mistake}."))
        raise typer.Exit(Exit.USAGE) from None


@contextmanager
def _reported(source: str) -> Iterator[None]:
    try:
        with drafted():
            yield
    except Failure as why:
        complain_of(why, source)
        raise typer.Exit(exit_of(why)) from None


@contextmanager
def _stoppable(paced: "PacedClient") -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the block; an act that was sent may have been carried out nevertheless."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler) if main else None
    try:
        yield
    except KeyboardInterrupt:
        if paced.acted is None:
            raise typer.Abort from None
        failure = Halt(
            "outcome_unknown",
            f"Stopped while CTGO was asked {paced.acted.asked}. It is not known if CTGO did it.",
        )
    else:
        return
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)
    raise failure


def _report_wait(wait: float) -> None:
    if wait > _REPORTED_WAIT and sys.stderr.isatty():
        complain(f"All requests that the key may make in a minute are taken; waiting {duration(wait)} …")
