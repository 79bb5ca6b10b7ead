"""The ledger of a simulated process: real SQLite on a real file, with seams round each transaction, and watched.

Triggers in this connection alone (they are TEMP, the file has none of it) see every change of a state as it is made;
what a rolled back transaction did is not counted.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from sqlalchemy import Connection, Engine

from syncd.ledger import Ledger
from syncd.ledger.files import EngineLock
from tests.proof.simulation.scheduler import Scheduler

_STATES = {"lead": "state", "delivery": "state", "export": "state", "feedback": "state", "lane": "status"}
_TRIGGERS = [
    *(
        f"CREATE TEMP TRIGGER edge_{table} AFTER UPDATE OF {column} ON main.{table} WHEN OLD.{column} <> NEW.{column}"
        f" BEGIN SELECT simulated('{table}', NEW.rowid, OLD.{column}, NEW.{column}); END"
        for table, column in _STATES.items()
    ),
    *(
        f"CREATE TEMP TRIGGER new_{table} AFTER INSERT ON main.{table}"
        f" BEGIN SELECT simulated('{table}', NEW.rowid, '', NEW.{column}); END"
        for table, column in _STATES.items()
    ),
    (
        "CREATE TEMP TRIGGER watermark AFTER UPDATE OF watermark ON main.source WHEN NEW.watermark < OLD.watermark"
        " OR (NEW.watermark IS NULL AND OLD.watermark IS NOT NULL)"
        " BEGIN SELECT simulated('watermark', NEW.rowid, 'was', 'moved back'); END"
    ),
]
_FINAL = {
    ("delivery", "delivered"),
    ("export", "delivered"),
    ("lead", "exported"),
    ("watermark", "was"),
}
"""States that no engine may leave (I-7): only a person's replay does, in a process of its own."""


@dataclass
class Watch:
    """What the ledgers of all lives have in common. `edges`: committed changes of state, `table: old > new`."""

    scheduler: Scheduler
    edges: Counter[str] = field(default_factory=Counter)
    objections: list[str] = field(default_factory=list)
    corpses: list["SimulatedLedger"] = field(default_factory=list)
    commits: int = 0


_first: list[Engine] = []


def share_compiled(ledger: Ledger) -> None:
    """What SQLAlchemy made of a statement in one life is the same in the next, and costs more than to run it."""
    engine = ledger._engine
    _first[:] = _first or [engine]
    ledger._connection.dialect = engine.dialect = _first[0].dialect
    engine._compiled_cache = _first[0]._compiled_cache


class SimulatedLedger(Ledger):
    """Use a subclass that has a `watch` of its own."""

    watch: ClassVar[Watch]

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._changes: dict[tuple[str, int], tuple[str, str]] = {}

    @classmethod
    def open(cls, path: Path, *, upgrade: bool = False, lock: EngineLock | None = None) -> Self:
        ledger = super().open(path, upgrade=upgrade, lock=lock)
        share_compiled(ledger)
        with ledger.bare() as driver:
            driver.create_function("simulated", 4, ledger._saw)
            for trigger in _TRIGGERS:
                driver.execute(trigger)
        return ledger

    @contextmanager
    def write(self) -> Iterator[Connection]:
        scheduler = self.watch.scheduler
        scheduler.give("before a transaction")
        self._changes.clear()
        with super().write() as connection:
            yield connection
            scheduler.seam("before a commit")
        self.watch.commits += 1
        for (table, _), (old, new) in self._changes.items():
            if old == new:
                continue
            self.watch.edges[f"{table}: {old or 'none'} > {new}"] += 1
            if (table, old) in _FINAL and scheduler.somebody:
                self.watch.objections.append(f"{table}: {old} > {new}")
        self._changes.clear()
        scheduler.give("after a commit")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self.watch.scheduler.seam("before a reading")
        with super().read() as connection:
            yield connection

    def close(self) -> None:
        if self.watch.scheduler.dead:  # the file is left as it is; closing would fold the WAL into it
            self.watch.corpses.append(self)
        else:
            super().close()

    def bury(self) -> None:
        """Let go of what a dead process held, once the files have been copied away."""
        super().close()

    def _saw(self, table: str, row: int, old: str | None, new: str | None) -> None:
        """What a transaction does to a row in several bursts is one change."""
        first = self._changes.get((table, row), (old or "", ""))[0]
        self._changes[table, row] = (first, new or "")


def ledger_class(watch: Watch) -> type[SimulatedLedger]:
    """The class of one simulation's ledgers."""
    return type("Watched", (SimulatedLedger,), {"watch": watch})
