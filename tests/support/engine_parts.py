"""The parts of a bench: accounts of CTGO, and the lanes of one life of the engine."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from syncd.engine.deliver import Deliver
from syncd.engine.export import Export
from syncd.engine.lane import Lane
from syncd.engine.pull.lane import Pull
from syncd.engine.source import SourceContext
from syncd.simulator import World
from tests.support.virtual import KEY, SeamLedger, Wire


@dataclass
class Account:
    """A CTGO account and how the source that polls it is configured."""

    world: World
    wire_app: Any
    limit: int = 60
    context: dict[str, Any] = field(default_factory=dict)
    takers: Sequence[str] | None = None
    key: str = KEY


@dataclass
class Lanes:
    """One life of the engine: what a crash takes away."""

    ledger: SeamLedger
    contexts: dict[str, SourceContext]
    pulls: dict[str, Pull]
    exports: dict[str, Export]
    delivers: dict[str, Deliver]
    wires: dict[str, Wire]
    others: list[Lane] = field(default_factory=list)

    def all(self) -> list[Lane]:
        return [*self.pulls.values(), *self.delivers.values(), *self.exports.values(), *self.others]
