"""`syncd --once --since T` beside a running engine: the window is left in the ledger, the engine pulls it, this watches."""

import threading
from collections.abc import Sequence

from syncd.cli.context import operator
from syncd.cli.engine_holder import engine_of, nudge
from syncd.cli.exits import Exit, complain
from syncd.cli.run.once import Order, stopping_on_signals
from syncd.cli.run.progress import Standing, Watching, watching
from syncd.cli.run.report import report, standing_of
from syncd.clock import Clock, SystemClock
from syncd.core.lane_state import LaneState
from syncd.ledger import Ledger, windows
from syncd.ledger.lanes import load_lanes
from syncd.ledger.operator_log import log_action
from syncd.settings import Settings

LOOK = 0.5
"""Seconds between two looks at how far the engine is."""


def hand_over(
    settings: Settings, order: Order, *, clock: Clock | None = None, progress: Watching | None = None
) -> Exit:
    """Ask the engine that runs for a window, and watch until it is pulled, delivered and exported.

    Raises LedgerError.
    """
    clock = clock or SystemClock()
    path = settings.state.path
    with stopping_on_signals(clock), Ledger.open(path) as ledger:
        before = standing_of(ledger)
        numbers = _ask(settings, ledger, order, clock)
        if nudge(path) is not None:
            complain("Another syncd is at work: it pulls this window behind its live work.")
        with (progress or watching)(settings, before) as shown:
            watch = _Watch(settings, ledger, clock, numbers, order.max_wait)
            while watch.goes_on(standing := standing_of(ledger)) and not clock.stopping:
                shown.show(standing)
                clock.wait(threading.Event(), LOOK)
            shown.show(standing_of(ledger))
        if watch.left and not watch.troubles:
            complain("The window is kept: the running syncd, or the next run, goes on with it.")
        return report(settings, ledger, before, watch.troubles, stopped=bool(watch.left) or clock.stopping)


def _ask(settings: Settings, ledger: Ledger, order: Order, clock: Clock) -> list[int]:
    now, who = clock.now(), operator()
    with ledger.write() as connection:
        log_action(
            connection, now, who=who, verb="window", detail=f"since {order.since}, until {order.until}"
        )
        return [
            windows.ask(
                connection,
                source,
                now,
                since=order.since or 0.0,
                until=order.until,
                limit=order.limit,
                who=who,
            )
            for source in settings.sources
        ]


class _Watch:
    """How far the engine is with these windows and what follows from them."""

    def __init__(
        self, settings: Settings, ledger: Ledger, clock: Clock, numbers: Sequence[int], max_wait: float
    ) -> None:
        self._settings, self._ledger, self._clock = settings, ledger, clock
        self._numbers, self._max_wait = numbers, max_wait
        self._seen: object = None
        self._moved = clock.monotonic()
        self._stopped: dict[tuple[str, str], float] = {}
        self.left: list[str] = []
        """The sources whose window is not pulled yet."""
        self.troubles: dict[tuple[str, str], str] = {}

    def goes_on(self, standing: Standing) -> bool:
        """Whether it is worth watching on."""
        with self._ledger.read() as connection:
            stand = windows.stand_of(connection, self._numbers)
            stopped = [lane for lane in load_lanes(connection) if lane.wait(self._clock.now()) != 0]
        self.left = [window.source for window in stand if window.state == "pending"]
        seen = (standing, [(window.state, window.new) for window in stand])
        now = self._clock.monotonic()
        if seen != self._seen:
            self._seen, self._moved = seen, now
        busy = {("pull", name) for name in self.left} | _owing(standing)
        # Other leads come and go meanwhile: a lane that stands still is trouble however much moves beside it
        self._stopped = {
            (lane.kind, lane.name): self._stopped.get((lane.kind, lane.name), now) for lane in stopped
        }
        held = {
            (lane.kind, lane.name)
            for lane in stopped
            if _needs_somebody(lane) or now - self._stopped[lane.kind, lane.name] >= self._max_wait
        }
        patient = now - self._moved < self._max_wait
        if busy <= held or not patient or engine_of(self._settings.state.path) is None:
            paused = {(lane.kind, lane.name): lane.code for lane in stopped}
            self.troubles = {key: paused[key] for key in busy if key in paused}
            return False
        return True


def _owing(standing: Standing) -> set[tuple[str, str]]:
    """The lanes that have something to do."""
    kinds = (("deliver", standing.deliveries), ("export", standing.exports))
    return {(kind, name) for kind, each in kinds for name, states in each.items() if states.get("pending")}


def _needs_somebody(lane: LaneState) -> bool:
    return lane.status == "halted" or lane.until is None
