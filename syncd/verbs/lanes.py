"""Acts on the lanes of a source or connector: pause, resume, try now what waits, pull now."""

import os
import signal
from collections.abc import Sequence
from typing import NamedTuple

from syncd.core.lane_state import LaneState
from syncd.ledger import Ledger
from syncd.ledger.admin import actions
from syncd.ledger.admin.actions import Backlog
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.deliveries.flood_gate import GateState
from syncd.ledger.history import log_action
from syncd.ledger.lanes import load_lane
from syncd.settings import Settings
from syncd.verbs.actor import Actor
from syncd.verbs.engine_holder import REREAD, Reread, daemon_of, read_again, stale
from syncd.verbs.targets import Target, target_of


def pause(actor: Actor, target: Target, *, seconds: float | None = None, reason: str = "") -> float | None:
    """Stop the lanes for so long, or until a person resumes them; return when the pause ends, None if it does not."""
    now = actor.clock.now()
    until = None if seconds is None else now + seconds
    with actor.ledger.write() as connection:
        actions.pause_lanes(
            connection, target.lanes, now, who=actor.who, via=actor.via, until=until, reason=reason
        )
    return until


class Resumed(NamedTuple):
    """The lanes whose pause or halt was lifted, as they were.

    `rejected`: deliveries that had halted it, rejected because that was accepted. `gate`: the connector's, if it holds
    something. `reread`: how a daemon took the configuration, None if it had it.
    """

    lifted: Sequence[LaneState]
    rejected: int
    gate: GateState | None
    reread: Reread | None


def resume(actor: Actor, target: Target, *, accepted: bool = False, patience: float = REREAD) -> Resumed:
    """Lift pauses and halts. `accepted`: the refusals that halted it are meant. `patience`: as in `read_again`."""
    reread, n = None, 0
    with actor.ledger.write() as connection:
        stopped = [load_lane(connection, *key) for key in target.lanes]
        if accepted:
            n = actions.accept(
                connection,
                target.lanes,
                actor.clock.now(),
                who=actor.who,
                via=actor.via,
                exports=actor.settings.exporting,
            )
    lifted = [lane for lane in stopped if lane.status != "open"]
    # First the configuration: a call with the old one would halt the lane again
    if lifted and stale(actor.settings):
        reread = read_again(actor.settings, actor.clock, patience)
    with actor.ledger.write() as connection:
        actions.resume_lanes(connection, target.lanes, actor.clock.now(), who=actor.who, via=actor.via)
        gate = flood_gate.gates(connection).get(target.name) if target.what == "connector" else None
    return Resumed(lifted, n, gate, reread)


class Tried(NamedTuple):
    """The lanes whose wait was lifted, as they were, the rows that may go now, and all the lanes as they are."""

    lifted: Sequence[LaneState]
    rows: int
    lanes: Sequence[LaneState]


def try_now(actor: Actor, target: Target) -> Tried:
    """Make due what waits to be tried again, and lift the waits of the lanes themselves."""
    with actor.ledger.write() as connection:
        found = actions.retry_now(connection, target.lanes, actor.clock.now(), who=actor.who, via=actor.via)
        lanes = [load_lane(connection, *key) for key in target.lanes]
    return Tried(found.lifted, found.rows, lanes)


class Waiting(NamedTuple):
    """Backlogs that wait to be tried again, the soonest first, and every lane of the configuration."""

    backlogs: Sequence[Backlog]
    lanes: Sequence[LaneState]


def waiting(settings: Settings, ledger: Ledger, now: float) -> Waiting:
    """Find what `try_now` would try before its time."""
    names = (*settings.sources, *settings.connectors)
    keys = [key for name in names for key in target_of(settings, name).lanes]
    with ledger.read() as connection:
        found = actions.backlogs(connection, keys, now)
        return Waiting(found, [load_lane(connection, *key) for key in keys])


def pull_now(actor: Actor) -> int | None:
    """Make the running daemon pull every source now; return its process id, None if there is no daemon to tell."""
    process = daemon_of(actor.settings.state.path, signal.SIGUSR1)
    if process is None:
        return None
    with actor.ledger.write() as connection:
        log_action(connection, actor.clock.now(), who=actor.who, via=actor.via, verb="pull")
    try:
        os.kill(process, signal.SIGUSR1)
    except OSError:  # another user's, or gone by now
        return None
    return process
