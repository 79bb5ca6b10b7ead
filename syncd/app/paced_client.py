"""A source's client, whose requests keep to the budget that all processes with its key share."""

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
"""Attempts for a request that CTGO refuses because of its limit."""


def make_upstream(
    source: Source,
    clock: Clock,
    requests_per_minute: int | None = None,
    observe: Callable[[Signals], None] | None = None,
) -> tuple[Upstream, RequestBudget]:
    """Make a source's client, and the budget that learns from its answers. `observe`: called with each answer's signals too."""
    key = source.api_key
    limit = requests_per_minute or source.requests_per_minute
    budget = RequestBudget(key.get_secret_value(), limit, clock, deadline=REQUEST_DEADLINE)

    def observed(signals: Signals) -> None:
        budget.observe(signals)
        if observe is not None:
            observe(signals)

    client = Upstream(source.base_url, key, clock, observe=observed, total_timeout=REQUEST_DEADLINE)
    return client, budget


def _silent(_: float) -> None:
    """Ignore a wait."""


def free_slot(
    ledger: Ledger,
    budget: RequestBudget,
    clock: Clock,
    patience: float,
    on_wait: Callable[[float], None] = _silent,
) -> Reservation | None:
    """Wait for a slot for one request; None if none is free within `patience` seconds.

    `on_wait`: called before each wait with its seconds.
    """
    gives_up = clock.monotonic() + patience
    while True:
        with ledger.write() as connection:
            opened = budget.open(connection, 1, live=False)
        if isinstance(opened, Reservation):
            return opened
        wait = opened.wait or 0.0
        if clock.monotonic() + wait > gives_up:
            return None
        on_wait(wait)
        clock.wait(threading.Event(), wait)


def send_in_slot(slot: Reservation, request: Callable[[], T], budget: RequestBudget, ledger: Ledger) -> T:
    """Make a request in its slot, and record the end of the slot in the ledger. Raises one of the four failures."""
    try:
        return slot.call(request)
    finally:
        with ledger.write() as connection:
            budget.close(connection, slot)


class PacedClient:
    """Sends requests one after the other, each in its own slot. It is an `Ask` of the wider API.

    A request that CTGO refuses because of its limit was not carried out. It is sent again within the patience, even if it
    must not be done twice.
    """

    def __init__(
        self,
        client: Upstream,
        budget: RequestBudget,
        ledger: Ledger,
        clock: Clock,
        on_wait: Callable[[float], None] = _silent,
    ) -> None:
        """`client` and `budget`: from `make_upstream`; `ledger`: open to write; `on_wait`: as in `free_slot`."""
        self._client, self._budget, self._ledger, self._clock = client, budget, ledger, clock
        self._on_wait = on_wait
        self.acted: Call | None = None
        """The last act that was sent and not refused because of the limit: it may have been carried out."""

    def __call__(self, call: Call, read: Reader[T], /) -> T:
        """Send a request. Raises one of the four failures; Pause `rate_limited` if no slot is free in time."""
        gives_up = self._clock.monotonic() + PATIENCE
        failure = Pause("rate_limited", "All requests that the key may make in a minute are taken.")
        for _ in range(_TRIES):
            left = max(0.0, gives_up - self._clock.monotonic())
            slot = free_slot(self._ledger, self._budget, self._clock, left, self._on_wait)
            if slot is None:
                break
            try:
                return self._sent(slot, call, read)
            except Pause as why:
                failure = why
            if failure.code != "rate_limited":
                break
            self.acted = None
        raise failure

    def _sent(self, slot: Reservation, call: Call, read: Reader[T]) -> T:
        if call.method != "GET":
            self.acted = call
        return send_in_slot(slot, lambda: self._client.ask(call, read), self._budget, self._ledger)
