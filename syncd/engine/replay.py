"""Replay: deliveries for leads that came in before a connector was there, or that it rejected, did not want, or has.

First everything is read and judged by today's `where`, and nothing is written; then the deliveries are made, the oldest
leads first, a few thousand a transaction, so that a running engine never waits long. What such a delivery says is mapped
when it is sent, like any other's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from json import loads
from types import MappingProxyType
from typing import Literal

from syncd.core.failure import Reject
from syncd.core.flood_gate import Move, decide
from syncd.core.lead import read_lead
from syncd.engine.enrich_questions import hanging
from syncd.engine.fanout import Enriching, Recipient, Recipients
from syncd.engine.names import Names
from syncd.ledger import Ledger
from syncd.ledger.admin.replays import Making, Older, Wanted, again, make, older
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.history import log_action
from syncd.ledger.sql import Books
from syncd.mapping import variables

READ_AT_ONCE = 500
MADE_AT_ONCE = 2000
NOBODY_ASKS: Mapping[str, Enriching | None] = MappingProxyType({})

Verdict = Literal["deliver", "unasked", "unwanted", "unnamed", "payload_gone", "filter_failed"]


@dataclass(slots=True)
class Replay:
    """The findings of a replay. `new` and `back`: (discovered at, number) of leads without a delivery, and of deliveries."""

    new: list[tuple[float, int]] = field(default_factory=list)
    back: list[tuple[float, int]] = field(default_factory=list)
    to_ask: list[Older] = field(default_factory=list)
    """Those whose `where` hangs on what CTGO was never asked for: they wait for the answer."""
    failed: list[tuple[int, str]] = field(default_factory=list)
    unwanted: int = 0
    unnamed: int = 0
    """Those whose `where` needs a name, of a campaign for one, that is not known yet."""
    unjudged: int = 0
    """Those that are there and of whom today's `where` cannot tell if it wants them: they stay as they are."""
    payload_gone: int = 0

    @property
    def burst(self) -> int:
        """Deliveries that would be pending."""
        return len(self.new) + len(self.back)

    @property
    def empty(self) -> bool:
        """True if carrying it out would change nothing."""
        return not (self.burst or self.failed or self.to_ask)


def judge(
    lead: Older, recipient: Recipient, names: Names, enriching: Enriching | None = None
) -> tuple[Verdict, str]:
    """Judge an older lead by today's `where`; return the verdict, and why there is none. `names`, `enriching`: of its source."""
    if lead.payload is None:
        return "payload_gone", ""
    try:
        read = read_lead(lead.source, lead.payload)
        document = loads(lead.enrichment) if lead.enrichment else {}
        if enriching and hanging(
            read, document, Recipients([recipient], exports=True, names=names, enriching=enriching)
        ):
            return "unasked", ""
        if names.unknown(read, recipient.where.uses):
            return "unnamed", ""
        values = variables(read, names.labels, enrichment=document, names=recipient.where.uses)
        return ("deliver" if recipient.where.accepts(values) else "unwanted"), ""
    except Reject as why:
        return "filter_failed", why.detail
    except ValueError as error:
        return "filter_failed", f"The stored payload cannot be read: {error}"


def look(
    ledger: Ledger,
    wanted: Wanted,
    recipient: Recipient,
    names: Mapping[str, Names],
    enriching: Mapping[str, Enriching | None] = NOBODY_ASKS,
) -> Replay:
    """Judge every lead that it is about; writes nothing. `names` and `enriching`: by source."""
    replay = Replay()
    for lead in _all(ledger, wanted):
        verdict, why = judge(lead, recipient, names[lead.source], enriching.get(lead.source))
        if lead.there and verdict in {"unasked", "filter_failed"}:
            replay.unjudged += 1
        elif verdict == "unasked":
            replay.to_ask.append(lead)
        elif verdict == "deliver" and lead.delivery is None:
            replay.new.append((lead.discovered_at, lead.seq))
        elif verdict == "deliver" and lead.delivery is not None:
            replay.back.append((lead.discovered_at, lead.delivery))
        elif verdict == "filter_failed" and not lead.rejected and lead.delivery is None:
            replay.failed.append((lead.seq, why))
        else:
            replay.payload_gone += verdict == "payload_gone"
            replay.unwanted += verdict == "unwanted"
            replay.unnamed += verdict == "unnamed"
    replay.new.sort()
    replay.back.sort()
    return replay


def _all(ledger: Ledger, wanted: Wanted) -> Iterator[Older]:
    after = 0
    while True:
        with ledger.read() as connection:
            found = older(connection, wanted, after, READ_AT_ONCE)
        yield from found
        if len(found) < READ_AT_ONCE:
            return
        after = found[-1].seq


def at_the_gate(ledger: Ledger, replay: Replay, name: str, size: int | None) -> Move:
    """Return what the connector's gate would do with the burst of this replay."""
    with ledger.read() as connection:
        closed = name in flood_gate.closed_gates(connection)
    return "free" if size is None else decide(replay.burst, size, closed=closed, over=True)


@dataclass(frozen=True, slots=True)
class Order:
    """The person who asks for a replay, and its terms. `size`: the connector's gate; `exports`: which sources export."""

    who: str
    now: float
    size: int | None
    exports: Mapping[str, bool]


@dataclass(slots=True)
class Done:
    """The number of deliveries made: pending ones, and rejected ones whose `where` could not be evaluated."""

    made: int = 0
    failed: int = 0
    to_ask: int = 0


def carry_out(ledger: Ledger, replay: Replay, recipient: Recipient, order: Order) -> Done:
    """Make the deliveries. Killed half-way, the same command makes the rest."""
    move = at_the_gate(ledger, replay, recipient.name, order.size)
    making = Making(recipient.name, recipient.required, move != "free", dict(order.exports))
    done = Done()
    for first in range(0, max(len(replay.new), len(replay.back), 1), MADE_AT_ONCE):
        part = slice(first, first + MADE_AT_ONCE)
        with ledger.write() as connection:
            books = Books(connection, order.now)
            done.made += make(books, making, [seq for _, seq in replay.new[part]])
            done.made += again(books, making, [delivery for _, delivery in replay.back[part]])
            if not first:
                done.to_ask = _make_waiting(books, making, replay.to_ask) if replay.to_ask else 0
                done.failed = _make_rejected(books, making, replay)
                flood_gate.know(connection, recipient.name, order.size or 0)
                if move == "close":  # with the oldest of them: all that follow are held
                    flood_gate.close(connection, recipient.name, order.now)
                if not replay.empty:
                    _log(books, replay, recipient.name, order)
            books.close()
    return done


def _make_waiting(books: Books, making: Making, leads: Sequence[Older]) -> int:
    waiting = replace(making, held=False, unasked=True)
    made = make(books, waiting, [it.seq for it in leads if it.delivery is None])
    return made + again(books, waiting, [it.delivery for it in leads if it.delivery is not None])


def _make_rejected(books: Books, making: Making, replay: Replay) -> int:
    by_reason: dict[str, list[int]] = {}
    for seq, why in replay.failed:
        by_reason.setdefault(why, []).append(seq)
    return sum(make(books, making, seqs, failed=why) for why, seqs in by_reason.items())


def _log(books: Books, replay: Replay, name: str, order: Order) -> None:
    detail = f"{len(replay.new)} new, {len(replay.back)} again"
    log_action(books.connection, order.now, who=order.who, verb="replay", name=name, detail=detail)
