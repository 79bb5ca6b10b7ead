"""Reads the state of the ledger, the disk and the daemon over a connection that only reads: nobody waits for anybody."""

import os
import threading
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from syncd.clock import Clock
from syncd.core.failure import CODES
from syncd.core.lane_state import LaneState
from syncd.core.limiter import Budget
from syncd.core.reconciliation import Books
from syncd.health.view import LATE, OF_CONNECTORS, BackupView, Disk, Place, PushView, SourceView, View
from syncd.ledger import Ledger, LedgerError, Transaction, history, overview
from syncd.ledger.budgets import Meter, read_budgets
from syncd.ledger.history import Done
from syncd.ledger.lanes import load_lanes
from syncd.ledger.queries import set_aside
from syncd.ledger.sources import load_all_books

OVERDUE = 2 * 86400.0
"""Seconds after which a daily backup counts as failed though nothing says so: its folder may hang."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """The daemon's own state: see `View` for both."""

    wedged: str = ""
    held: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class MonitoredSource:
    """A configured source, as a view of it needs it.

    `next_poll`: the wall time of the scheduled poll that follows one. `low_credits`: where the balance is called low, None
    when nothing spends credits. `push`: whether CTGO is asked for pushes.
    """

    meter: Meter
    next_poll: Callable[[float], float]
    low_credits: int | None = None
    push: bool = False

    def patience(self, pulled_at: float) -> float:
        """Seconds until the second poll after a pull, by its own clock reading, and a little."""
        return self.next_poll(self.next_poll(pulled_at)) - pulled_at + LATE


@dataclass(frozen=True, slots=True)
class _Pulled:
    """A source's last clean pull: its wall time, the monotonic instant that stands for, and what it was watched by."""

    at: float
    monotonic: float
    watched: MonitoredSource
    patience: float


