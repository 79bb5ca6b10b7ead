"""`syncd push`: whether CTGO tells of new leads, and the switch.

`off` unsubscribes at once and stays off through restarts, whatever the configuration says, until `on`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.context import ledger_to_change, operator, settings_of, unknown
from syncd.cli.engine_holder import who_goes_on
from syncd.cli.exits import SOURCE_EXITS, Exit, complain, strongest
from syncd.cli.output import duration, iso, say, say_json, say_table, when
from syncd.settings import Settings, Source

if TYPE_CHECKING:
    from syncd.ledger import Ledger
    from syncd.ledger.subscriptions import Subscription

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    invoke_without_command=True,
    help="Whether CTGO tells of new leads: show, off, on.",
)

PATIENCE = 65.0
"""Seconds that a free request is waited for, as `check` does."""

_Name = Annotated[str, typer.Argument(metavar="[NAME]", help="A source [all of them].", show_default=False)]


@app.callback()
def push(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False
) -> int:
    """Without a further word, show what is subscribed."""
    if context.invoked_subcommand is not None:
        return Exit.DONE
    settings = settings_of(context)
    from syncd.clock import SystemClock  # noqa: PLC0415

    now = SystemClock().now()
    with _to_read(settings) as ledger:
        found = standing(settings, ledger)
    if as_json:
        say_json(
            {
                name: {k: iso(v) if k.endswith("_at") else v for k, v in it.items()}
                for name, it in found.items()
            }
        )
        return Exit.DONE
    if not found:
        say("No source has push. A table [sources.NAME.push] with a public_url turns it on.")
        return Exit.DONE
    say_table(
        ("source", "push", "address", "subscribed", "last heard"),
        [
            (name, it["state"], it["public_url"] or "", when(it["subscribed_at"]), _ago(it["heard_at"], now))
            for name, it in found.items()
        ],
    )
    for name, it in found.items():
        if not it["configured"] and it["ids"]:
            ids = ", ".join(map(str, it["ids"]))
            say(f"Source {name} has left the configuration, and its key with it: put it back, then syncd push off {name}; or delete "
                f"subscription {ids} in CTGO's dashboard.")  # fmt: skip
    return Exit.DONE


@app.command()
def off(context: typer.Context, name: _Name = "") -> int:
    """Unsubscribe, and stay off until `on`. Polling goes on.

    Exits with 69 when CTGO cannot be reached and 77 when it refuses the key: it is off all the same, and a daemon goes on trying.
    """
    settings = settings_of(context)
    with ledger_to_change(settings) as ledger:
        names = _chosen(settings, ledger, name)
        codes = [_off(settings, ledger, each) for each in names]
    if not names:
        say("There was nothing to switch off: no source has push.")
    return strongest(codes)


@app.command()
def on(context: typer.Context, name: _Name = "") -> int:
    """Let the daemon subscribe again."""
    settings = settings_of(context)
    from syncd.clock import SystemClock  # noqa: PLC0415
    from syncd.ledger import subscriptions  # noqa: PLC0415
    from syncd.ledger.operator_log import log_action  # noqa: PLC0415

    switched = []
    with ledger_to_change(settings) as ledger:
        names = _chosen(settings, ledger, name)
        with ledger.write() as connection:
            for it in (subscriptions.load(connection, each) for each in names):
                if it is not None and it.off:
                    subscriptions.save(connection, it.switched(off=False))
                    log_action(
                        connection, SystemClock().now(), who=operator(), verb="push on", name=it.source
                    )
                    switched.append(it.source)
    for each in switched:
        say(f"Push of source {each} is on again.")
        if each not in settings.sources or settings.sources[each].push is None:
            say(f"  It has no table [sources.{each}.push], and needs one.")
    if not switched:
        say("There was nothing to switch on.")
    return Exit.DONE


def standing(settings: Settings, ledger: "Ledger") -> dict[str, dict[str, Any]]:
    """By source: the state of its push, where it goes, since when, and when one last came. Never the token."""
    from syncd.ledger import subscriptions  # noqa: PLC0415

    with ledger.read() as connection:
        known = {it.source: it for it in subscriptions.load_all(connection)}
    names = [name for name, source in settings.sources.items() if source.push is not None or name in known]
    return {
        name: _told(name, settings.sources.get(name), known.get(name))
        for name in dict.fromkeys((*names, *known))
    }


def _told(name: str, source: Source | None, it: "Subscription | None") -> dict[str, Any]:
    wanted = source.push if source is not None else None
    ids = [] if it is None else [*([] if it.remote_id is None else [it.remote_id]), *it.leaving]
    return {
        "configured": source is not None,
        "state": _state(name, source, it),
        "public_url": None if wanted is None else wanted.public_url,
        "listen": None if wanted is None else str(wanted.listen),
        "ids": ids,
        "subscribed_at": None if it is None or it.remote_id is None else it.subscribed_at,
        "heard_at": None if it is None else it.heard_at,
    }


def _state(name: str, source: Source | None, it: "Subscription | None") -> str:
    del name
    if source is None:
        return "left behind"
    if it is not None and it.off:
        return "off, being unsubscribed" if it.is_there else "off"
    if source.push is None:
        return "being unsubscribed"
    return "on" if it is not None and it.remote_id is not None else "not subscribed yet"


def _ago(at: float | None, now: float) -> str:
    return "never" if at is None else f"{duration(now - at)} ago"


def _chosen(settings: Settings, ledger: "Ledger", name: str) -> Sequence[str]:
    """The source of that name, or all that have push or something left of it. Raises a usage error."""
    found = list(standing(settings, ledger))
    if not name:
        return found
    if name not in {*settings.sources, *found}:
        raise unknown("source", name, {*settings.sources, *found})
    return [name] if name in found else []


def _off(settings: Settings, ledger: "Ledger", name: str) -> Exit:
    from syncd.cli.operate.unsubscribe import unsubscribe  # noqa: PLC0415 - the client of CTGO
    from syncd.clock import SystemClock  # noqa: PLC0415

    clock = SystemClock()
    source = settings.sources.get(name)
    trouble = unsubscribe(ledger, name, source, clock, PATIENCE, who=operator())
    if trouble is None:
        say(
            f"Push of source {name} is off." + ("" if source is None or source.push is None else _still(name))
        )
        return Exit.DONE
    complain(f"Push of source {name} is off here, but CTGO was not told: {trouble.detail}", trouble.fix)
    if source is not None:
        say(who_goes_on(settings.state.path))
    return SOURCE_EXITS.get(trouble.code, Exit.WORK_LEFT)


def _still(name: str) -> str:
    return f" The configuration still has it: take [sources.{name}.push] out, or switch it on again with: syncd push on {name}"


@contextmanager
def _to_read(settings: Settings) -> Iterator["Ledger"]:
    from syncd.ledger import Ledger  # noqa: PLC0415

    with Ledger.open_to_read(settings.state.path) as ledger:
        yield ledger
