"""A small world in virtual time to try the limiter in: clients that ask, and a ledger of slots.

Nothing sleeps: whatever happens is a generator that yields the seconds until it goes on.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random

from syncd.core import limiter
from syncd.core.limiter import Budget, Grant, Slots
from tests.core.test_limiter_servers import MINUTE, Server, Sliding

DEADLINE = 30.0


@dataclass(frozen=True)
class Rules:
    """The limiter under test; a planted defect replaces one of these."""

    grant: Callable[[Budget, float, bool], Grant] = lambda budget, now, live: limiter.grant(
        budget, now, budget.pull_needs if live else 1, live=live
    )
    held: Callable[[float, float], float] = limiter.held
    freed: Callable[[float, float], float] = lambda _sent_at, answered_at: limiter.freed(answered_at)
    coalesce: Callable[[Iterable[float]], tuple[Slots, ...]] = limiter.coalesce
    clamp: Callable[[tuple[Slots, ...], float, bool], tuple[Slots, ...]] = limiter.clamp
    foreign: Callable[[Budget, float, int, int, float], Slots | None] = (
        lambda budget, now, remaining, in_flight, sent_at: limiter.foreign(
            budget, now, remaining, in_flight, sent_at=sent_at
        )
    )


@dataclass
class Engine:
    """One process: a dead one never goes on."""

    alive: bool = True
    in_flight: int = 0


@dataclass
class World:
    """Time, a server, a network, the ledger's slots of one key, and what was seen."""

    seed: int
    server: Server
    limit: int = 60
    latency: tuple[float, float] = (0.0, 0.5)
    lost: float = 0.0
    drift: float = 0.0  # how much faster the server's clock runs than ours, as a fraction
    rules: Rules = field(default_factory=Rules)
    pull_every: float | None = None
    pull_needs: int = 1

    now: float = 0.0
    booted: float = 0.0
    pull_at: float | None = None
    rows: dict[int, float] = field(default_factory=dict)
    strangers: list[Slots] = field(default_factory=list)
    served: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    asks: int = 0
    late_pulls: list[float] = field(default_factory=list)
    pulls: int = 0
    others: int = 0

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)  # noqa: S311 - a seed is a run
        self._queue: list[tuple[float, int, Engine, Iterator[float]]] = []
        self._ids = count()
        self.engine = Engine()
        self.network = Engine()

    @property
    def clock(self) -> float:
        """What the processes read: seconds since boot."""
        return self.now - self.booted

    def spawn(self, work: Iterator[float], engine: Engine, after: float = 0.0) -> None:
        heapq.heappush(self._queue, (self.now + after, next(self._ids), engine, work))

    def run(self, until: float) -> None:
        while self._queue and self._queue[0][0] <= until:
            self.now, _, engine, work = heapq.heappop(self._queue)
            if engine.alive and (pause := next(work, None)) is not None:
                self.spawn(work, engine, pause)
        self.now = until

    def budget(self) -> Budget:
        recent = self.clock - DEADLINE
        self.rows = {row: free_at for row, free_at in self.rows.items() if free_at > recent}
        self.strangers = [slots for slots in self.strangers if slots.free_at > recent]
        taken = (*self.rules.coalesce(self.rows.values()), *self.strangers)
        return Budget(self.limit, taken, 0.0, self.pull_at, self.pull_needs, self.pull_every)

    def backlog(self, workers: int) -> Engine:
        """Other work without end in the latest process, so many requests of it at once."""
        for _ in range(workers):
            self.spawn(self._other(self.engine), self.engine)
        return self.engine

    def polling(self, first: float, every: float, needs: int = 1) -> None:
        self.pull_at, self.pull_every, self.pull_needs = first, every, needs
        self.spawn(self._pulling(every, self.engine), self.engine, first)

    def visitor(self, at: float, requests: int) -> None:
        """Somebody else who uses the key at an instant."""
        self.spawn(self._visit(requests), self.network, at - self.now)

    def join(self) -> None:
        """Start one more process beside the others."""
        self.engine = Engine()

    def start(self, *, same_boot: bool) -> None:
        """Start the engine: kill the old one, -9. What it sent arrives, and nobody hears the answers."""
        self.engine.alive = False
        if not same_boot:
            self.booted = self.now
        self.join()
        taken = self.rules.clamp(
            tuple(Slots(free_at, 1) for free_at in self.rows.values()), self.clock, same_boot
        )
        self.rows = {next(self._ids): slots.free_at for slots in taken}

    def used(self) -> float:
        """The part of the allowance that was served after the first two minutes, over whole rounds of the slots."""
        served = [at for at in self.served if at >= 2 * MINUTE]
        rounds = (len(served) - 1) // self.limit
        return rounds * MINUTE / (served[rounds * self.limit] - served[0])

    def _other(self, engine: Engine) -> Iterator[float]:
        while True:
            self.asks += 1
            granted = self.rules.grant(self.budget(), self.clock, False)  # noqa: FBT003
            if granted.n:
                self.others += 1
                yield from self._request(self._take(), engine)
            else:
                yield granted.wait

    def _pulling(self, every: float, engine: Engine) -> Iterator[float]:
        while True:
            missing, due = self.pull_needs, self.now
            while missing:
                granted = self.rules.grant(self.budget(), self.clock, True)  # noqa: FBT003
                for _ in range(min(granted.n, missing)):
                    self.spawn(self._request(self._take(), engine), engine)
                missing -= min(granted.n, missing)
                if missing:
                    self.late_pulls.append(due)
                    yield granted.wait or 0.001
            self.pulls += 1
            self.pull_at = max(due + every, self.now) - self.booted
            yield self.pull_at - self.clock

    def _take(self) -> int:
        row = next(self._ids)
        self.rows[row] = self.rules.held(self.clock, DEADLINE)
        return row

    def _request(self, row: int, engine: Engine) -> Iterator[float]:
        sent = self.clock
        engine.in_flight += 1
        lost = self.chance.random() < self.lost
        takes = DEADLINE if lost else self.chance.uniform(*self.latency)
        answer: list[int | None] = []
        self.spawn(self._arrival(answer), self.network, self.chance.uniform(0.0, takes))
        yield takes
        engine.in_flight -= 1
        if lost:
            return
        self.rows[row] = self.rules.freed(sent, self.clock)
        stranger = self.rules.foreign(self.budget(), self.clock, answer[0] or 0, engine.in_flight, sent)
        self.strangers += [stranger] if stranger else []

    def _arrival(self, answer: list[int | None]) -> Iterator[float]:
        remaining = self.server.arrive(self.now * (1.0 + self.drift))
        (self.refused if remaining is None else self.served).append(self.now)
        answer.append(remaining)
        yield from ()

    def _visit(self, requests: int) -> Iterator[float]:
        for _ in range(requests):
            self.server.arrive(self.now * (1.0 + self.drift))
        yield from ()


def paced(times: list[float], world: World, every: float) -> Iterator[float]:
    while True:
        times.append(world.now)
        yield every


def test_time_in_the_world_is_what_its_work_yields() -> None:
    world, times = World(1, Sliding(60)), list[float]()
    world.spawn(paced(times, world, 20.0), world.engine, after=5.0)
    world.run(60.0)

    assert times == [5.0, 25.0, 45.0]
    assert world.now == 60.0


def test_a_dead_process_never_goes_on_and_what_it_sent_arrives() -> None:
    world = World(1, Sliding(60), latency=(9.0, 9.0))
    world.backlog(3)
    world.run(0.0)
    world.start(same_boot=True)
    world.run(500.0)

    assert len(world.served) == world.others == 3


def test_after_a_reboot_the_clock_begins_anew() -> None:
    world = World(1, Sliding(60), now=300.0)
    world.start(same_boot=False)

    assert world.clock == 0.0
