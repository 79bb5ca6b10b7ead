"""Switches a source's push off and tells CTGO so, beside a daemon or without one."""

from syncd.cli.checking import free_slot
from syncd.cli.compose import make_upstream
from syncd.clock import SystemClock
from syncd.failure import CODES, Failure, Halt, Pause
from syncd.ledger import Ledger, pushing
from syncd.ledger.operating import log_action
from syncd.ledger.pushing import Subscription
from syncd.settings import Source
from syncd.upstream.webhooks import Webhooks


def unsubscribe(
    ledger: Ledger, name: str, source: Source | None, clock: SystemClock, patience: float, *, who: str
) -> Failure | None:
    """Switch off, then unsubscribe everything that is there; why that did not work, None if it did.

    It is off before CTGO is asked, so that a daemon neither takes a push nor subscribes anew, and goes on where this fails.
    `source`: None when it has left the configuration; `patience`: seconds for each free request.
    """
    it = _switched_off(ledger, name, clock.now(), who)
    if not it.leaving:
        return None
    if source is None:
        return Halt(
            "push_left_behind",
            "Its key is not in the configuration.",
            fix=CODES["push_left_behind"].replace("SOURCE", name),
        )
    client, pacer = make_upstream(source, clock)
    try:
        for number in it.leaving:
            hold = free_slot(ledger, pacer, clock, patience)
            if hold is None:
                return Pause("rate_limited", "Its requests of this minute are all taken.")
            try:
                hold.call(lambda number=number: Webhooks(client).unsubscribe(number))  # type: ignore[misc]
            finally:
                with ledger.write() as connection:
                    pacer.close(connection, hold)
            with ledger.write() as connection:
                stands = pushing.load(connection, name)
                if stands is not None:
                    pushing.save(connection, stands.left(number))
    except Failure as why:
        return why
    finally:
        client.close()
    return None


def _switched_off(ledger: Ledger, name: str, now: float, who: str) -> Subscription:
    with ledger.write() as connection:
        it = pushing.load(connection, name) or pushing.fresh(name)
        after = it.switched(off=True).unwanted()
        if after != it:
            pushing.save(connection, after)
            log_action(connection, now, who=who, verb="push off", name=name)
    return after
