"""The runner, with real threads: what is stuck stays alone, what is woken runs, and a run that is over ends."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from syncd import workers
from syncd.clock import SystemClock
from syncd.engine.lane import AGAIN, IDLE, Next
from syncd.ledger import LedgerError
from syncd.workers import Ended, Runner, WorkerPool
from tests.support import Log

SOON = 5.0
"""Seconds that nothing here should take."""


@pytest.fixture(autouse=True)
def _short_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "DRAIN", 0.3)


class Lane:
    """A lane that does what it is told, step after step, then is idle."""

    def __init__(self, name: str, *steps: Callable[[], Next], kind: str = "deliver") -> None:
        self.kind, self.name = kind, name
        self.steps = list(steps)
        self.count = 0
        self.threads: set[int] = set()
        self.inside = 0
        self.overlapped = False

    def step(self) -> Next:
        self.inside += 1
        self.overlapped = self.overlapped or self.inside > 1
        self.threads.add(threading.get_ident())
        try:
            step = self.steps[min(self.count, len(self.steps) - 1)] if self.steps else lambda: IDLE
            last = self.count >= len(self.steps)
            self.count += 1
            return IDLE if last else step()
        finally:
            self.inside -= 1


def _then(act: Callable[[], None], answer: Next) -> Callable[[], Next]:
    """A step that does something first."""

    def step() -> Next:
        act()
        return answer

    return step


class Running:
    """A run in a thread of its own, so that a test may look at it."""

    def __init__(self, *crews: WorkerPool, until_quiet: bool = True, max_wait: float = 900.0) -> None:
        self.clock, self.log = SystemClock(), Log()
        self.runner = Runner(self.clock, self.log, until_quiet=until_quiet, max_wait=max_wait)
        self.ended: Ended | None = None
        self._crews = crews
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        self.ended = self.runner.run(self._crews)

    def start(self) -> "Running":
        self._thread.start()
        return self

    def stop(self) -> None:
        """As a signal does: while the main thread is in its wait."""
        until = time.monotonic() + SOON
        while self.runner.changed not in self.clock._waiting and time.monotonic() < until:
            threading.Event().wait(0.001)
        self.clock.stop()

    def end(self, within: float = SOON) -> Ended:
        self._thread.join(within)
        assert self.ended is not None, "the run did not end"
        return self.ended


@contextmanager
def _hanging() -> Iterator[tuple[Lane, threading.Event]]:
    """A lane whose step hangs until the test is over, and the word that it has begun to."""
    begun, over = threading.Event(), threading.Event()

    def hang() -> Next:
        begun.set()
        over.wait(2 * SOON)
        return IDLE

    try:
        yield Lane("hanging", hang), begun
    finally:
        over.set()


def test_a_run_with_nothing_to_do_is_over_at_once() -> None:
    crew = [Lane("a"), Lane("b")]
    ended = Running(WorkerPool([crew[0]]), WorkerPool([crew[1]])).start().end()
    assert ended == Ended({}, stopped=False, error=None, bug=False)
    assert [lane.count for lane in crew] == [1, 1]


def test_a_run_without_lanes_is_over_at_once() -> None:
    assert Running().start().end().troubles == {}


def test_a_lane_is_stepped_until_it_is_idle() -> None:
    lane = Lane("a", lambda: AGAIN, lambda: Next(0.01), lambda: AGAIN)
    Running(WorkerPool([lane])).start().end()
    assert lane.count == 4


def test_a_hanging_lane_delays_no_other() -> None:
    with _hanging() as (hanging, begun):
        other = Lane("other", *[lambda: AGAIN] * 50)
        running = Running(WorkerPool([hanging]), WorkerPool([other])).start()
        assert begun.wait(SOON)
        finished = threading.Event()
        other.steps.append(_then(finished.set, IDLE))
        assert finished.wait(SOON) or other.count > 50
        running.stop()
        assert running.end(2.0).stopped


def test_a_hanging_source_lane_leaves_the_rest_of_the_pool() -> None:
    with _hanging() as (hanging, begun):
        done = threading.Event()
        other = Lane("other", lambda: AGAIN, _then(done.set, IDLE), kind="pull")
        running = Running(WorkerPool([hanging, other], threads=2)).start()
        assert begun.wait(SOON)
        assert done.wait(SOON)
        running.stop()
        running.end(2.0)


def test_a_lane_that_a_reload_replaced_and_that_still_hangs_is_told_of_at_a_stop() -> None:
    """Or the ledger would be closed under it, and it would end the process with a bug when it wakes."""
    with _hanging() as (hanging, begun):
        running = Running(WorkerPool([hanging]), until_quiet=False).start()
        assert begun.wait(SOON)
        running.runner.replace([WorkerPool([Lane("hanging")]), WorkerPool([Lane("other")])])
        running.runner.replace([WorkerPool([Lane("other")])])
        running.stop()
        assert running.end(2.0).abandoned == (("deliver", "hanging"),)


def test_a_lane_that_a_reload_replaced_is_told_of_no_more_when_it_is_through() -> None:
    begun, over, closed = threading.Event(), threading.Event(), threading.Event()

    def slow_step() -> Next:
        begun.set()
        over.wait(SOON)
        return IDLE

    slow = Lane("a", slow_step)
    running = Running(WorkerPool([slow], closes={("deliver", "a"): closed.set}), until_quiet=False).start()
    assert begun.wait(SOON)
    running.runner.replace([WorkerPool([Lane("a")])])
    over.set()
    assert closed.wait(SOON), "it is closed by whoever stepped it last"
    running.stop()
    assert running.end(2.0).abandoned == ()


def test_stop_ends_a_long_wait_at_once() -> None:
    waiting = threading.Event()
    lane = Lane("a", _then(waiting.set, Next(3600.0)))
    running = Running(WorkerPool([lane])).start()
    assert waiting.wait(SOON)
    begun = time.monotonic()
    running.stop()
    assert running.end().stopped
    assert time.monotonic() - begun < 1.0


def test_a_stop_waits_for_the_step_that_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "DRAIN", SOON)
    begun, finished = threading.Event(), threading.Event()
    running: Running

    def slow() -> Next:
        begun.set()
        running.clock.wait(threading.Event(), None)
        while not running.runner.over:  # the run has begun to end
            threading.Event().wait(0.001)
        finished.set()
        return IDLE

    running = Running(WorkerPool([Lane("a", slow)]))
    running.start()
    assert begun.wait(SOON)
    running.stop()
    assert running.end().abandoned == ()
    assert finished.is_set()


def test_a_lane_is_never_in_two_threads() -> None:
    crew = [Lane(str(n), *[lambda: AGAIN] * 200, kind="pull") for n in range(4)]
    running = Running(WorkerPool(crew, threads=4))

    def wake() -> None:
        for n in range(2000):
            running.runner.wake("pull", str(n % 4))

    waker = threading.Thread(target=wake)
    running.start()
    waker.start()
    running.end(4 * SOON)
    waker.join()
    assert not any(lane.overlapped for lane in crew)
    assert min(lane.count for lane in crew) > 200


def test_a_lane_that_is_woken_in_its_step_is_not_stepped_beside_itself() -> None:
    """It is the one that has been due longest, and another thread of its pool has nothing else to do."""
    other, running = threading.Event(), Running()
    done = threading.Event()

    def woken() -> Next:
        running.runner.wake("pull", "a")
        running.runner.wake("pull", "b")
        other.set()
        done.wait(SOON)
        return IDLE

    def twice() -> Next:
        assert other.wait(SOON)
        return AGAIN

    a, b = Lane("a", woken, lambda: IDLE, kind="pull"), Lane("b", twice, _then(done.set, IDLE), kind="pull")
    running._crews = (WorkerPool([a, b], threads=2),)
    running.start().end(2 * SOON)
    assert not a.overlapped
    assert (a.count, b.count) >= (2, 2)


def test_a_wake_during_a_step_is_not_lost() -> None:
    """The lane looked, found nothing, and is woken before it has said so."""
    woken = threading.Event()
    running: Running

    def looked() -> Next:
        running.runner.wake("deliver", "a")
        return IDLE

    lane = Lane("a", looked, _then(woken.set, IDLE))
    running = Running(WorkerPool([lane]))
    running.start()
    running.end()
    assert woken.is_set()


def test_a_wake_from_another_lane_keeps_the_run_from_ending() -> None:
    running: Running
    second = Lane("second", lambda: IDLE, lambda: IDLE)

    def first_step() -> Next:
        running.runner.wake("deliver", "second")
        return IDLE

    first = Lane("first", lambda: Next(0.05), first_step)
    running = Running(WorkerPool([first]), WorkerPool([second]))
    running.start()
    running.end()
    assert second.count >= 2


def test_a_wake_cuts_every_wait_short_but_the_one_after_a_bug() -> None:
    """One lead in its back-off must not delay a new one; a lane that is paused looks at the ledger, and waits on."""
    seen = [threading.Event(), threading.Event()]

    def bug() -> Next:
        raise ZeroDivisionError

    pacing = Lane("pacing", lambda: Next(3600.0), _then(seen[0].set, Next(3600.0)))
    retrying = Lane("retrying", lambda: Next(3600.0, "retrying"), _then(seen[1].set, Next(3600.0)))
    buggy = Lane("buggy", bug, lambda: IDLE)
    running = Running(*(WorkerPool([lane]) for lane in (pacing, retrying, buggy)), until_quiet=False).start()
    until = time.monotonic() + SOON
    while not (pacing.count and retrying.count and buggy.count) and time.monotonic() < until:
        threading.Event().wait(0.005)
    for lane in (buggy, retrying, pacing):
        running.runner.wake("deliver", lane.name)
    assert all(event.wait(SOON) for event in seen)
    assert buggy.count == 1
    running.stop()
    running.end()


def test_a_wake_for_a_lane_that_nobody_has_is_nobodys() -> None:
    running = Running(WorkerPool([Lane("a")]))
    running.runner.wake("deliver", "stranger")
    assert running.start().end().error is None


def test_trouble_beyond_max_wait_is_given_up_and_named() -> None:
    lane = Lane("a", lambda: Next(3600.0, "outage"))
    ended = Running(WorkerPool([lane]), max_wait=60.0).start().end()
    assert ended.troubles == {("deliver", "a"): "outage"}


def test_trouble_within_max_wait_is_waited_out() -> None:
    lane = Lane("a", lambda: Next(0.05, "outage"), lambda: Next(0.05, "outage"))
    ended = Running(WorkerPool([lane]), max_wait=60.0).start().end()
    assert lane.count == 3
    assert ended.troubles == {}


def test_trouble_is_counted_from_where_it_began() -> None:
    lane = Lane("a", *[lambda: Next(0.06, "outage")] * 1000)
    ended = Running(WorkerPool([lane]), max_wait=0.2).start().end()
    assert 2 <= lane.count < 10
    assert ended.troubles == {("deliver", "a"): "outage"}


def test_pacing_is_waited_for_however_long_it_takes() -> None:
    lane = Lane("a", *[lambda: Next(0.05)] * 8)
    ended = Running(WorkerPool([lane]), max_wait=0.1).start().end()
    assert lane.count == 9
    assert ended.troubles == {}


def test_a_halted_lane_ends_the_run_and_is_named() -> None:
    ended = Running(WorkerPool([Lane("a", lambda: Next(None, "bad"))]), WorkerPool([Lane("b")])).start().end()
    assert ended.troubles == {("deliver", "a"): "bad"}


def test_a_ledger_that_fails_ends_the_run_at_once() -> None:
    def broken() -> Next:
        raise LedgerError("ledger_broken", "The disk is gone.")

    waiting = Lane("waiting", lambda: Next(3600.0))
    ended = Running(WorkerPool([waiting]), WorkerPool([Lane("a", broken)]), until_quiet=False).start().end()
    assert ended.error is not None
    assert ended.error.code == "ledger_broken"


def test_a_ledger_that_fails_ends_the_run_although_another_lane_hangs() -> None:
    with _hanging() as (hanging, begun):

        def broken() -> Next:
            begun.wait(SOON)
            raise LedgerError("ledger_broken", "The disk is gone.")

        ended = (
            Running(WorkerPool([hanging]), WorkerPool([Lane("a", broken)]), until_quiet=False)
            .start()
            .end(2.0)
        )
        assert ended.error is not None


def test_a_bug_in_one_lane_ends_no_other_and_fails_the_run() -> None:
    def bug() -> Next:
        raise ZeroDivisionError

    other = Lane("other", *[lambda: Next(0.01)] * 10)
    running = Running(WorkerPool([Lane("buggy", bug)]), WorkerPool([other])).start()
    ended = running.end()
    assert ended.bug
    assert ended.troubles == {("deliver", "buggy"): "bug"}
    assert other.count == 11
    assert len(running.log.named("lane_failed")) == 1


def test_a_tick_comes_while_it_runs_and_once_at_the_end() -> None:
    ticks: list[int] = []
    clock = SystemClock()
    Runner(clock, Log(), until_quiet=True).run(
        [WorkerPool([Lane("a", lambda: Next(0.3))])], lambda: ticks.append(1)
    )
    assert len(ticks) >= 2


def test_threads_are_gone_when_a_run_is_over() -> None:
    before = threading.active_count()
    Running(*(WorkerPool([Lane(str(n))]) for n in range(20))).start().end()
    assert threading.active_count() <= before
