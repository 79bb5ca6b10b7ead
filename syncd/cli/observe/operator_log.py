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
    from syncd.verbs.operator_log import entries  # noqa: PLC0415

    with ledger_to_read(settings) as ledger:
        found = entries(ledger, limit, since=since, name=name)[::-1]
    names = {*settings.sources, *settings.connectors}
    if name and not found and name not in names:
        raise unknown("source or connector", name, names, "sources and connectors")
    if as_json:
        say_json(
            [{"id": it.id, "at": iso(it.at), **{key: getattr(it, key) for key in _KEYS}} for it in found]
        )
        return Exit.DONE
    for it in found:
        say_wrapped(_sentence(it))
    if not found:
        say("Nobody has told syncd to do anything." if since is None and not name else "Nothing was done.")
    elif len(found) == limit:
        say(f"These are the newest {limit:,}; for more: --limit N")
    say_wrapped(journal_of(settings))
    return Exit.DONE


_KEYS = ("who", "via", "verb", "name", "detail")


def _sentence(it: Any) -> str:
    """Write one act: when, by whom, what."""
    from syncd.verbs.operator_log import describe  # noqa: PLC0415

    return f"{when(it.at)}  {it.who} {describe(it)}"
