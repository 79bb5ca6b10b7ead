"""What lives beside the daemon: health, metrics and alerts. Only the daemon imports this."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from syncd.connector import Logger
from syncd.daemon.calendar import Chore, Every
from syncd.daemon.daemon import Daemon
from syncd.engine.engine import Engine
from syncd.engine.enrich.credits import ask_credits
from syncd.health.counters import Counting
from syncd.ledger import Ledger

if TYPE_CHECKING:
    from syncd.app.services_late import Beside

CREDITS_EVERY = 3600.0
CREDITS_FIRST = 30.0
"""Seconds between two looks at the balances, and until the first: the first pulls come first."""

LISTEN_EVERY = 60.0
"""Seconds between two tries of an address that could not be had."""


@dataclass(slots=True)
class Companions:
    """See the module. Made before the engine, which reports to `counting`; `beside` is for as long as the daemon runs."""

    log: Logger
    counting: Counting = field(default_factory=Counting)
    credits: dict[str, int] = field(default_factory=dict)
    put: "Beside | None" = None

    def chores_of(self, engine: Engine) -> Sequence[Chore]:
        """What is on the calendar for them."""
        act = partial(self._ask_credits, engine)
        return (
            Chore("credits", Every(CREDITS_EVERY, CREDITS_FIRST), act, grace=None),
            Chore("health", Every(LISTEN_EVERY), self._listen, brief=True, grace=None),
        )

    def _listen(self) -> None:
        if self.put is not None:
            self.put.ensure()

    def _ask_credits(self, engine: Engine) -> None:
        for context in engine.contexts:
            if engine.settings.sources[context.name].enrich is not None:
                continue  # enriching asks when it needs to, and its balance must not be told by two
            if engine.clock.stopping:
                return
            balance = ask_credits(context, engine.ledger)
            if balance is not None:
                self.credits[context.name] = balance

    @contextmanager
    def beside(self, daemon: Daemon) -> Iterator[None]:
        """Serve, watch and tell until the block ends; a reload is followed."""
        with Ledger.open_to_read(daemon.engine.ledger.path) as reader:
            beside = self.put_beside(daemon, reader)
            beside.begin()
            try:
                yield
            finally:
                beside.end()

    def put_beside(self, daemon: Daemon, reader: Ledger) -> "Beside":
        """All of it, listening but not watching yet."""
        from syncd.app.services_late import put_beside  # noqa: PLC0415 - a server and more, after the first pulls

        beside = put_beside(daemon, reader, self.counting, self.credits, self.log)
        self.put = beside
        return beside
