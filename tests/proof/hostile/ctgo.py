"""CTGO's client against the hostile server: each of its questions, and what its answer may come to."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from syncd.clock import Clock, SystemClock
from syncd.core.failure import Failure
from syncd.ctgo import Signals, Upstream
from syncd.ctgo.campaigns.api import Api
from syncd.simulator import Options, World, create_app
from tests.ctgo.campaigns.test_api_requests import ASKS
from tests.proof.hostile.server import Hostile, hostile

KEY = "ctgo_" + "Canary7" * 5 + "Canar"
CAP = 64 * 1024
"""Bytes of an answer: production's is 256 times that, and would take as much longer to fill."""

Ask = Callable[[Upstream], Any]


def _of_people(ask: Callable[[Api], Any]) -> Ask:
    return lambda it: ask(Api(it.ask))


ENGINE: Mapping[str, Ask] = {
    "leads": lambda it: it.leads(since=None),
    "stream_leads": lambda it: it.stream_leads(14, since=0.0),
    "export": lambda it: it.export(1),
    "enrich": lambda it: it.enrich(1, ["email"], "any"),
    "feedback": lambda it: it.feedback(1, 3, "good"),
    "me": lambda it: it.me(),
    "streams": lambda it: it.streams(),
    "names of segments": lambda it: it.names("segment"),
    "names of accounts": lambda it: it.names("account"),
    "subscribe": lambda it: it.subscribe("https://example.test/hook"),
    "unsubscribe": lambda it: it.unsubscribe(5),
}
"""What the engine asks."""
PEOPLE: Mapping[str, Ask] = {f"{row[1]} ({n})": _of_people(row[0]) for n, row in enumerate(ASKS)}
"""What people ask: all of the API."""


@dataclass
class Table:
    """A client, the server, and what the client said of the budget."""

    server: Hostile
    clock: Clock = field(default_factory=SystemClock)
    total: float = 20.0
    signals: list[Signals] = field(default_factory=list)

    def client(self) -> Upstream:
        """One with the bounds of this table."""
        return Upstream(
            f"{self.server.url}/api/v2",
            SecretStr(KEY),
            self.clock,
            observe=self.signals.append,
            total_timeout=self.total,
            max_bytes=CAP,
        )


@contextmanager
def table(**options: Any) -> Iterator[Table]:
    """A hostile CTGO whose good answers are the simulator's."""
    world = World(Options(leads=3, rate_limit=10_000_000))
    with hostile(create_app(world.options, world=world)) as server:
        yield Table(server, **options)


def said(ask: Ask, client: Upstream) -> Any:
    """The answer or the failure; anything else that is raised is a bug, and is raised."""
    try:
        return ask(client)
    except Failure as why:
        return why
