"""Readings of a ledger for the console: made at most once a second, and shared by everybody who looks.

One connection watches the ledger, for SQLite counts the changes that others make by connection. While nothing changed, the
last reading stands.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from syncd.clock import Clock
from syncd.core.enrichment import day_of
from syncd.health.snapshot import disk_of
from syncd.health.view import LATE, OF_CONNECTORS, BackupView, Place, PushView, SourceView, View
from syncd.ledger import Ledger, LedgerError, Transaction, history, overview, queries
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.deliveries.flood_gate import GateState
from syncd.ledger.files import Files, files_of
from syncd.ledger.lanes import load_lanes
from syncd.ledger.leads import enrichment
from syncd.ledger.sources import load_all_books
from syncd.ledger.sql import unless_late
from syncd.registry import codes, known_types
from syncd.settings import Settings

FRESH = 1.0
"""Seconds that a reading is shared."""
LONGEST_READ = 0.5
"""Seconds after which a count is cut short."""
DAY = 86400.0
ACTS = 3


class Act(NamedTuple):
    """An entry of the operator's log."""

    at: float
    who: str
    via: str
    verb: str
    name: str
    detail: str


def act_of(row: Any) -> Act:
    """Read an entry of the operator's log."""
    return Act(row.at, row.who, getattr(row, "via", "cli"), row.verb, row.name, row.detail)


class Asking(NamedTuple):
    """A source's enriching: asked today, of at most."""

    asked: int
    per_day: int


@dataclass(frozen=True, slots=True)
class Reading:
    """The ledger at one moment. `mark` differs whenever anything does.

    `trouble`: a code and a sentence when the ledger cannot be read; then `view` is empty. `slow`: counts that took too long.
    `newest`: the number of the newest act. `engine`: the process that runs on the ledger, None if there is none; `started`: when it began.
    """

    mark: str
    view: View
    trouble: tuple[str, str] | None = None
    gates: Mapping[str, GateState] = field(default_factory=dict)
    acts: Sequence[Act] = ()
    newest: int = 0
    asking: Mapping[str, Asking] = field(default_factory=dict)
    slow: frozenset[str] = frozenset()
    engine: int | None = None
    started: float | None = None

    @property
    def at(self) -> float:
        """When it was made, wall time."""
        return self.view.at

    @property
    def up(self) -> float | None:
        """Seconds that the engine has run; None if that is not known."""
        return None if self.started is None else max(0.0, self.at - self.started)


def _aged(view: View, now: float) -> View:
    """Return a view of the same ledger at a later moment: ages grow although nothing changes."""
    more = now - view.at
    return replace(
        view,
        at=now,
        sources=[it if it.age is None else replace(it, age=max(0.0, it.age + more)) for it in view.sources],
        oldest_pending={name: max(0.0, age + more) for name, age in view.oldest_pending.items()},
    )


class Engine(NamedTuple):
    """Two functions: find the process that runs on a ledger, and tell when a process started."""

    find: Callable[[Path], int | None]
    started: Callable[[int], float]


