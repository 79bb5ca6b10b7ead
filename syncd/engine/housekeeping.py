"""House-keeping: what an engine does to the ledger so that it can run for years.

Each day, settled leads older than the retention lose their personal data, and what that frees goes back to the file
system. Acts of last week can no longer be undone. Each week SQLite looks for damage; a damaged ledger stops the engine, for what it says of a delivery may be wrong,
and a lead sent twice or exported early cannot be taken back.

A step is one short transaction, so that no lane waits for long. The check reads on a connection of its own.
"""

from collections.abc import Mapping
from typing import Final

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.engine.lane import AGAIN, Next
from syncd.ledger import Ledger, LedgerError, history
from syncd.ledger.admin import maintenance
from syncd.ledger.admin.maintenance import FIRST
from syncd.ledger.history import OWED, Done

DAY: Final = 86400.0
EVERY: Final[Mapping[str, float]] = {"retention": DAY, "check": 7 * DAY}
"""Seconds from one time to the next."""
BATCH: Final = 500
"""Payloads that one transaction looks at."""
PAGES: Final = 500
"""Free pages that one transaction gives back: 2 MiB."""
WHOLE: Final = 32 * 2**20
"""Bytes. A ledger up to this size is written anew at one go, in a fraction of a second, which leaves no trace at all."""
WORTH: Final = 0.05
"""The free part of a larger ledger below which giving it back is not worth moving pages: new leads fill it soon."""


def wait_for(name: str, done: Mapping[str, Done], now: float) -> float:
    """Seconds until this is due; 0: now. A time in the future means that the clock was set back: it is due.

    What was never done is due after a whole period: a ledger without any note is new, or has just been upgraded.
    """
    last = done[name].at if name in done else now
    return max(0.0, last + EVERY[name] - now) if last <= now else 0.0


def due(done: Mapping[str, Done], now: float) -> str:
    """Return the chore to do first; empty when none is due."""
    return next((name for name in EVERY if wait_for(name, done, now) == 0), "")


class Housekeeping:
    """The lane `house:ledger`."""

    kind = "house"
    name = "ledger"

    def __init__(self, ledger: Ledger, clock: Clock, log: Logger, retention: float) -> None:
        """`retention`: seconds that the payload of a settled lead is kept."""
        self._ledger, self._clock, self._log, self._retention = ledger, clock, log, retention
        self._sweep: int | None = None
        self._dropped = 0
        self._shrinking = False

    def step(self) -> Next:
        """One short piece of what is due; cheap when nothing is. Raises LedgerError when the ledger is damaged."""
        if self._sweep is not None:
            return self._retain(self._sweep)
        if self._shrinking:
            return self._shrink()
        now = self._clock.now()
        done = self._done(now)
        first = due(done, now)
        if first == "retention":
            self._sweep, self._dropped = FIRST, 0
        elif first == "check":
            self._check(now)
        elif (
            "vacuum" in done
            and done["vacuum"].detail == OWED
            and maintenance.leave_no_trace(self._ledger, now)
        ):
            self._log.info("traces_erased")
        else:
            return Next(min(wait_for(name, done, now) for name in EVERY))
        return AGAIN

    def keep(self) -> None:
        """Everything that is due, at the end of a run; stopped early, the rest is done by the next."""
        while not self._clock.stopping and self.step() == AGAIN:
            pass

    def refuse_damaged(self) -> None:
        """Look again at a ledger that was found damaged. Raises LedgerError when it still is; else costs nothing."""
        with self._ledger.read() as connection:
            found = history.done(connection).get("check")
        if found and found.detail:
            self._check(self._clock.now())

    def _done(self, now: float) -> Mapping[str, Done]:
        with self._ledger.read() as connection:
            done = history.done(connection)
        new = [name for name in EVERY if name not in done]
        if new:
            with self._ledger.write() as connection:
                for name in new:
                    history.note_done(connection, name, now)
        return done

    def _retain(self, after: int) -> Next:
        now = self._clock.now()
        with self._ledger.write() as connection:
            n, self._sweep = maintenance.drop_payloads(connection, now - self._retention, after, BATCH)
            if self._sweep is None:
                history.close_acts(connection, now)
                history.note_done(connection, "retention", now)
        self._dropped += n
        if self._sweep is None:
            self._shrinking = True
            if self._dropped:
                self._log.info("payloads_dropped", n=self._dropped)
        return AGAIN

    def _shrink(self) -> Next:
        space = maintenance.space(self._ledger)
        if self._dropped and space.size <= WHOLE:
            maintenance.vacuum(self._ledger)
        elif space.free > space.size * WORTH:
            maintenance.give_back(self._ledger, PAGES)
            if maintenance.space(self._ledger).free < space.free:
                return AGAIN
        maintenance.empty_wal(self._ledger)
        self._shrinking = False
        return AGAIN

    def _check(self, now: float) -> None:
        damage = maintenance.damage(self._ledger.path)
        with self._ledger.write() as connection:
            history.note_done(connection, "check", now, damage)
        if not damage:
            self._log.info("ledger_checked")
            return
        self._log.warning("ledger_damaged", detail=damage)
        raise LedgerError(
            "ledger_damaged",
            f"The ledger {self._ledger.path} is damaged: {damage} Restore a backup with syncd restore FILE.",
        )
