"""Acts on what a connector's flood gate holds."""

from typing import NamedTuple

from syncd.ledger import Ledger, Transaction, history
from syncd.ledger.admin import actions
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.deliveries.flood_gate import GateState
from syncd.ledger.history import MOST_TOUCHED
from syncd.log import escape
from syncd.settings import Settings
from syncd.verbs.actor import Actor
from syncd.verbs.seen import Seen, require_unchanged
from syncd.verbs.targets import MistakeError, UnknownNameError


class Decided(NamedTuple):
    """The number of deliveries that a person decided on, and the gate if it still holds some."""

    n: int
    left: GateState | None


def gate_of(settings: Settings, ledger: Ledger, name: str) -> GateState | None:
    """Return the gate of a connector, None if it holds nothing. Raises UnknownNameError."""
    with ledger.read() as connection:
        gates = flood_gate.gates(connection)
    if name not in {*settings.connectors, *gates}:
        raise UnknownNameError("connector", name, {*settings.connectors, *gates})
    return gates.get(name)


def release(actor: Actor, name: str, first: int | None = None, *, seen: Seen | None = None) -> Decided:
    """Let through what the gate holds, the `first` oldest or all. Raises GroupChangedError.

    Many go in several transactions: each may be undone, and none keeps the engine from the ledger for long.
    """
    now, n = actor.clock.now(), 0
    while True:
        most = MOST_TOUCHED if first is None else min(MOST_TOUCHED, first - n)
        with actor.ledger.write() as connection:
            _require_unchanged(connection, name, seen if not n else None)
            freed = actions.release(connection, name, now, who=actor.who, via=actor.via, first=most)
            left = flood_gate.gates(connection).get(name)
        n += freed
        if freed < MOST_TOUCHED or n == first:
            return Decided(n, left)


def drop_held(actor: Actor, name: str, *, seen: Seen | None = None) -> Decided:
    """Drop for good what the gate holds. Raises GroupChangedError."""
    with actor.ledger.write() as connection:
        _require_unchanged(connection, name, seen)
        now, exports = actor.clock.now(), actor.settings.exporting
        n = actions.drop_held(connection, name, now, who=actor.who, via=actor.via, exports=exports)
        return Decided(n, flood_gate.gates(connection).get(name))


def hold_again(actor: Actor, name: str, number: int | None = None) -> Decided:
    """Hold what a release let through and nobody tried since.

    `number`: of its entry in the operator's log; None: the connector's newest. Raises MistakeError.
    """
    with actor.ledger.read() as connection:
        found = number or history.newest_touching(connection, "release", name)
        parts = [it for it in history.parts_of(connection, found or 0) if it.verb == "release" and it.touched]
    if not parts or parts[0].name != name:
        raise MistakeError(f"There is no release of connector {escape(name[:64])} to undo.")
    n = 0
    for part in parts:
        with actor.ledger.write() as connection:
            n += actions.hold_again(connection, part, actor.clock.now(), who=actor.who, via=actor.via)
    with actor.ledger.read() as connection:
        return Decided(n, flood_gate.gates(connection).get(name))


def _require_unchanged(connection: Transaction, name: str, seen: Seen | None) -> None:
    if seen is not None:
        gate = flood_gate.gates(connection).get(name)
        require_unchanged(connection, seen, gate.held if gate else 0, [name])