class Readings:
    """Makes readings; for any thread."""

    def __init__(self, settings: Settings, clock: Clock, engine: Engine) -> None:
        """`settings`: need no secret."""
        self.settings, self._clock, self._engine = settings, clock, engine
        self.path = settings.state.path
        self._lock = threading.Lock()
        self._ledger: Ledger | None = None
        self._files: Files | None = None
        self._changes = 0
        self._last: Reading | None = None
        self._looked = float("-inf")
        known = known_types()
        self._fixes = codes({it.type for it in settings.connectors.values()} & set(known), types=known)

    def look(self) -> Reading:
        """Return a reading that is at most a second old. Raises nothing that the ledger can cause."""
        with self._lock:
            now = self._clock.monotonic()
            if self._last is None or not 0 <= now - self._looked < FRESH:
                self._last = self._current(self._last)
                self._looked = self._clock.monotonic()
            return self._last

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """One transaction that only reads, for what a single page shows. Raises LedgerError."""
        with self._lock, self._opened().read() as connection:
            yield connection

    def forget(self) -> None:
        """Read anew at the next look: something was done."""
        with self._lock:
            self._looked = float("-inf")

    def close(self) -> None:
        """Close the ledger."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def _current(self, last: Reading | None) -> Reading:
        now, engine = self._clock.now(), self._engine.find(self.path)
        disk = disk_of(self.path)
        try:
            ledger = self._opened()
            changed = ledger.changed_elsewhere()
            self._changes += changed
            mark = f"{self._changes} {self._files} {engine} {disk.is_low}"
            if last is not None and last.mark == mark:
                return replace(last, view=replace(_aged(last.view, now), disk=disk))
            started = self._engine.started(engine) if engine else None
            reading = Reading(mark, View(now, disk=disk, fixes=self._fixes), engine=engine, started=started)
            with ledger.read() as connection:
                return self._read(connection, reading)
        except LedgerError as error:
            self._close()
            code = error.code if self.path.exists() else "ledger_missing"
            view = View(now, disk=disk, broken=error.detail, fixes=self._fixes)
            return Reading(f"{code} {error.detail} {engine}", view, (code, error.detail), engine=engine)

    def _opened(self) -> Ledger:
        """Return the ledger that has the name now: another may have been restored in its place."""
        files = files_of(self.path)
        if self._ledger is not None and (self._files is None or files.ledger != self._files.ledger):
            self._close()
        if self._ledger is None:
            self._ledger, self._files = Ledger.open_to_read(self.path), files
        return self._ledger

    def _read(self, connection: Transaction, bare: Reading) -> Reading:
        slow: set[str] = set()
        now, settings = bare.at, self.settings
        counts = overview.counts(connection)
        causes = self._counted(connection, "set_aside", slow, queries.set_aside) or []
        oldest = self._counted(connection, "oldest", slow, overview.oldest_pending) or {}
        view = replace(
            bare.view,
            sources=self._sources(connection, now),
            lanes=[it for it in load_lanes(connection) if self._is_ours(it.kind, it.name)],
            counts=counts,
            set_aside=[Place(it.kind, it.where, it.code, it.n) for it in causes],
            oldest_pending={name: max(0.0, now - at) for name, at in oldest.items()},
            backup=self._backup(connection),
        )
        rows = history.actions(connection, ACTS)
        return replace(
            bare,
            view=view,
            gates=flood_gate.gates(connection),
            acts=[act_of(row) for row in rows],
            newest=history.newest_action(connection),
            asking={
                name: Asking(enrichment.asked_on(connection, name, day_of(now)), it.enrich.per_day)
                for name, it in settings.sources.items()
                if it.enrich
            },
            slow=frozenset(slow),
        )

    def _counted(
        self, connection: Transaction, name: str, slow: set[str], count: Callable[[Transaction], Any]
    ) -> Any:
        """Return a count; None, and its name among the slow ones, if it took too long."""
        until = self._clock.monotonic() + LONGEST_READ
        found = unless_late(connection, lambda: self._clock.monotonic() > until, count)
        if found is None:
            slow.add(name)
        return found

    def _backup(self, connection: Transaction) -> BackupView:
        done = history.done(connection)
        failed = done["backup_failed"].detail if "backup_failed" in done else ""
        wanted = self.settings.state.backup == "daily"
        return BackupView(done["backup"].at if "backup" in done else None, failed if wanted else None)

    def _is_ours(self, kind: str, name: str) -> bool:
        return name in (self.settings.connectors if kind in OF_CONNECTORS else self.settings.sources)

    def _sources(self, connection: Transaction, now: float) -> list[SourceView]:
        rows = {row.name: row for row in overview.sources(connection)}
        books, balances, pushes = (
            load_all_books(connection),
            overview.balances(connection),
            overview.pushed(connection),
        )
        found = []
        for name, it in self.settings.sources.items():
            pulled_at = rows[name].pulled_at if name in rows else None
            push = pushes.get(name)
            seen = SourceView(
                name,
                None if pulled_at is None else max(0.0, now - pulled_at),
                2 * (it.poll.every or DAY) + LATE,
                pulled_at,
                credits=balances.get(name),
                low_credits=it.enrich.keep_credits + it.enrich.per_day if it.enrich else None,
                push=PushView(bool(push and push.subscribed_at), push and push.heard_at) if it.push else None,
            )
            found.append(replace(seen, books=books[name]) if name in books else seen)
        return found