@dataclass(slots=True)
class ViewReader:
    """Reads the state of what is configured. `sources` and `connectors` may be replaced by a reload.

    `vitals` asks the daemon; `credits`: balances as last known; each request for one writes it there.
    """

    ledger: Ledger
    clock: Clock
    sources: Mapping[str, MonitoredSource]
    connectors: Collection[str]
    vitals: Callable[[], Vitals] = Vitals
    credits: dict[str, int] = field(default_factory=dict)
    fixes: Mapping[str, str] = field(default_factory=lambda: CODES)
    """The remedy for each code; a reload may replace it too."""
    daily_backup: bool = False
    """True where the configuration asks for backups; a reload may change it too."""
    unserved: Callable[[], str] = str
    """Returns the reason why pushes cannot be received; empty while they can, and where there are none."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pulled: dict[str, _Pulled] = field(default_factory=dict)

    def look(self) -> View:
        """Return the state of the daemon now. Raises nothing that the ledger can cause."""
        now = self.clock.now()
        disk, vitals = disk_of(self.ledger.path), self.vitals()
        try:
            with self.ledger.read() as connection:
                view = self._read(connection, now, disk)
        except LedgerError as error:
            sources = [SourceView(name, credits=self.credits.get(name)) for name in self.sources]
            view = View(now, sources, disk=disk, broken=error.detail)
        return replace(
            view, held=vitals.held, wedged=vitals.wedged, unserved=self.unserved(), fixes=self.fixes
        )

    def _read(self, connection: Transaction, now: float, disk: Disk) -> View:
        sources, monotonic = self.sources, self.clock.monotonic()
        budgets = read_budgets(connection, [it.meter for it in sources.values()], monotonic)
        rows = {row.name: row for row in overview.sources(connection)}
        pushes = overview.pushed(connection) if any(it.push for it in sources.values()) else {}
        oldest = overview.oldest_unsettled(connection)
        books = load_all_books(connection)
        # One that is not known for a moment, for an ask is under way, stays what it was
        self.credits.update(overview.balances(connection))
        views = []
        for name, it in sources.items():
            push = pushes.get(name)
            view = self._source(name, it, rows.get(name), budgets[it.meter.name], now)
            subscribed, heard_at = bool(push and push.subscribed_at is not None), push and push.heard_at
            pushed = PushView(subscribed, heard_at) if it.push else None
            views.append(replace(view, push=pushed, books=books.get(name, Books())))
        return View(
            now,
            views,
            [lane for lane in load_lanes(connection) if self._is_ours(lane)],
            overview.counts(connection),
            [Place(*group) for group in set_aside(connection)],
            {name: max(0.0, now - at) for name, at in overview.oldest_pending(connection).items()},
            None if oldest is None else max(0.0, now - oldest),
            disk,
            backup=self._backup(history.done(connection), now),
        )

    def _backup(self, done: Mapping[str, Done], now: float) -> BackupView:
        made_at = done["backup"].at if "backup" in done else None
        if not self.daily_backup:
            return BackupView(made_at)
        failed = done["backup_failed"].detail if "backup_failed" in done else ""
        if not failed and made_at is not None and now - made_at > OVERDUE:
            failed = f"The last backup was made {(now - made_at) / 3600:.0f} h ago."
        return BackupView(made_at, failed)

    def _is_ours(self, lane: LaneState) -> bool:
        """Tell if the lane's source or connector is configured: the ledger keeps lanes of removed ones too."""
        return lane.name in (self.connectors if lane.kind in OF_CONNECTORS else self.sources)

    def _source(
        self, name: str, watched: MonitoredSource, row: Any, budget: Budget, now: float
    ) -> SourceView:
        age, patience = self._age(name, watched, row.pulled_at if row else None, now)
        return SourceView(
            name,
            age,
            patience,
            row.pulled_at if row else None,
            row.watermark if row else None,
            budget.limit,
            _left(budget, self.clock.monotonic()),
            self.credits.get(name),
            watched.low_credits,
        )

    def _age(
        self, name: str, watched: MonitoredSource, pulled_at: float | None, now: float
    ) -> tuple[float | None, float]:
        """Seconds since the last clean pull, counted monotonically from when this process first saw it, and the patience."""
        if pulled_at is None:
            return None, 0.0
        with self._lock:
            known = self._pulled.get(name)
            monotonic = self.clock.monotonic()
            if known is None or known.at != pulled_at:
                began = monotonic - max(0.0, now - pulled_at)
                known = _Pulled(pulled_at, began, watched, watched.patience(pulled_at))
            elif known.watched is not watched:  # a reload may have changed how often it is polled
                known = replace(known, watched=watched, patience=watched.patience(pulled_at))
            self._pulled[name] = known
        return max(0.0, monotonic - known.monotonic), known.patience


def disk_of(path: Path) -> Disk:
    """Return the sizes of the ledger's files, and the room on their disk."""
    files = {}
    for name, suffix in (("ledger", ""), ("wal", "-wal")):
        try:
            files[name] = path.with_name(path.name + suffix).stat().st_size
        except OSError:  # no WAL yet; or no ledger, and reading it fails
            files[name] = 0
    try:
        room = os.statvfs(path.parent)
    except OSError:
        return Disk(files)
    return Disk(files, room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize)


def _left(budget: Budget, now: float) -> int:
    """Requests that the budget would allow now."""
    if budget.blocked_until > now:
        return 0
    return max(0, budget.limit - sum(slots.n for slots in budget.taken if slots.free_at > now))


T = TypeVar("T")


class Recent(Generic[T]):
    """A cache: values by key, for `seconds` each; for one thread. It keeps only the keys asked for within that time."""

    def __init__(self, clock: Clock, seconds: float = 1.0) -> None:
        self._clock, self._seconds = clock, seconds
        self._made: dict[Hashable, tuple[float, T]] = {}

    def has(self, key: Hashable, most: int) -> bool:
        """Tell if there is a value for the key, or room for it among `most` keys."""
        self._drop()
        return key in self._made or len(self._made) < most

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value for the key; `make` makes one if there is none that is young enough."""
        self._drop()
        if key not in self._made:
            self._made[key] = self._clock.monotonic(), make()
        return self._made[key][1]

    def _drop(self) -> None:
        now = self._clock.monotonic()
        self._made = {key: it for key, it in self._made.items() if now - it[0] < self._seconds}
