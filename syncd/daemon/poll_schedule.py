"""The sources on the calendar: when each is pulled and reconciled, and the windows that other commands asked for."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from syncd.core.reconciliation import CHECK
from syncd.daemon.calendar import Calendar, Chore, Cron, Every, When, spread
from syncd.engine.engine import Engine
from syncd.engine.pull.lane import Pull
from syncd.ledger import LedgerError, overview, sources
from syncd.settings import Schedule, Settings, Source
from syncd.workers import LaneView, Runner

STUCK = 600.0
"""Seconds past its due time, or in one step, after which a lane is wedged. A request's own time-outs end well before."""


class SourceView(NamedTuple):
    """The freshness of a source. Monotonic seconds.

    `pulled`: when a live pass last ended well in this process, None: not yet; `next_pull`: when the next is due; `every`:
    seconds between two, None for a cron line.
    """

    name: str
    pulled: float | None
    next_pull: float | None
    every: float | None


class Snapshot(NamedTuple):
    """The daemon at one moment, for health, alerts and `systemctl status`.

    `now` is wall time; `monotonic` and `begun` (when it started) are not. `ledger`: why no lane is stepped at present.
    """

    now: float
    monotonic: float
    begun: float
    settings: Settings
    lanes: Sequence[LaneView]
    sources: Mapping[str, SourceView]
    ledger: LedgerError | None
    stopping: bool

    @property
    def stuck(self) -> Sequence[LaneView]:
        """Lanes that are wedged. While the ledger is waited for, only those that were in a step before."""
        return [
            lane
            for lane in self.lanes
            if lane.late(self.monotonic) > STUCK and (self.ledger is None or lane.since is not None)
        ]


class Polls:
    """Puts an engine's sources on the calendar. All of it runs in the daemon's own thread, and asks; lanes do."""

    def __init__(self, engine: Engine, runner: Runner, calendar: Calendar) -> None:
        self.engine, self._runner, self._calendar = engine, runner, calendar
        self._pulls = {pull.name: pull for pull in engine.pulls}

    def begin(self) -> None:
        """Put all on the calendar, and pull at once."""
        with self.engine.ledger.read() as connection:
            reconciled = {
                row.name: row.reconciled_at or 0.0 for row in overview.sources(connection) if row.started
            }
        for name, pull in self._pulls.items():
            source = self.engine.settings.sources[name]
            first = self._until_reconcile(source, reconciled.get(name))
            for kind, when, act in (
                ("pull", _when(name, source.poll), self._poll),
                ("reconcile", Every(source.reconcile, first), self._reconcile),
                ("check", Every(CHECK, pull.until_check() or CHECK), self._check),
            ):
                chore = Chore(f"{kind}:{name}", when, partial(act, pull), brief=True, grace=None)
                self._calendar.put(chore)
        self._take_windows()
        self.pull_now()

    def end(self) -> None:
        """Take all off the calendar."""
        for name in self._pulls:
            for kind in ("pull", "reconcile", "check"):
                self._calendar.remove(f"{kind}:{name}")

    def pull_now(self) -> None:
        """Pull every source."""
        for pull in self._pulls.values():
            self._poll(pull)

    def look(self) -> None:
        """If another process wrote to the ledger, step every lane soon."""
        try:
            if self.engine.ledger.changed_elsewhere():
                self._runner.look()
                self._take_windows()
        except LedgerError as error:
            self._runner.fail(error)

    def _take_windows(self) -> None:
        """Ask for the windows that the ledger holds for these sources."""
        with self.engine.ledger.read() as connection:
            asked = sources.pending_windows(connection)
        for window in asked:
            if (pull := self._pulls.get(window.source)) is not None:
                pull.ask_window(window.since, window.until, window.most, window=window.id)
                self._runner.wake("pull", pull.name)

    def view(self, name: str, now: float) -> SourceView:
        """Return the freshness of a source at a monotonic instant."""
        due = self._calendar.due_in(f"pull:{name}")
        every = self.engine.settings.sources[name].poll.every
        return SourceView(name, self._pulls[name].pulled, None if due is None else now + due, every)

    def _poll(self, pull: Pull) -> None:
        self.look()
        due = self._calendar.due_in(f"pull:{pull.name}")
        if due is not None:
            every = self.engine.settings.sources[pull.name].poll.every
            pull.expect(self.engine.clock.monotonic() + due, every)
        pull.ask_live()
        self._runner.wake("pull", pull.name)

    def _reconcile(self, pull: Pull) -> None:
        pull.ask_reconcile()
        self._runner.wake("pull", pull.name)

    def _check(self, pull: Pull) -> None:
        if pull.until_check() <= CHECK / 2:  # else a sweep has just compared them
            pull.ask_check()
            self._runner.wake("pull", pull.name)

    def _until_reconcile(self, source: Source, last: float | None) -> float:
        """Seconds. `last`: wall time of the last one; None: the source is new, and its first pull lists what one would."""
        if last is None:
            return source.reconcile
        return min(max(0.0, source.reconcile - (self.engine.clock.now() - last)), source.reconcile)


def _when(name: str, poll: Schedule) -> When:
    if poll.cron is not None:
        return Cron(poll.cron)
    every = poll.every or 0.0
    return Every(every, spread(name, every))
