"""Push, put together: its lanes, and the listeners that wake them. Imported when some source has push, or had it."""

from collections.abc import Collection, Sequence

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.core.failure import CODES
from syncd.engine.lane import Wake
from syncd.engine.pull.lane import Pull
from syncd.engine.push import Push, Wanted
from syncd.engine.source import SourceContext
from syncd.ledger import Ledger
from syncd.log import redact_values
from syncd.settings import Settings, Source


def push_lanes(
    settings: Settings,
    known: Collection[str],
    each: Sequence[tuple[SourceContext, Pull]],
    ledger: Ledger,
    *,
    clock: Clock,
    log: Logger,
    wake: Wake,
) -> list[Push]:
    """The lanes `push:SOURCE`. `known`: sources of which the ledger keeps a subscription. Their tokens are redacted."""
    for name in sorted(set(known) - set(settings.sources)):
        log.warning("push_left_behind", source=name, fix=CODES["push_left_behind"].replace("SOURCE", name))
    lanes = []
    for context, pull in each:
        wanted = wanted_of(settings.sources[context.name])
        if wanted is not None or context.name in known:
            lanes.append(Push(context, pull, ledger, clock=clock, log=log, wake=wake, wanted=wanted))
    redact_values(lane.token for lane in lanes)
    return lanes


def wanted_of(source: Source) -> Wanted | None:
    """What a source is to subscribe to; None: nothing. A source of one campaign hears of that one only."""
    if source.push is None:
        return None
    filters = {"streamId": source.stream_ids[0]} if len(source.stream_ids) == 1 else {}
    return Wanted(source.base_url, source.push.public_url, filters)
