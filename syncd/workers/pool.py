"""Pools: lanes with the threads that step them, and the rest of those threads.

Nobody ticks: of a pool's resting threads one holds the alarm for the next due lane, the others sleep until rung. All of it
is read and changed under the runner's lock.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from syncd.engine.lane import Lane

Key = tuple[str, str]
"""A lane's kind and name."""
Close = Callable[[], None]


def nothing() -> None:
    """Nothing to close, to check, or to show."""


@dataclass(slots=True, eq=False)
class Entry:
    """A lane in a pool. Instants are monotonic. `due`: None when it is idle; `after`: who must be out of its step first."""

    lane: Lane
    close: Close = nothing
    due: float | None = 0.0
    running: bool = False
    woken: bool = False
    trouble: str = ""
    troubled_since: float | None = None
    began: float = 0.0
    ended: float | None = None
    steps: int = 0
    retired: bool = False
    after: "Entry | None" = None

    @property
    def ready(self) -> bool:
        """True if it may be stepped when it is due."""
        return not self.running and not (self.after is not None and self.after.running)


@dataclass(slots=True)
class WorkerPool:
    """Lanes and how many threads step them. `closes`: what ends a lane that was replaced or is over, by its key."""

    lanes: Sequence[Lane]
    threads: int = 1
    closes: Mapping[Key, Close] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    resting: list[threading.Event] = field(default_factory=list)
    alarm: tuple[threading.Event, float] | None = None
    over: bool = False


class LaneView(NamedTuple):
    """A lane at one moment. Instants are monotonic seconds.

    `due`: when it wants to be stepped next, None when it waits to be woken; `since`: when the step under way began, None
    when there is none; `ended`: when its last step did; `steps`: how many it made.
    """

    kind: str
    name: str
    trouble: str
    due: float | None
    since: float | None
    ended: float | None
    steps: int

    def late(self, now: float) -> float:
        """Seconds past its due time, or in its step; 0 for a lane that rightly waits."""
        from_ = self.due if self.since is None else self.since
        return 0.0 if from_ is None else max(0.0, now - from_)


def ring(pool: WorkerPool, n: int = 1) -> None:
    """Get resting threads up; those that work look again by themselves. Under the runner's lock."""
    for event in [pool.resting.pop() for _ in range(min(n, len(pool.resting)))]:
        event.set()


def get_up(pool: WorkerPool, event: threading.Event) -> None:
    """A thread rests no more."""
    event.clear()
    if event in pool.resting:
        pool.resting.remove(event)
    if pool.alarm is not None and pool.alarm[0] is event:
        pool.alarm = None


def lie_down(pool: WorkerPool, event: threading.Event, now: float, wait: float | None) -> float | None:
    """A thread lies down; for how long: it holds the alarm if nobody does, or if it is to be up sooner."""
    pool.resting.append(event)
    if wait is None:
        return None
    if pool.alarm is not None and pool.alarm[1] <= now + wait:
        return None
    pool.alarm = (event, now + wait)
    return wait
