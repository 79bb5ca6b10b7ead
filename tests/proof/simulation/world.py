"""A simulated world: one machine with syncd on it, what it talks to, and what happens to all of them.

`Simulation(seed, days)` is a world; `run` lets it come to its end and returns what it came to. The order of everything
follows from the seed: `digest` is one of all seams, requests and answers.
"""

import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Self

from syncd.core.failure import Failure
from syncd.ledger import Ledger
from tests.proof.simulation.books import Watch, ledger_class
from tests.proof.simulation.libraries import led_into
from tests.proof.simulation.network import Network
from tests.proof.simulation.oracle import Oracle
from tests.proof.simulation.outside.authors import Author, drawn
from tests.proof.simulation.outside.liveness import Wait
from tests.proof.simulation.outside.oracle import Outside
from tests.proof.simulation.process import Configuration, Machine, Process, SimulatedClock, SimulatedLog
from tests.proof.simulation.remotes import ACCOUNTS, HOSTS, FarEnds
from tests.proof.simulation.scheduler import Scheduler, Task
from tests.proof.simulation.setup import Setup, text_of
from tests.proof.simulation.weather import Weather

DAY = 86400.0
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it


class Objection(AssertionError):  # noqa: N818 - what the oracles say
    """Something happened that must not."""


@dataclass
class Came:
    """What a run came to."""

    days: float
    digest: str
    counts: Counter[str] = field(default_factory=Counter)
    """`crash`, `start`, `request`, `export`, … -> how often."""
    met: Counter[str] = field(default_factory=Counter)
    """Kinds of trouble and edges of states -> how often."""
    readings: list[str] = field(default_factory=list)
    """A line for each remote of the second author: how it reads its vendor's page."""
    waits: list[Wait] = field(default_factory=list)
    """Waits of healthy leads behind poisoned ones."""
    author: Author = "first"


