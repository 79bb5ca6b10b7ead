"""The end of a source's push: it is switched off here and unsubscribed at CTGO, with or without a daemon."""

from collections.abc import Callable
from functools import partial
from typing import Any

from syncd.app.paced_client import PATIENCE, free_slot, make_upstream, send_in_slot
from syncd.clock import SystemClock
from syncd.core.failure import CODES, Failure, Halt, Pause
from syncd.ledger import Ledger, subscriptions
from syncd.ledger.history import log_action
from syncd.ledger.subscriptions import Subscription
from syncd.settings import Source


def unsubscribe(
    ledger: Ledger, name: str, source: Source | None, clock: SystemClock, *, who: str
) -> Failure | None:
    """Switch push off, then delete every subscription; return the failure, None if all went well.

    Push is off before CTGO is asked: so a daemon neither accepts a push nor subscribes again, and continues if this fails.
    `source`: None if it is no longer in the configuration.
    """
    it = _switched_off(ledger, name, clock.now(), who)
    if not it.is_there:
        return None
    if source is None:
        fix = CODES["push_left_behind"].replace("SOURCE", name)
        return Halt("push_left_behind", "Its key is not in the configuration.", fix=fix)
    client, pacer = make_upstream(source, clock)

    def ask(request: Callable[[], object], change: Callable[[Subscription, Any], Subscription]) -> None:
        hold = free_slot(ledger, pacer, clock, PATIENCE)
        if hold is None:
            raise Pause("rate_limited", "Its requests of this minute are all taken.")
        answer = send_in_slot(hold, request, pacer, ledger)
        with ledger.write() as connection:
            if (stands := subscriptions.load(connection, name)) is not None:
                subscriptions.save(connection, change(stands, answer))

    try:
        if it.asked:  # only this request tells the id of a subscription whose answer was lost
            ask(partial(client.subscribe, it.asked), Subscription.found)
        with ledger.read() as connection:
            it = subscriptions.load(connection, name) or it
        for number in it.leaving:
            ask(partial(client.unsubscribe, number), lambda stands, _, number=number: stands.left(number))  # type: ignore[misc]
    except Failure as why:
        return why
    finally:
        client.close()
    return None


def _switched_off(ledger: Ledger, name: str, now: float, who: str) -> Subscription:
    with ledger.write() as connection:
        it = subscriptions.load(connection, name) or subscriptions.fresh(name)
        after = it.switched(off=True).unwanted()
        if after != it:
            subscriptions.save(connection, after)
            log_action(connection, now, who=who, verb="push off", name=name)
    return after
