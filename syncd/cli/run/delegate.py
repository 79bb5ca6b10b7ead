"""`syncd --once --since T` beside a running engine: leave the window in the ledger, and watch the engine pull it."""

import threading
from collections.abc import Sequence

from syncd.cli.context import operator
from syncd.cli.engine_holder import engine_of, nudge
from syncd.cli.exits import Exit, complain
from syncd.cli.run.once import Order, stopping_on_signals
from syncd.cli.run.progress import ProgressMaker, Standing, progress_bars
from syncd.cli.run.report import report, standing_of
from syncd.clock import Clock, SystemClock
from syncd.core.lane_state import LaneState
from syncd.ledger import Ledger, sources
from syncd.ledger.history import log_action
from syncd.ledger.lanes import load_lanes
from syncd.settings import Settings

LOOK = 0.5
"""Seconds between two looks at the engine's progress."""


def delegate(
    settings: Settings, order: Order, *, clock: Clock | None = None, progress: ProgressMaker | None = None
) -> Exit:
    """Ask the running engine for a window, and watch until it is pulled, delivered and exported.

    Raises LedgerError.
    """
    clock = clock or SystemClock()
    path = settings.state.path
    with stopping_on_signals(clock), Ledger.open(path) as ledger:
        before = standing_of(ledger)
        numbers = _ask(settings, ledger, order, clock)
        if nudge(path) is not None:
            complain("Another syncd runs already: it pulls this window after its live work.")
        with (progress or progress_bars)(settings, before) as shown:
            watch = _Watch(settings, ledger, clock, numbers, order.max_wait)
            while watch.continues(standing := standing_of(ledger)) and not clock.stopping:
                shown.show(standing)
                clock.wait(threading.Event(), LOOK)
            shown.show(standing_of(ledger))
        if watch.left and not watch.troubles:
            complain("The window is kept: the running syncd, or the next run, continues with it.")
        return report(settings, ledger, before, watch.troubles, stopped=bool(watch.left) or clock.stopping)


def _ask(settings: Settings, ledger: Ledger, order: Order, clock: Clock) -> list[int]:
    now, who = clock.now(), operator()
    since, until, limit = order.since or 0.0, order.until, order.limit
    with ledger.write() as connection:
        log_action(connection, now, who=who, verb="window", detail=f"since {order.since}, until {until}")
        return [
            sources.ask_window(connection, source, now, since=since, until=until, limit=limit, who=who)
            for source in settings.sources
        ]


class _Watch:
    """The engine's progress with these windows, and with the deliveries and exports that follow."""

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

    def continues(self, standing: Standing) -> bool:
        """Tell if there is a reason to watch longer."""
        with self._ledger.read() as connection:
            stand = sources.windows_of(connection, self._numbers)
            lanes = load_lanes(connection)
        stopped = {(lane.kind, lane.name): lane for lane in lanes if lane.wait(self._clock.now()) != 0}
        self.left = [window.source for window in stand if window.state == "pending"]
        seen = (standing, [(window.state, window.new) for window in stand])
        now = self._clock.monotonic()
        if seen != self._seen:
            self._seen, self._moved = seen, now
        busy = {("pull", name) for name in self.left} | _owing(standing)
        # A lane that stands still is trouble, even while other lanes move
        self._stopped = {key: self._stopped.get(key, now) for key in stopped}
        held = {
            key
            for key, lane in stopped.items()
            if _needs_person(lane) or now - self._stopped[key] >= self._max_wait
        }
        patient = now - self._moved < self._max_wait
        if busy <= held or not patient or engine_of(self._settings.state.path) is None:
            self.troubles = {key: stopped[key].code for key in busy if key in stopped}
            return False
        return True


def _owing(standing: Standing) -> set[tuple[str, str]]:
    """List the lanes that have pending work."""
    kinds = (("deliver", standing.deliveries), ("export", standing.exports))
    return {(kind, name) for kind, each in kinds for name, states in each.items() if states.get("pending")}


def _needs_person(lane: LaneState) -> bool:
    return lane.status == "halted" or lane.until is None