class Simulation:
    """See the module. Use it as a context."""

    def __init__(self, seed: int, days: float, author: Author = "first") -> None:
        self.seed, self.days, self.author = seed, days, author
        self.counts: Counter[str] = Counter()
        self.folder = Path(
            tempfile.mkdtemp(prefix="syncd-simulation-", dir=MEMORY if MEMORY.is_dir() else None)
        )
        self.scheduler = Scheduler(self.chance("scheduler"))
        self.machine = Machine(self.scheduler)
        self.theirs = drawn(author, self.chance("authors"))
        self.far = FarEnds(
            self.folder,
            self.machine.true,
            self.scheduler.since,
            self.chance("remotes"),
            self.theirs,
        )
        self.weather = Weather(self.chance("weather"))
        self.network = Network(self.scheduler, self.weather, self.machine.true, self.chance("network"))
        self.watch = Watch(self.scheduler)
        self.log = SimulatedLog()
        self.path = self.folder / "syncd.db"
        self.oracle = Oracle(self.path, self.far)
        self.configuration = Configuration(self.folder / "config.toml")
        self.setup = Setup.drawn(self.chance("setup"), days)
        self.outside = Outside(self.path, self.far, self.setup, self.scheduler.since, self.network.forged)
        self.process: Process | None = None
        self.story: list[str] = []
        self.looked = 0.0
        self.waits: list[Wait] = []
        self.ledgers = ledger_class(self.watch)
        self._main: Task | None = None
        self._trace = blake2b(digest_size=12)
        self.scheduler.told = lambda task, where: self.note(f"{task} {where}")
        self.network.told = self.note
        self._furnish()
        self.readings = [
            f"{far} of the second author: {', '.join(f'{name} {it}' for name, it in remote.readings.items())}"
            for far, remote in self.far.remotes.items()
            if far in self.theirs
        ]

    def chance(self, what: str) -> random.Random:
        """Numbers that depend on the seed and on what they are for, and on nothing else."""
        return self.chance_of(self.seed, what)

    @staticmethod
    def chance_of(seed: int, what: str) -> random.Random:
        """Numbers of a world's seed, for one purpose."""
        return random.Random(f"{seed}/{what}")  # noqa: S311 - a world to be repeated, and no secret

    def _furnish(self) -> None:
        sources = {far: name for name, far in ACCOUNTS.items()}
        for far, app in self.far.apps():
            heard = self.outside.listening(sources[far], app, self._witness) if far in sources else app
            self.network.add(HOSTS[far], far, heard)
        self.far.know_apollos_fields()
        self.write_configuration()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self.scheduler.manned:
            self.scheduler.broken = True
            self.scheduler.bury()
        for corpse in self.watch.corpses:
            corpse.bury()
        shutil.rmtree(self.folder, ignore_errors=True)
        if error is not None:
            author = "" if self.author == "first" else f" --author {self.author}"
            error.add_note(
                f"replay it with: python -m tests.proof.simulation {self.seed} --days {self.days:g}{author}"
            )
            error.add_note("\n".join(self.readings))
            error.add_note("\n".join(self.story[-60:]))

    # What is said and seen

    def note(self, line: str) -> None:
        self._trace.update(f"{self.scheduler.passed!r} {line}\n".encode())

    def tell(self, line: str) -> None:
        """A line of the story."""
        self.note(line)
        self.story.append(f"day {self.scheduler.passed / DAY:8.4f}  {line}")

    def _witness(self, source: str, lead_id: int) -> None:
        self.oracle.exporting(source, lead_id)
        self._heed()

    def _heed(self) -> None:
        """Have the world stop at once when something is wrong: nobody's `except` may swallow it."""
        if self.objections:
            self.scheduler.broken = True

    @property
    def objections(self) -> list[str]:
        hot = ["somebody turns and turns, and no time passes"] if self.scheduler.hot else []
        return [
            *self.oracle.objections,
            *self.outside.objections,
            *self.watch.objections,
            *self.log.bugs,
            *hot,
        ]

    def complain(self) -> None:
        """Raises Objection."""
        if self.objections:
            raise Objection("; ".join(self.objections[:5]))

    def look(self) -> None:
        self.looked = self.scheduler.passed
        self.oracle.look()
        self.oracle.count_asks(self.network.enriched)
        self.complain()

    # Time

    def run_until(self, when: float) -> None:
        """Let time pass to an instant, through as many deaths as there are."""
        while self.scheduler.passed < when:
            self.scheduler.run(when, self._is_over)
            self.complain()
            if self.scheduler.dead:
                self._bury()
            elif self._is_over():
                self._ended()
            elif self.scheduler.passed < when:
                self.complain()

    def _is_over(self) -> bool:
        return self._main is not None and self._main.over

    # Lives

    def start(self, *, once: bool = False) -> None:
        """A new process, unless there is one."""
        if self._main is not None:
            return
        self.counts["start"] += 1
        self.tell("once" if once else "start")
        self.process = Process(self.machine, self.configuration, self.ledgers, self.log)
        self._main = Task(self.scheduler, self.process.run_once if once else self.process.serve, name="main")
        self._main.start()

    def start_later(self, seconds: float, *, once: bool = False) -> None:
        self.scheduler.at(self.scheduler.passed + seconds, lambda: self.start(once=once))

    @property
    def runs(self) -> bool:
        return self._main is not None

    def kill_soon(self, seams: int, where: str = "") -> None:
        """The process dies so many seams from now; `where`: of those that are called so."""
        self.scheduler.fate = (seams, where)

    def die(self) -> None:
        """Power is cut now."""
        self.scheduler.dead = True
        self._bury()

    def has_ledger(self) -> bool:
        """Whether the ledger is there, with all its tables."""
        if not self.path.exists():
            return False
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as connection:
            found = connection.execute(
                "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"
            ).fetchone()
        return bool(found[0])

    def clock(self) -> SimulatedClock:
        """The clock of another command."""
        return SimulatedClock(self.machine)

    def stop(self) -> None:
        """SIGTERM; whatever it takes."""
        if self.process is not None:
            self.tell("stop")
            self.process.stop()

    def _ended(self) -> None:
        """The process's first thread is over."""
        main, process = self._main, self.process
        assert main is not None
        assert process is not None
        self.tell(f"ended: {process.ended}")
        self.counts[f"end {process.ended}"] += 1
        raised = main.raised
        self._laid_to_rest()
        if raised is not None:
            raise raised
        self.after_end()

    def _bury(self) -> None:
        """A crash: the files as they are at this moment are what the next life finds."""
        left = self.process is not None and self.process.ended == "abandoned"
        self.counts["end abandoned" if left else "crash"] += 1
        self.tell("left with hanging lanes" if left else f"killed at {self.scheduler.died}")
        self.counts[f"killed {self.scheduler.died.rpartition(': ')[2]}"] += not left
        self._laid_to_rest()
        self.look()
        self.after_end()

    def _laid_to_rest(self) -> None:
        self.scheduler.bury()
        images = []
        for suffix in ("", "-wal"):
            part = self.path.with_name(self.path.name + suffix)
            if part.exists() and self.watch.corpses:
                images.append((part, part.with_name(part.name + ".image")))
                shutil.copy(*images[-1])
        for corpse in self.watch.corpses:
            corpse.bury()
        if images:
            for suffix in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        for part, image in images:
            image.rename(part)
        self.watch.corpses.clear()
        self._main = self.process = None

    def after_end(self) -> None:
        """What follows a death or a stop; set by whoever writes the script."""
        self.start_later(1.0)

    # What people do

    def set_up(self) -> None:
        """`syncd setup --apply`, until the CRMs of the second author have all that it makes."""
        _, mapped = self.configuration.read()
        for name in sorted(self.far.crms.keys() & self.theirs):
            for _ in range(100):
                connector = mapped[name].configured.open(self.clock(), self.log)
                try:
                    if not any(not it.by_hand for it in connector.setup(apply=True)):
                        break
                except Failure:
                    self.scheduler.wait(None, 60.0)
                finally:
                    connector.close()

    def write_configuration(self) -> None:
        self.configuration.write(text_of(self.setup))

    @contextmanager
    def beside(self) -> Iterator[Ledger]:
        """The ledger as another command opens it, the engine told afterwards."""
        with self.ledgers.open(self.path) as ledger:
            yield ledger
        if self.process is not None and self.process.daemon is not None:
            self.process.daemon.order("look")

    # The end

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Production's threads and libraries are the simulation's for the length of this."""
        state = random.getstate()
        random.seed(f"{self.seed}/jitter")
        try:
            with led_into(self.scheduler, self.network, self.ledgers, self.log):
                yield
        finally:
            random.setstate(state)

    def came(self) -> Came:
        met = self.network.met + self.watch.edges
        counts = self.counts + Counter(
            exports=self.oracle.exports, looks=self.oracle.looks, seams=self.scheduler.seams, commits=self.watch.commits,
            requests=self.network.requests.total(),
        )  # fmt: skip
        counts += Counter({f"requests of {far}": n for far, n in self.network.requests.items()})
        return Came(
            self.scheduler.passed / DAY,
            self._trace.hexdigest(),
            counts,
            met,
            self.readings,
            self.waits,
            self.author,
        )
