"""Lanes as the ledger keeps them: a pause or a halt survives a restart."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from syncd.core.failure import Failure
from syncd.core.flood_gate import GATE_HELD, describe_gate
from syncd.core.lane_state import BY_HAND, LaneState, halted, kept_by_hand, reopened
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.schema import Lane, table
from syncd.ledger.sql import upsert

_lane = table(Lane)
_COLUMNS = tuple(column.name for column in _lane.c)
_IDS = ("alike", "doubts")
_LOAD = select(_lane).where(_lane.c.kind == bindparam("kind"), _lane.c.name == bindparam("name"))
_NEW = upsert(_lane)
_SAVE = _NEW.on_conflict_do_update(
    index_elements=["kind", "name"], set_={name: _NEW.excluded[name] for name in _COLUMNS}
)


def load_lane(connection: Connection, kind: str, name: str) -> LaneState:
    """Return the lane's state; a lane that was never saved is open."""
    row = connection.execute(_LOAD, {"kind": kind, "name": name}).mappings().first()
    return _state(row) if row else LaneState(kind, name)


def load_lanes(connection: Connection) -> list[LaneState]:
    """Return every lane that was ever saved, by kind and name, for readers.

    A connector's lane behind a closed gate reads as halted, unless it stands still for a reason of its own.
    """
    lanes = {(lane.kind, lane.name): lane for lane in _saved(connection)}
    for gate in flood_gate.gates(connection).values():
        lane = lanes.get(("deliver", gate.connector), LaneState("deliver", gate.connector))
        if gate.since is not None and lane.status != "halted" and lane.code != BY_HAND:
            lanes["deliver", gate.connector] = lane._replace(
                status="halted", code=GATE_HELD, detail=describe_gate(gate.held, gate.size), by="syncd",
                since=gate.since, until=None,
            )  # fmt: skip
    return [lanes[key] for key in sorted(lanes)]


def _saved(connection: Connection) -> list[LaneState]:
    return [
        _state(row)
        for row in connection.execute(select(_lane).order_by(_lane.c.kind, _lane.c.name)).mappings()
    ]


def save_lane(connection: Connection, lane: LaneState) -> None:
    """Insert or replace a lane."""
    row = {name: getattr(lane, name) for name in _COLUMNS}
    row |= {name: json.dumps(row[name]) for name in _IDS}
    connection.execute(_SAVE, row)


def halt_lanes(connection: Connection, kinds: Sequence[str], name: str, why: Failure, now: float) -> None:
    """Halt several lanes for one reason; each keeps its own counts, and a person's pause."""
    for kind in kinds:
        lane = load_lane(connection, kind, name)
        save_lane(connection, kept_by_hand(lane, halted(lane, why, now)._replace(doubts=()), now))


def lift_halts(connection: Connection) -> set[tuple[str, str]]:
    """Lift every halt at a start; the lanes are then on probation. A person's pause stays.

    Returns (kind, name) of the lanes that were halted.
    """
    lifted = set()
    for lane in _saved(connection):
        if lane.status == "halted":
            lifted.add((lane.kind, lane.name))
            save_lane(connection, reopened(lane))
        elif lane.status == "paused" and lane.code != BY_HAND:
            save_lane(connection, reopened(lane)._replace(failures=0))
    return lifted


def _state(row: Any) -> LaneState:
    ids = {name: () if row[name] == "[]" else tuple(json.loads(row[name])) for name in _IDS}
    return LaneState(**{**row, **ids, "probing": bool(row["probing"])})
