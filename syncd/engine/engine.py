"""The engine: all that one configuration makes, opened."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.engine.deliver import Deliver
from syncd.engine.export import Export
from syncd.engine.lane import Lane
from syncd.engine.pull.lane import Pull
from syncd.engine.source import SourceContext
from syncd.ledger import Ledger
from syncd.ledger.leads.settlement import Moved
from syncd.settings import Settings


def log_shelved(log: Logger, moved: Moved) -> None:
    """One event for each source whose exports are put off, or taken up again."""
    for source, n in moved.put_off.items():
        log.warning("exports_shelved", source=source, n=n)
    for source, n in moved.taken_up.items():
        log.info("exports_taken_up", source=source, n=n)


@dataclass(frozen=True, slots=True)
class Engine:
    """Lanes over an open ledger.

    `closes`: what ends each lane when it is stepped no more, by its kind and name; `gates`: the size of every connector's
    flood gate, 0 for none.
    """

    settings: Settings
    ledger: Ledger
    clock: Clock
    contexts: Sequence[SourceContext]
    pulls: Sequence[Pull]
    delivers: Sequence[Deliver]
    exports: Sequence[Export]
    others: Sequence[Lane] = ()
    """The other lanes of the sources; they run behind the pulls."""
    polls: Sequence[Lane] = ()
    """The lanes that collect feedback: each shares its connector with a delivering lane."""
    closes: Mapping[tuple[str, str], Callable[[], None]] = field(default_factory=dict)
    gates: Mapping[str, int] = field(default_factory=dict)

    @property
    def budgets(self) -> Mapping[str, str]:
        """By source, the name of its key's budget in the ledger."""
        return {context.name: context.budget.meter.name for context in self.contexts}

    def close(self) -> None:
        """End every lane; none may be in a step."""
        for close in self.closes.values():
            close()
