"""A source's client, and its requests within the budget that every process on its key shares."""

import threading
from collections.abc import Callable
from typing import TypeVar

from syncd.clock import Clock
from syncd.core.failure import Pause
from syncd.ctgo import Signals, Upstream
from syncd.ctgo.exchange import Call, Reader
from syncd.engine.budget import RequestBudget, Reservation
from syncd.ledger import Ledger
from syncd.settings import Source

T = TypeVar("T")

REQUEST_DEADLINE = 30.0
"""Seconds for a whole request to CTGO, answer included."""

PATIENCE = 65.0
"""Seconds that a person waits for a free request: then a slot is free, whoever took it."""

_TRIES = 3
"""How often a request is sent that CTGO turns away for its limit."""


def make_upstream(
    source: Source,
    clock: Clock,
    requests_per_minute: int | None = None,
    observe: Callable[[Signals], None] | None = None,
) -> tuple[Upstream, RequestBudget]:
    """A source's client and the pacer that hears what its answers say; `observe` hears it too."""
    key = source.api_key
    limit = requests_per_minute or source.requests_per_minute
    pacer = RequestBudget(key.get_secret_value(), limit, clock, deadline=REQUEST_DEADLINE)

    def heard(signals: Signals) -> None:
        pacer.observe(signals)
        if observe is not None:
            observe(signals)

    client = Upstream(source.base_url, key, clock, observe=heard, total_timeout=REQUEST_DEADLINE)
    return client, pacer


def _untold(_: float) -> None:
    """Nobody hears of a wait."""


def free_slot(
    ledger: Ledger,
    pacer: RequestBudget,
    clock: Clock,
    patience: float,
    tell: Callable[[float], None] = _untold,
) -> Reservation | None:
    """A slot for one request, waited for; None when there would be none within `patience` seconds.

    `tell`: hears of each wait, in seconds.
    """
    gives_up = clock.monotonic() + patience
    while True:
        with ledger.write() as connection:
            opened = pacer.open(connection, 1, live=False)
        if isinstance(opened, Reservation):
            return opened
        if clock.monotonic() + opened > gives_up:
            return None
        tell(opened)
        clock.wait(threading.Event(), opened)


class Paced:
    """Sends one request after the other, each in a slot of its own. An `Ask` of the wider API.

    What CTGO turned away for its limit was not carried out, so it is sent again within patience: also what must not be done
    twice.
    """

    def __init__(
        self,
        client: Upstream,
        pacer: RequestBudget,
        ledger: Ledger,
        clock: Clock,
        tell: Callable[[float], None] = _untold,
    ) -> None:
        """`client` and `pacer`: from `make_upstream`; `ledger`: open to write; `tell`: hears of waits, in seconds."""
        self._client, self._pacer, self._ledger, self._clock = client, pacer, ledger, clock
        self._tell = tell
        self.acted: Call | None = None
        """The last act that was sent, and not turned away for the limit: it may have been carried out."""

    def __call__(self, call: Call, read: Reader[T], /) -> T:
        """See the class. Raises one of the four failures; Pause `rate_limited` when no slot is free in time."""
        gives_up = self._clock.monotonic() + PATIENCE
        failure = Pause("rate_limited", "All requests that the key may make in a minute are taken.")
        for _ in range(_TRIES):
            left = max(0.0, gives_up - self._clock.monotonic())
            hold = free_slot(self._ledger, self._pacer, self._clock, left, self._tell)
            if hold is None:
                break
            try:
                return self._sent(hold, call, read)
            except Pause as why:
                failure = why
            if failure.code != "rate_limited":
                break
            self.acted = None
        raise failure

    def _sent(self, hold: Reservation, call: Call, read: Reader[T]) -> T:
        if call.method != "GET":
            self.acted = call
        try:
            return hold.call(lambda: self._client.ask(call, read))
        finally:
            with self._ledger.write() as connection:
                self._pacer.close(connection, hold)
