"""`syncd push`: show whether CTGO pushes new leads, and switch it on or off.

`off` unsubscribes at once. Push stays off through restarts, whatever the configuration says, until `on`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.context import (
    AsJson,
    describe_next,
    group_app,
    ledger_to_change,
    ledger_to_read,
    operator,
    settings_of,
    unknown,
)
from syncd.cli.exits import SOURCE_EXITS, Exit, complain, strongest
from syncd.cli.output import duration, iso, say, say_json, say_table, when
from syncd.clock import SystemClock
from syncd.core.failure import CODES, Failure, Halt, Pause
from syncd.settings import Settings, Source

if TYPE_CHECKING:
    from syncd.ledger import Ledger
    from syncd.ledger.subscriptions import Subscription

app = group_app("Show whether CTGO pushes new leads, or switch it: off, on.")

_Name = Annotated[str, typer.Argument(metavar="[NAME]", help="A source [all of them].", show_default=False)]


@app.callback()
def push(context: typer.Context, as_json: AsJson = False) -> int:
    """Show the subscriptions, unless a command follows."""
    if context.invoked_subcommand is not None:
        return Exit.DONE
    settings = settings_of(context)

    now = SystemClock().now()
    with ledger_to_read(settings) as ledger:
        found = standing(settings, ledger)
    if as_json:
        for it in found.values():
            it.update({key: iso(value) for key, value in it.items() if key.endswith("_at")})
        say_json(found)
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
            say(f"Source {name} is no longer in the configuration, nor is its key: put it back, then syncd push off {name}; or "
                f"delete subscription {ids} in CTGO's dashboard.")  # fmt: skip
    return Exit.DONE


@app.command()
def off(context: typer.Context, name: _Name = "") -> int:
    """Unsubscribe, and stay off until `on`. Polling continues.

    Exits with 69 if CTGO cannot be reached and 77 if it refuses the key: push is off nevertheless, and a daemon tries again.
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
    from syncd.ledger import subscriptions  # noqa: PLC0415
    from syncd.ledger.history import log_action  # noqa: PLC0415

    switched, now = [], SystemClock().now()
    with ledger_to_change(settings) as ledger:
        names = _chosen(settings, ledger, name)
        with ledger.write() as connection:
            for it in (subscriptions.load(connection, each) for each in names):
                if it is not None and it.off:
                    subscriptions.save(connection, it.switched(off=False))
                    log_action(connection, now, who=operator(), verb="push on", name=it.source)
                    switched.append(it.source)
    for each in switched:
        say(f"Push of source {each} is on again.")
        if each not in settings.sources or settings.sources[each].push is None:
            say(f"  It has no table [sources.{each}.push], and needs one.")
    if not switched:
        say("There was nothing to switch on.")
    return Exit.DONE


def standing(settings: Settings, ledger: "Ledger") -> dict[str, dict[str, Any]]:
    """Describe push by source: its state, its address, and its times. The token is never shown."""
    from syncd.ledger import subscriptions  # noqa: PLC0415

    with ledger.read() as connection:
        known = {it.source: it for it in subscriptions.load_all(connection)}
    names = [name for name, source in settings.sources.items() if source.push is not None or name in known]
    return {
        name: _describe(settings.sources.get(name), known.get(name))
        for name in dict.fromkeys((*names, *known))
    }


def _describe(source: Source | None, it: "Subscription | None") -> dict[str, Any]:
    wanted = source.push if source is not None else None
    ids = [] if it is None else [*([] if it.remote_id is None else [it.remote_id]), *it.leaving]
    return {
        "configured": source is not None,
        "state": _state(source, it),
        "public_url": None if wanted is None else wanted.public_url,
        "listen": None if wanted is None else str(wanted.listen),
        "ids": ids,
        "subscribed_at": None if it is None or it.remote_id is None else it.subscribed_at,
        "heard_at": None if it is None else it.heard_at,
    }


def _state(source: Source | None, it: "Subscription | None") -> str:
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
    """Choose the source of a name, or all sources with push or a subscription. Raises a usage error."""
    found = list(standing(settings, ledger))
    if not name:
        return found
    if name not in {*settings.sources, *found}:
        raise unknown("source", name, {*settings.sources, *found})
    return [name] if name in found else []


def _off(settings: Settings, ledger: "Ledger", name: str) -> Exit:
    source = settings.sources.get(name)
    trouble = _unsubscribe(ledger, name, source)
    if trouble is None:
        configured = source is not None and source.push is not None
        still = f" The configuration still has it: remove [sources.{name}.push], or switch it on again with: syncd push on {name}"
        say(f"Push of source {name} is off.{still if configured else ''}")
        return Exit.DONE
    complain(f"Push of source {name} is off here, but CTGO could not be told: {trouble.detail}", trouble.fix)
    if source is not None:
        say(describe_next(settings.state.path))
    return SOURCE_EXITS.get(trouble.code, Exit.WORK_LEFT)


def _unsubscribe(ledger: "Ledger", name: str, source: Source | None) -> Failure | None:
    """Switch push off, then delete every subscription; return the failure, None if all went well.

    Push is off before CTGO is asked: so a daemon neither accepts a push nor subscribes again, and continues if this fails.
    `source`: None if it is no longer in the configuration.
    """
    from syncd.app.paced_client import PATIENCE, free_slot, make_upstream, send_in_slot  # noqa: PLC0415 - the client of CTGO
    from syncd.ledger import subscriptions  # noqa: PLC0415

    clock = SystemClock()
    it = _switched_off(ledger, name, clock.now())
    if not it.is_there:
        return None
    if source is None:
        fix = CODES["push_left_behind"].replace("SOURCE", name)
        return Halt("push_left_behind", "Its key is not in the configuration.", fix=fix)
    client, budget = make_upstream(source, clock)

    def ask(request: Callable[[], object], change: Callable[["Subscription", Any], "Subscription"]) -> None:
        slot = free_slot(ledger, budget, clock, PATIENCE)
        if slot is None:
            raise Pause("rate_limited", "Its requests of this minute are all taken.")
        answer = send_in_slot(slot, request, budget, ledger)
        with ledger.write() as connection:
            if (stands := subscriptions.load(connection, name)) is not None:
                subscriptions.save(connection, change(stands, answer))

    try:
        if it.asked:  # only this request tells the id of a subscription whose answer was lost
            ask(partial(client.subscribe, it.asked), lambda stands, answer: stands.found(answer))
        with ledger.read() as connection:
            it = subscriptions.load(connection, name) or it
        for number in it.leaving:
            ask(partial(client.unsubscribe, number), lambda stands, _, number=number: stands.left(number))  # type: ignore[misc]
    except Failure as why:
        return why
    finally:
        client.close()
    return None


def _switched_off(ledger: "Ledger", name: str, now: float) -> "Subscription":
    from syncd.ledger import subscriptions  # noqa: PLC0415
    from syncd.ledger.history import log_action  # noqa: PLC0415

    with ledger.write() as connection:
        it = subscriptions.load(connection, name) or subscriptions.fresh(name)
        after = it.switched(off=True).unwanted()
        if after != it:
            subscriptions.save(connection, after)
            log_action(connection, now, who=operator(), verb="push off", name=name)
    return after
