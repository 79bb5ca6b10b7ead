"""The calendar of chores: APScheduler's triggers over an injected clock.

The triggers compute, this calendar keeps and the daemon waits. APScheduler's own scheduler is not used: it reads the
machine's clock itself, so that no test could move its time. Its interval jobs stood still for the hour by which a wall
clock was set back.

*Two times.* An interval is computed on steady time, which no clock setting moves. A cron line and a time of day are
computed on wall time, and computed anew when the wall clock was set. A clock was set if wall and steady time part by
`APART` or more. The daemon compares them whenever it wakes: every `GLANCE` while a chore is on wall time.

*Late* is once: however many times were missed (`coalesce`), a chore runs once. It does not run if it is later than its
`grace` (`misfire_grace_time`).

*Long* chores have a thread of their own while they run. None runs twice at a time (`max_instances`), and none delays the
lanes or another chore.
"""

import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.ledger import LedgerError

APART = 5.0
"""Seconds by which the wall clock must be set to be believed set; less is its being disciplined."""
GLANCE = 60.0
"""Seconds between two looks at the wall clock while something is due by it."""
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
"""The origin of steady time for the triggers: they want a date, and its value means nothing."""


class Every(NamedTuple):
    """Each so many seconds. `first`: seconds until the first time, 0 at once."""

    seconds: float
    first: float | None = None


class Cron(NamedTuple):
    """A cron line of five fields, weekdays by name, in a zone."""

    line: str
    zone: str = "UTC"

    @classmethod
    def daily(cls, hour: int, minute: int, zone: str = "UTC") -> "Cron":
        """At a time of day."""
        return cls(f"{minute} {hour} * * *", zone)


When = Every | Cron


class Chore(NamedTuple):
    """Something to be done now and then.

    `brief`: done at once, in the daemon's own thread, and must not block; else in a thread while it lasts. `grace`: seconds
    of lateness after which it is left until the next time; None: it is done however late. What it raises is logged;
    a LedgerError is the daemon's to judge.
    """

    name: str
    when: When
    act: Callable[[], None]
    brief: bool = False
    grace: float | None = 3600.0


@dataclass(slots=True, eq=False)
class _Entry:
    chore: Chore
    trigger: BaseTrigger
    on_wall: bool
    due: datetime | None
    running: bool = False


def spread(name: str, every: float) -> float:
    """Seconds in (0, `every`], the same for a name always: so that many do not come at once."""
    return every * (zlib.crc32(name.encode()) % 9973 + 1) / 9973


def following(when: When, at: float) -> float:
    """The wall instant at which something that is due then would be due next."""
    if isinstance(when, Every):
        return at + when.seconds
    due = _cron(when).get_next_fire_time(None, datetime.fromtimestamp(at, UTC) + timedelta(microseconds=1))
    return float("inf") if due is None else float(due.timestamp())


def _cron(when: Cron) -> CronTrigger:
    zone: tzinfo = UTC if when.zone == "UTC" else ZoneInfo(when.zone)
    return CronTrigger.from_crontab(when.line, timezone=zone)


class Calendar:
    """Chores by name. `turn` does what is due; nothing here waits."""

    def __init__(self, clock: Clock, log: Logger, fail: Callable[[LedgerError], None]) -> None:
        """`fail`: is given the LedgerError of a chore; from any thread."""
        self._clock, self._log, self._fail = clock, log, fail
        self._begun = clock.monotonic()
        self._offset = clock.now() - self._begun
        self._entries: dict[str, _Entry] = {}

    def put(self, chore: Chore) -> None:
        """Add a chore, or change the one of that name."""
        on_wall = isinstance(chore.when, Cron)
        entry = _Entry(chore, self._trigger(chore.when), on_wall, None)
        entry.due = self._next(entry)
        if (old := self._entries.get(chore.name)) is not None:
            entry.running = old.running
        self._entries[chore.name] = entry

    def remove(self, name: str) -> None:
        """Forget a chore, if there is one of that name; one under way ends by itself."""
        self._entries.pop(name, None)

    def due_in(self, name: str) -> float | None:
        """Seconds until a chore is due next; None for one that never is."""
        entry = self._entries.get(name)
        return None if entry is None or entry.due is None else self._until(entry)

    def turn(self) -> float | None:
        """Do what is due; seconds until something is, or until the wall clock should be looked at."""
        for entry in list(self._entries.values()):
            if entry.due is None or self._until(entry) > 0:
                continue
            late = -self._until(entry)
            entry.due = self._next(entry)
            if entry.chore.grace is None or late <= entry.chore.grace:
                self._begin(entry)
            else:
                self._log.warning("chore_missed", chore=entry.chore.name, seconds=round(late))
        waits = [
            min(self._until(e), GLANCE) if e.on_wall else self._until(e)
            for e in self._entries.values()
            if e.due is not None
        ]
        return max(0.0, min(waits)) if waits else None

    def jumped(self) -> float:
        """Seconds by which the wall clock was set since this was last asked, 0 if it was not; then all is computed anew."""
        offset = self._clock.now() - self._clock.monotonic()
        jump = offset - self._offset
        if abs(jump) < APART:
            return 0.0
        self._offset = offset
        for entry in self._entries.values():
            missed = entry.due is not None and jump > 0 and self._until(entry) <= 0
            if not missed:  # else `turn` does it, or finds it too late
                entry.due = self._next(entry)
        return jump

    def _trigger(self, when: When) -> BaseTrigger:
        if isinstance(when, Cron):
            return _cron(when)
        first = when.seconds if when.first is None else when.first
        start = self._steady() + timedelta(seconds=first)
        return IntervalTrigger(seconds=when.seconds, start_date=start, timezone=UTC)

    def _next(self, entry: _Entry) -> datetime | None:
        """The first time after now: never one that was missed."""
        now = self._now(entry)
        first = entry.due is None
        after: datetime | None = entry.trigger.get_next_fire_time(
            None, now if first and not entry.on_wall else now + timedelta(microseconds=1)
        )
        return after

    def _now(self, entry: _Entry) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC) if entry.on_wall else self._steady()

    def _steady(self) -> datetime:
        return EPOCH + timedelta(seconds=self._clock.monotonic() - self._begun)

    def _until(self, entry: _Entry) -> float:
        return float("inf") if entry.due is None else (entry.due - self._now(entry)).total_seconds()

    def _begin(self, entry: _Entry) -> None:
        if entry.chore.brief:
            self._do(entry)
            return
        if entry.running:
            self._log.warning("chore_still_running", chore=entry.chore.name)
            return
        entry.running = True
        try:
            threading.Thread(target=self._do, args=(entry,), name=entry.chore.name, daemon=True).start()
        except (
            RuntimeError
        ) as error:  # no memory for a thread, or too many tasks: it is done when it is due again
            entry.running = False
            self._log.warning("chore_missed", chore=entry.chore.name, detail=str(error))

    def _do(self, entry: _Entry) -> None:
        try:
            entry.chore.act()
        except LedgerError as error:
            self._fail(error)
        except Exception as bug:  # noqa: BLE001 - one chore's bug must not end the daemon; logged with its traceback
            self._log.warning("chore_failed", chore=entry.chore.name, exc_info=bug)
        finally:
            entry.running = False
