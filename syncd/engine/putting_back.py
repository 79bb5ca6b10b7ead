"""Leads that were settled without an answer, and for a reason that was not theirs, wait to be asked about again."""

from collections.abc import Collection

from syncd.engine.admitting import Taker
from syncd.engine.asking import hanging, readable
from syncd.engine.desk import Desk
from syncd.enrichment import merged
from syncd.ledger import Transaction, enriching
from syncd.ledger.replaying import Making, again, given_up, make
from syncd.ledger.statements import Books


def put_back(connection: Transaction, desk: Desk, seqs: Collection[int], now: float) -> None:
    """Each connector whose `where` hangs on the answer waits for it; what others were given meanwhile stays theirs."""
    found = enriching.look_up(connection, seqs)
    known = enriching.known(connection, desk.name, {it.person for it in found})
    wanted: dict[Taker, list[int]] = {}
    for it in found:
        lead = readable(desk.name, it.payload)
        for taker in hanging(lead, merged(known.get(it.person, ())), desk.takers) if lead else ():
            wanted.setdefault(taker, []).append(it.seq)
    books = Books(connection, now)
    for taker, its in wanted.items():
        making = Making(
            taker.name, taker.required, held=False, exports={desk.name: desk.exports}, unasked=True
        )
        make(books, making, its)
        again(books, making, given_up(connection, taker.name, its))
    books.close()
