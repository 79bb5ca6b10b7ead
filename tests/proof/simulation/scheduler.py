"""Threads that run one at a time, and time that passes when all of them wait.

What production runs in threads runs in threads here. Each gives way at seams alone (a wait on the clock, a transaction, a
request), and whoever gives way picks the next by a seeded draw; so a seed is an order of events, the same each time.
When nobody can run, time goes to the next instant at which somebody can, or at which the world has something to do.

A process dies at a seam: `Crash` is raised out of it, then out of every other thread's, and from then on no seam lets
anything through, so that what `finally` still runs has no effect.
"""

import random
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from typing import Any, NoReturn

HOT = 20_000
"""Turns at one instant that nobody honest needs."""
LEAST = 1e-6
"""Seconds: no wait is shorter, or time would stand still for rounding."""


class Crash(BaseException):
    """The process is dead."""


class HotLoop(AssertionError):  # noqa: N818 - what it is, and not that it is an error
    """Somebody turns and turns, and no time passes."""


class Task:
    """A thread, as far as the code under test uses one. It runs while it holds the baton."""

    def __init__(
        self,
        scheduler: "Scheduler",
        target: Callable[..., object],
        args: Iterable[Any] = (),
        name: str = "",
        *,
        daemon: bool = True,
    ) -> None:
        self.name, self.daemon = name or getattr(target, "__name__", "thread"), daemon
        self.over = False
        self.ready: Callable[[], bool] | None = None
        self.until: float | None = None
        self.raised: BaseException | None = None
        self.baton = threading.Lock()
        self.baton.acquire()
        self._scheduler, self._target, self._args = scheduler, target, tuple(args)
        self._thread = threading.Thread(target=self._run, name=f"sim-{self.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._scheduler.enlist(self)

    def join(self, timeout: float | None = None) -> None:
        if not self.over:
            self._scheduler.wait(lambda: self.over, timeout)

    def is_alive(self) -> bool:
        return not self.over

    def buried(self) -> None:
        """The machine's thread is gone."""
        self._thread.join()

    def _run(self) -> None:
        self.baton.acquire()
        try:
            if not self._scheduler.dead:
                self._target(*self._args)
        except Crash:
            pass
        except BaseException as error:  # noqa: BLE001 - told by whoever runs the simulation
            self.raised = error
        self.over = True
        self._scheduler.leave(self)


class Pool:
    """A `ThreadPoolExecutor` as far as the export lane uses one."""

    def __init__(self, scheduler: "Scheduler", workers: int, thread_name_prefix: str = "") -> None:
        self._scheduler, self._workers, self._prefix = scheduler, workers, thread_name_prefix

    def map(self, act: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        left, found = deque(enumerate(items)), dict[int, Any]()

        def work() -> None:
            while left:
                n, item = left.popleft()
                found[n] = act(item)
                self._scheduler.give("pool")

        crew = [
            Task(self._scheduler, work, name=f"{self._prefix}-{n}")
            for n in range(min(self._workers, len(items)))
        ]
        for task in crew:
            task.start()
        for task in crew:
            task.join()
        for task in crew:
            if task.raised is not None:
                raise task.raised
        return [found[n] for n in range(len(items))]

    def shutdown(self, **_: object) -> None:
        """Its threads end with what they were given."""


class Scheduler:
    """See the module. `passed`: seconds since the world began. The thread that calls `run` is the world's own."""

    def __init__(self, chance: random.Random) -> None:
        self.passed = 0.0
        self.dead = False
        self.seams = 0
        self.fate: tuple[int, str] | None = None
        """At the how manieth seam from now, counting those of a name if there is one, the process dies."""
        self.told: Callable[[str, str], None] = lambda _task, _where: None
        """Hears of every seam: whose, and which."""
        self.died = ""
        """Whose seam the last one died at, and which."""
        self.broken = False
        """Whether the world has seen what must not be: then it gets its turn at once."""
        self._chance = chance
        self._tasks: list[Task] = []
        self._agenda: list[tuple[float, int, Callable[[], object]]] = []
        self._entries = 0
        self._current: Task | None = None
        self._world = threading.Lock()
        self._world.acquire()
        self._turns, self._at = 0, -1.0
        self._frozen = 0.0

    # The world's side

    def at(self, when: float, act: Callable[[], object]) -> None:
        """Have the world do something at an instant."""
        self._entries += 1
        heappush(self._agenda, (when, self._entries, act))

    def run(self, until: float, over: Callable[[], bool] = lambda: False) -> None:
        """Let so much time pass, or less if it is over before, or if somebody dies."""
        while not over() and not self.dead and not self.broken:
            while self._agenda and self._agenda[0][0] <= self.passed:
                heappop(self._agenda)[2]()
                if self.dead or self.broken or over():
                    return
            if self.passed >= until:
                return
            task = self._pick(until)
            if task is not None:
                self._hand(task)
                self._world.acquire()

    def freeze(self, seconds: float) -> None:
        """No thread of the process goes on for so long, whatever it waits for."""
        self._frozen = self.passed + seconds

    def bury(self) -> None:
        """End every thread of a dead process."""
        self.dead = True
        while self._tasks:
            task = self._tasks[0]
            self._hand(task)
            self._world.acquire()
            task.buried()
        self.dead, self.fate, self._frozen = False, None, 0.0

    def since(self) -> float:
        """Seconds since the world began, for who lives elsewhere: booting syncd's machine does not touch it."""
        return self.passed

    @property
    def somebody(self) -> bool:
        """Whether a thread of the process has the turn, and not the world."""
        return self._current is not None

    @property
    def manned(self) -> bool:
        """Whether there is any thread at all."""
        return bool(self._tasks)

    # The threads' side

    def enlist(self, task: Task) -> None:
        """A new thread, which gets its turn some time."""
        self._tasks.append(task)

    def leave(self, task: Task) -> None:
        """A thread ends: somebody else has the next turn."""
        self._tasks.remove(task)
        self._hand(None if self.dead or self.broken else self._pick(self._until))

    def seam(self, where: str) -> None:
        """A place where the process may die. Nobody else gets a turn."""
        if self.dead:
            raise Crash(where)
        self.seams += 1
        task = self._current
        self.told(task.name if task else "world", where)
        if task is not None and self._fated(where):
            self.die(f"{task.name}: {where}")

    def die(self, where: str) -> NoReturn:
        """The process ends here, whatever its other threads are at. Raises Crash."""
        self.dead, self.died = True, where
        raise Crash(where)

    def _fated(self, where: str) -> bool:
        if self.fate is None or self.fate[1] not in {"", where}:
            return False
        self.fate = (self.fate[0] - 1, self.fate[1])
        return self.fate[0] <= 0

    def give(self, where: str) -> None:
        """A seam where anybody may go on."""
        self.seam(where)
        if self._current is not None:
            self._switch(self._current)

    def wait(self, ready: Callable[[], bool] | None, seconds: float | None) -> None:
        """A seam where this thread goes on when it is ready, or so many seconds have passed."""
        self.seam("wait")
        task = self._current
        if task is None:  # the world does something that a thread would do, between two turns
            self.passed += 0.0 if seconds is None or (ready and ready()) else seconds
            return
        task.ready = ready or _never
        task.until = None if seconds is None else self.passed + max(LEAST, seconds)
        self._switch(task)
        task.ready = task.until = None

    # Between the two

    _until = 0.0

    def _switch(self, task: Task) -> None:
        following = None if self.broken else self._pick(self._until)
        if following is not task:
            self._hand(following)
            task.baton.acquire()
        if self.dead:
            raise Crash("elsewhere")

    def _hand(self, task: Task | None) -> None:
        self._current = task
        (self._world if task is None else task.baton).release()

    def _pick(self, until: float) -> Task | None:
        """Who goes on, time being moved on if need be; None: the world, which has something to do."""
        self._until = until
        while True:
            now = self.passed
            self._turns, self._at = (self._turns + 1 if now == self._at else 0), now
            if self._turns > HOT:
                self.broken = True
                return None
            frozen = self._frozen > now
            able = [
                task
                for task in self._tasks
                if not frozen
                and (task.ready is None or (task.until is not None and task.until <= now) or task.ready())
            ]
            if able:
                return able[0] if len(able) == 1 else self._chance.choice(able)
            times = [self._frozen] if frozen else [it.until for it in self._tasks if it.until is not None]
            coming = min(times, default=until)
            if self._agenda and self._agenda[0][0] <= min(coming, until):
                self.passed = max(now, self._agenda[0][0])
                return None
            if coming >= until:
                self.passed = until
                return None
            self.passed = coming

    @property
    def hot(self) -> bool:
        """Whether somebody turned without end."""
        return self._turns > HOT


def _never() -> bool:
    return False
