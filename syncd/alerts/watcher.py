"""The thread that observes, reports and pings. Whatever it waits for, the syncing does not wait for it.

It reads over the health's own connection. It writes what was reported in transactions of a few rows, when that changes: not
when a number in a detail does.
"""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from syncd.alerts.decision import (
    Alert,
    Group,
    Topic,
    conditions,
    due,
    levels,
    next_due,
    noticed,
    reported,
    unknown,
)
from syncd.alerts.message import Totals, alert_text, digest_text, is_due, totals
from syncd.alerts.sender import Counted, Hook, Sender
from syncd.clock import Clock
from syncd.connector import Logger
from syncd.health.view import View, reasons
from syncd.ledger import Ledger, LedgerError
from syncd.ledger.history import load_alerts, load_digest, save_alerts, save_digest

EVERY = 30.0
"""Seconds between two observations."""

_KEPT = ("code", "since", "level", "told_at", "told_level", "over_at")
"""The fields of an alert that the ledger keeps; an observation finds the rest again."""


@dataclass(frozen=True, slots=True)
class DigestAt:
    """A time of day somewhere."""

    hour: int
    minute: int
    zone: str


@dataclass(slots=True)
class Watch:
    """Observes, reports and pings. Each of `sender`, `heartbeat` and `digest_at` may be absent, and changed by a reload."""

    look: Callable[[], View]
    ledger: Ledger
    clock: Clock
    log: Logger
    host: str
    sender: Sender | None = None
    heartbeat: Hook | None = None
    digest_at: DigestAt | None = None
    woken: threading.Event = field(default_factory=threading.Event)
    """Set to have it look at once."""
    counted: Counted = field(default=lambda _kind, _outcome: None)
    _known: dict[Topic, Alert] = field(default_factory=dict)
    _saved: dict[Topic, tuple[object, ...]] | None = None
    _last: dict[Group, float] = field(default_factory=dict)
    _refused: Counter[Group] = field(default_factory=Counter)
    _totals: Totals | None = None
    _pulled: dict[str, float | None] | None = None
    _failed: bool = False

    def run(self) -> None:
        """Observe until the clock is stopped; for a thread of its own."""
        while not self.clock.stopping:
            self.tick()
            self.clock.wait(self.woken, self._rest())
            self.woken.clear()

    def _rest(self) -> float | None:
        """Seconds until the next observation is worth it; None when there is no receiver."""
        if self.sender is None and self.heartbeat is None:
            return None
        ripe = next_due(self._known, self.clock.now())
        return EVERY if ripe is None else min(EVERY, max(1.0, ripe))

    def tick(self) -> None:
        """Observe once, and act on it. Raises nothing: a bug here must not end the watching, nor anything else."""
        try:
            if self.sender is None and self.heartbeat is None:
                return
            view = self.look()
            if self.sender is not None:
                self._report(view, self.sender)
            if self.heartbeat is not None:
                self._ping(view, self.heartbeat)
        except LedgerError as error:  # the engine meets the same error, and reports it
            self.log.debug("watch_failed", detail=error.detail)
        except Exception as bug:
            if not self._failed and not self.clock.stopping:
                self.log.warning("watch_failed", exc_info=bug)
            self._failed = True
        else:
            self._failed = False

    def _report(self, view: View, sender: Sender) -> None:
        if self._saved is None:
            self._load(view)
        seen = conditions(view, levels(self._known))
        self._known = noticed(self._known, seen, view.at, lambda topic: unknown(view, topic))
        self._save()
        # Those that were refused oftenest last: one that is never taken must not keep the others back
        messages = sorted(due(self._known, view.at, self._last), key=lambda it: self._refused[it.group])
        for message in messages:
            if self.clock.stopping or sender.is_resting():
                return
            if not sender.post(alert_text(message, self.host)):
                self._refused[message.group] += 1
                return
            del self._refused[message.group]
            self._last[message.group] = view.at
            self._known = reported(self._known, message, view.at)
            self._save()
        if not view.broken:
            self._summarise(view, sender)

    def _summarise(self, view: View, sender: Sender) -> None:
        at = self.digest_at
        if at is None or sender.is_resting():
            return
        if self._totals is not None:
            if not is_due(self._totals, view.at, at.hour, at.minute, at.zone):
                return
            if not sender.post(digest_text(view, self._totals, self.host)):
                return
        self._totals = totals(view)
        with self.ledger.write() as connection:
            save_digest(connection, asdict(self._totals))

    def _ping(self, view: View, heartbeat: Hook) -> None:
        """After a clean pull of this life, and only while everything is well: silence is what raises the alarm."""
        pulled = {source.name: source.pulled_at for source in view.sources}
        before, progress = self._pulled, False
        if before is not None:
            progress = any(at is not None and at != before.get(name) for name, at in pulled.items())
        if progress and reasons(view):
            return
        self._pulled = pulled
        if progress:
            self.counted("heartbeat", "failed" if heartbeat.send("GET").why else "sent")

    # The ledger

    def _load(self, view: View) -> None:
        with self.ledger.read() as connection:
            rows, last = load_alerts(connection), load_digest(connection)
        self._known = {
            topic: Alert(topic, **{name: row[name] for name in _KEPT})
            for row in rows
            for topic in (Topic(row["kind"], row["place"]),)
        }
        for alert in self._known.values():  # so that one that starts over and over is not reported each time
            if alert.told_at is not None:
                group = (alert.code, False)
                self._last[group] = max(alert.told_at, self._last.get(group, alert.told_at))
        self._totals = Totals(**last) if last else None
        self._saved = self._rows()
        if self._totals and self._totals.at > view.at:  # the clock was set back
            self._totals = Totals(**{**asdict(self._totals), "at": view.at})

    def _rows(self) -> dict[Topic, tuple[object, ...]]:
        return {topic: tuple(getattr(alert, name) for name in _KEPT) for topic, alert in self._known.items()}

    def _save(self) -> None:
        """Keep what is known, if that changed. A ledger that takes nothing must not keep a message from being sent."""
        rows = self._rows()
        if rows == self._saved:
            return
        kept = [
            {"kind": topic.kind, "place": topic.where, **dict(zip(_KEPT, row, strict=True))}
            for topic, row in rows.items()
        ]
        try:
            with self.ledger.write() as connection:
                save_alerts(connection, kept)
        except LedgerError as error:
            self.log.debug("watch_failed", detail=error.detail)
        else:
            self._saved = rows
