"""The services beside the daemon: health, metrics and alerts. Only the daemon imports this."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from syncd.connector import Logger
from syncd.daemon.calendar import Chore, Every
from syncd.daemon.daemon import Daemon
from syncd.engine.engine import Engine
from syncd.engine.enrich import ask_credits
from syncd.health.counters import Counting
from syncd.health.minutes import FlowMinutes
from syncd.ledger import Ledger

if TYPE_CHECKING:
    from syncd.app.services_late import RunningServices

CREDITS_EVERY, CREDITS_FIRST = 3600.0, 30.0
"""Seconds between two requests for the balances, and until the first one: the first pulls come before it."""

FLOW_EVERY, FLOW_FIRST = 60.0, 5.0
"""Seconds between two times that counted requests and latencies are written for plots, and until the first one."""

LISTEN_EVERY = 60.0
"""Seconds between two attempts to bind an address."""


@dataclass(slots=True)
class Services:
    """The services, made before the engine, which reports to `counting`. They run for the block of `beside`."""

    log: Logger
    counting: Counting = field(default_factory=Counting)
    credits: dict[str, int] = field(default_factory=dict)
    running: "RunningServices | None" = None
    flow: FlowMinutes = field(init=False)

    def __post_init__(self) -> None:
        self.flow = FlowMinutes(self.counting)

    def chores_of(self, engine: Engine) -> Sequence[Chore]:
        """List their chores for the daemon's calendar."""
        act = partial(self._ask_credits, engine)
        chores = [
            Chore("credits", Every(CREDITS_EVERY, CREDITS_FIRST), act, grace=None),
            Chore("health", Every(LISTEN_EVERY), self._listen, brief=True, grace=None),
        ]
        if (console := engine.settings.console) is not None:
            act = partial(self._write_flow, engine, ZoneInfo(console.time_zone))
            chores.append(Chore("flow", Every(FLOW_EVERY, FLOW_FIRST), act, grace=None))
        return chores

    def _write_flow(self, engine: Engine, zone: ZoneInfo) -> None:
        from syncd.ledger.queries import make_indexes  # noqa: PLC0415 - for a console alone

        make_indexes(engine.ledger)
        self.flow.write(engine.ledger, engine.clock.now(), zone)

    def _listen(self) -> None:
        if self.running is not None:
            self.running.ensure()

    def _ask_credits(self, engine: Engine) -> None:
        for context in engine.contexts:
            if engine.settings.sources[context.name].enrich is not None:
                continue  # the enrich lane asks when it needs to, and two must not report one balance
            if engine.clock.stopping:
                return
            balance = ask_credits(context, engine.ledger)
            if balance is not None:
                self.credits[context.name] = balance

    @contextmanager
    def beside(self, daemon: Daemon) -> Iterator[None]:
        """Run the services until the block ends; they follow a reload."""
        with Ledger.open_to_read(daemon.engine.ledger.path) as reader:
            running = self.start(daemon, reader)
            running.begin()
            try:
                yield
            finally:
                running.end()

    def start(self, daemon: Daemon, reader: Ledger) -> "RunningServices":
        """Start to listen; the watch does not run yet."""
        from syncd.app.services_late import start_services  # noqa: PLC0415 - a server and more, after the first pulls

        self.running = start_services(daemon, reader, self.counting, self.credits, self.log)
        return self.running
