"""Acts on what a connector's flood gate holds."""

from typing import NamedTuple

from syncd.ledger import Ledger
from syncd.ledger.admin import actions
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.deliveries.flood_gate import GateState
from syncd.settings import Settings
from syncd.verbs.actor import Actor
from syncd.verbs.targets import UnknownNameError


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


def release(actor: Actor, name: str, first: int | None = None) -> Decided:
    """Let through what the gate holds, the `first` oldest or all."""
    with actor.ledger.write() as connection:
        n = actions.release(connection, name, actor.clock.now(), who=actor.who, first=first)
        return Decided(n, flood_gate.gates(connection).get(name))


def drop_held(actor: Actor, name: str) -> Decided:
    """Drop for good what the gate holds."""
    with actor.ledger.write() as connection:
        now, exports = actor.clock.now(), actor.settings.exporting
        n = actions.drop_held(connection, name, now, who=actor.who, exports=exports)
        return Decided(n, flood_gate.gates(connection).get(name))
