"""Asks CTGO how many enrichment credits a source's team has: one request, and only if the budget has one to spare."""

from syncd.core.failure import Failure
from syncd.engine.budget import Reservation
from syncd.engine.source import SourceContext
from syncd.ledger import Ledger


def ask_credits(context: SourceContext, ledger: Ledger) -> int | None:
    """Return the balance; None if it is not known. The pull reports trouble with the key."""
    with ledger.write() as connection:
        opened = context.pacer.open(connection, 1, live=False)
    if not isinstance(opened, Reservation):
        return None
    try:
        me = opened.call(context.upstream.me)
    except Failure:
        return None
    finally:
        with ledger.write() as connection:
            context.pacer.close(connection, opened)
    return me.credits.balance if me.credits else None
