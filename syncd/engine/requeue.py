"""Leads that were settled without an answer, and for a reason that was not theirs, wait to be asked about again."""

from collections.abc import Collection

from syncd.core.enrichment import merged
from syncd.engine.enrich.questions import hanging, readable
from syncd.engine.fanout import Recipient
from syncd.engine.source import SourceContext
from syncd.ledger import Transaction
from syncd.ledger.admin.replays import Making, again, given_up, make
from syncd.ledger.leads import enrichment
from syncd.ledger.sql import Books


def put_back(connection: Transaction, context: SourceContext, seqs: Collection[int], now: float) -> None:
    """Each connector whose `where` hangs on the answer waits for it; what others were given meanwhile stays theirs."""
    found = enrichment.look_up(connection, seqs)
    known = enrichment.known(connection, context.name, {it.person for it in found})
    wanted: dict[Recipient, list[int]] = {}
    for it in found:
        lead = readable(context.name, it.payload)
        for taker in hanging(lead, merged(known.get(it.person, ())), context.takers) if lead else ():
            wanted.setdefault(taker, []).append(it.seq)
    books = Books(connection, now)
    for taker, its in wanted.items():
        making = Making(
            taker.name, taker.required, held=False, exports={context.name: context.exports}, unasked=True
        )
        make(books, making, its)
        again(books, making, given_up(connection, taker.name, its))
    books.close()
