"""The consequences of a new configuration for what the ledger keeps of the old one."""

from syncd.core.enrichment import SET_BOUNDS
from syncd.core.lane_state import LaneState, reopened
from syncd.engine.engine import Engine
from syncd.engine.source import SOURCE_LANES
from syncd.ledger import Transaction, twins
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.lanes import load_lane, save_lane
from syncd.settings import Settings

PUSH = frozenset({"push_failed"})
"""Codes that a new address may mend."""


def changed(old: Settings, new: Settings) -> list[tuple[str, str]]:
    """The lanes (kind, name) whose source or connector is new or has another option or secret."""
    lanes = [
        (kind, name)
        for name, it in new.connectors.items()
        if old.connectors.get(name) != it
        for kind in ("deliver", "hear")
    ]
    return lanes + [
        (kind, name)
        for name, it in new.sources.items()
        if old.sources.get(name) != it
        for kind in (*SOURCE_LANES, "enrich", "feedback", "push")
    ]


def take_over(connection: Transaction, old: Engine, new: Engine) -> list[LaneState]:
    """Lift the halts of what was changed, begin the budgets of new keys, end those of keys that are gone.

    Returns the lanes that were lifted. A pause, of ours or by hand, is left alone, unless it hangs on what was configured: a bound
    of enriching, where push is to go.
    """
    lifted = []
    for kind, name in changed(old.settings, new.settings):
        lane = load_lane(connection, kind, name)
        paused = lane.status == "paused" and lane.code in {"enrich": SET_BOUNDS, "push": PUSH}.get(kind, ())
        if lane.status == "halted" or paused:
            save_lane(connection, reopened(lane))
            lifted.append(lane)
    stood = {lane.name for lane in lifted if lane.kind == "deliver"}
    twins.set_addresses(connection, new.settings.addresses)
    flood_gate.start(connection, new.gates, new.settings.routes, stood, new.clock.now())
    before = {context.pacer.meter.name: context for context in old.contexts}
    after = {context.pacer.meter.name: context for context in new.contexts}
    for key in after.keys() - before.keys():
        after[key].pacer.start(connection)
    for key in before.keys() - after.keys():
        before[key].pacer.schedule_pull(connection, None, 1)
    return lifted
