"""Asks CTGO how many enrichment credits a source's team has: one request, and only if the budget has one to spare."""

from syncd.core.failure import Failure
from syncd.engine.budget import Hold
from syncd.engine.source import Desk
from syncd.ledger import Ledger


def ask_credits(desk: Desk, ledger: Ledger) -> int | None:
    """The balance; None when it was not asked or not told. What is wrong with the key, the pull meets and says."""
    with ledger.write() as connection:
        opened = desk.pacer.open(connection, 1, live=False)
    if not isinstance(opened, Hold):
        return None
    try:
        me = opened.call(desk.upstream.me)
    except Failure:
        return None
    finally:
        with ledger.write() as connection:
            desk.pacer.close(connection, opened)
    return me.credits.balance if me.credits else None
