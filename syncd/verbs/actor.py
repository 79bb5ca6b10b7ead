"""The one who acts on a ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from syncd.clock import Clock, SystemClock
from syncd.ledger import Ledger, LedgerError, Transaction
from syncd.settings import Settings
from syncd.verbs.engine_holder import nudge

Via = Literal["cli", "console"]
"""The way that an act came."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A person with an open ledger. `who`: their name in the operator's log."""

    ledger: Ledger
    settings: Settings
    who: str
    via: Via
    clock: Clock = field(default_factory=SystemClock)

    @contextmanager
    def write(self, before: int = 0) -> Iterator[Transaction]:
        """Open one transaction of an act. Raises LedgerError, which tells of the rows that transactions `before` moved."""
        try:
            with self.ledger.write() as connection:
                yield connection
        except LedgerError as error:
            if not before:
                raise
            done = f"{error.detail} Before that, {before:,} were moved, and they stay so."
            raise LedgerError(error.code, done) from error


@contextmanager
def at_work(settings: Settings, who: str, via: Via, clock: Clock | None = None) -> Iterator[Actor]:
    """Open the ledger for acts of a person, and wake a running engine afterwards. `clock`: None for the machine's.

    It makes no ledger. Raises LedgerError, also if there is none yet.
    """
    path = settings.state.path
    if not path.exists():
        raise LedgerError("ledger_broken", f"There is no ledger at {path} yet: run syncd --once first.")
    with Ledger.open(path) as ledger:
        ledger.flow = settings.console is not None
        yield Actor(ledger, settings, who, via, clock or SystemClock())
    nudge(path)
