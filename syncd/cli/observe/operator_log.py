"""`syncd log [NAME]`: what people told syncd to do, newest last, and where the daemon's own log is."""

from typing import Annotated, Any

import typer

from syncd.cli.context import AsJson, instant_option, ledger_to_read, settings_of, unknown
from syncd.cli.exits import Exit
from syncd.cli.output import iso, say, say_json, say_wrapped, when
from syncd.verbs.engine_holder import journal_of

_SINCE = instant_option("--since", "Only what was done from here on")


def log(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="A source or a connector; without it, all.")
    ] = "",
    since: Annotated[Any, _SINCE] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> int:
    """Show who told syncd to do what, and when, newest last: the operator's log."""
    settings = settings_of(context)
    from syncd.ledger.history import actions  # noqa: PLC0415

    with ledger_to_read(settings) as ledger, ledger.read() as connection:
        found = actions(connection, limit, since=since, name=name)[::-1]
    names = {*settings.sources, *settings.connectors}
    if name and not found and name not in names:
        raise unknown("source or connector", name, names, "sources and connectors")
    if as_json:
        say_json([{"at": iso(it.at), **{key: getattr(it, key) for key in _KEYS}} for it in found])
        return Exit.DONE
    for it in found:
        say_wrapped(_sentence(it))
    if not found:
        say("Nobody has told syncd to do anything." if since is None and not name else "Nothing was done.")
    elif len(found) == limit:
        say(f"These are the newest {limit:,}; for more: --limit N")
    say_wrapped(journal_of(settings))
    return Exit.DONE


_KEYS = ("who", "verb", "name", "detail")

NAMED = {
    "pause": "paused NAME",
    "resume": "resumed NAME",
    "retry": "retried NAME",
    "accept": "accepted the refusals of NAME",
    "drop": "dropped what was rejected at NAME",
    "release": "decided on what the gate of NAME holds",
    "hold": "closed the gate of NAME again",
    "replay": "replayed older leads to NAME",
    "push on": "switched push of NAME on",
    "push off": "switched push of NAME off",
    "backup": "copied the ledger to NAME",
    "restore": "restored the ledger from NAME",
}
UNNAMED = {
    "retry": "retried what was rejected",
    "drop": "dropped what was rejected",
    "pull": "asked for a pull",
    "window": "asked for older leads",
    "forget": "erased for good",
}
"""The sentence of each verb, about a name and about all."""


def _sentence(it: Any) -> str:
    """Write one act: when, by whom, what."""
    done = (NAMED if it.name else UNNAMED).get(it.verb, f"{it.verb} NAME")
    detail = f": {it.detail}" if it.detail not in {"", "all"} else ""
    return f"{when(it.at)}  {it.who} {done.replace('NAME', it.name).strip()}{detail}"
