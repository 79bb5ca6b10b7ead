"""What the verbs about campaigns begin and end with: a source's key, its budget, and each failure as a sentence and a code.

Requests are counted in the ledger, as an engine's are, so they keep to the one limit beside it. Without a ledger one is made, as
`check` makes one: there is nothing else to count in.
"""

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.context import settings_of, unknown
from syncd.cli.exits import SOURCE_EXITS, Exit, complain
from syncd.cli.output import duration
from syncd.clock import Clock, SystemClock
from syncd.core.failure import Failure, Halt, Pause, Reject, Retry
from syncd.core.lead import LARGEST_ID
from syncd.log import configure, escape
from syncd.settings import Settings, Source

if TYPE_CHECKING:
    from syncd.app.paced_client import Paced
    from syncd.ctgo.campaigns.api import Api

SourceName = Annotated[
    str, typer.Option("--source", metavar="NAME", help="Whose key to use; needed if there are several.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For a script.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before changing what CTGO bills.")]
StreamId = Annotated[
    int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="A campaign: syncd streams lists them.")
]

_SAY_WAITS = 2.0
"""Seconds. Of a shorter wait for a free request nobody is told."""

_FIXES = {
    "unreachable": "Check the network, DNS and the source's base_url, then ask again.",
    "upstream_unavailable": "Nothing is wrong here: ask again in a few minutes.",
    "unexpected_answer": "Check that base_url is CTGO's API and that no proxy or login page stands between, then ask again.",
    "rate_limited": "Ask again in a minute. If it happens often, something else uses this key.",
    "conflict": "Ask again: something else changed the same thing at the same time.",
}
"""Where the registry's advice is about an engine, which keeps trying."""


@dataclass(frozen=True, slots=True)
class Asking:
    """One source of CTGO, ready to be asked. Every request waits for its slot, and may raise a failure."""

    api: "Api"
    source: str
    clock: Clock


@contextmanager
def asking(context: typer.Context, source: str = "") -> Iterator[Asking]:
    """Ask CTGO for as long as this lasts. `source`: as the command line names it, empty for the only one.

    Raises:
        SettingsError, LedgerError: as every verb.
        TyperException: no such source, or several and none named.
        Exit: CTGO refused, or cannot be asked, or the request cannot be sent; it has been said on stderr.
        Abort: somebody stopped it.
    """
    settings = settings_of(context)
    name, chosen = source_of(settings, source)
    configure(settings.log.format, settings.log.level)
    from syncd.app.paced_client import Paced, make_upstream  # noqa: PLC0415 - a client and a database: --help needs neither
    from syncd.ctgo.campaigns.api import Api  # noqa: PLC0415
    from syncd.ledger import Ledger  # noqa: PLC0415

    clock = SystemClock()
    client, pacer = make_upstream(chosen, clock)
    try:
        with Ledger.open(settings.state.path) as ledger:
            paced = Paced(client, pacer, ledger, clock, _tell)
            with _told(name), _stoppable(paced):
                yield Asking(Api(paced), name, clock)
    finally:
        client.close()


def source_of(settings: Settings, name: str) -> tuple[str, Source]:
    """The source of that name, or the only one. Raises SettingsError and usage errors."""
    settings.require_sources(to_deliver=False)
    if name in settings.sources:
        return name, settings.sources[name]
    if name:
        raise unknown("source", name, settings.sources)
    if len(settings.sources) > 1:
        names = ", ".join(settings.sources)
        raise typer.TyperException(f"There are several sources ({names}): say which one with --source NAME.")
    return next(iter(settings.sources.items()))


def exit_of(failure: Failure) -> Exit:
    """What a verb exits with that failed so: 75 where asking again later can help, else 2, if nobody has a code of its own."""
    later = isinstance(failure, Pause | Retry)
    return SOURCE_EXITS.get(failure.code, Exit.WORK_LEFT if later else Exit.FAILED)


def advice_on(failure: Failure, source: str) -> str:
    """What a person who asked can do."""
    if failure.code == "rate_limited" and failure.after:
        return f"Ask again in {duration(failure.after)}."
    return _FIXES.get(failure.code, failure.fix).replace("SOURCE", source)


def missing(what: str, which: object, where: str, more: str = "") -> Reject:
    """The failure of something that is on no list. `where`: the command that lists what there is."""
    advice = f"See what there is with: {where}{f'. {more}' if more else ''}"
    return Reject("not_found", f"CTGO lists no {what} {which}.", fix=advice)


def alone(context: typer.Context, source: str, as_json: bool) -> Exit:
    """Refuse options that stand before a further word, where they would mean nothing. Raises a usage error."""
    if source or as_json:
        name = "--source" if source else "--json"
        raise typer.BadParameter(f"goes after {context.invoked_subcommand}", param_hint=name)
    return Exit.DONE


def tell_failure(failure: Failure, source: str) -> None:
    """A failure on stderr: a sentence, its code, and what to do."""
    complain(escape(f"{failure.detail} ({failure.code})"), advice_on(failure, source))


def tell_mistakes(mistakes: Sequence[str], where: str = "") -> Exit:
    """What cannot be sent, on stderr, a line each; the code to exit with. `where`: a file."""
    for mistake in mistakes:
        complain(escape(f"{where}: {mistake}" if where else f"{mistake}."))
    return Exit.USAGE


@contextmanager
def _told(source: str) -> Iterator[None]:
    from syncd.ctgo.campaigns.drafts import DraftError  # noqa: PLC0415

    try:
        yield
    except Failure as why:
        tell_failure(why, source)
        raise typer.Exit(exit_of(why)) from None
    except DraftError as why:
        raise typer.Exit(tell_mistakes(why.mistakes)) from None


@contextmanager
def _stoppable(paced: "Paced") -> Iterator[None]:
    """Ctrl-C and SIGTERM end the block; an act that was sent may have been done all the same."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler) if main else None
    try:
        yield
    except KeyboardInterrupt:
        if paced.acted is None:
            raise typer.Abort from None
        failure = Halt(
            "outcome_unknown",
            f"Stopped while CTGO was asked {paced.acted.asked}. Whether it was done is not known.",
        )
    else:
        return
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)
    raise failure


def _tell(wait: float) -> None:
    if wait > _SAY_WAITS and sys.stderr.isatty():
        complain(f"All requests that the key may make in a minute are taken; going on in {duration(wait)} …")
