"""The machine's clock: waits that an event or a stop ends."""

import threading

from syncd.clock import FastClock, SystemClock

SOON = 5.0
"""Seconds that nothing here should take."""


def test_a_wait_ends_with_its_event_or_with_its_time() -> None:
    clock, event = SystemClock(), threading.Event()
    assert clock.wait(event, 0.0) is False
    event.set()
    assert clock.wait(event, SOON) is True


def test_a_stop_ends_every_wait_now_and_later() -> None:
    clock, ended = SystemClock(), threading.Semaphore(0)
    events = [threading.Event() for _ in range(3)]

    def wait(event: threading.Event) -> None:
        assert clock.wait(event, 3600.0) is False, "nobody set it"
        ended.release()

    for event in events:
        threading.Thread(target=wait, args=(event,), daemon=True).start()
    while len(clock._waiting) < len(events):
        threading.Event().wait(0.001)
    clock.stop()
    assert all(ended.acquire(timeout=SOON) for _ in events), "somebody waits on"
    assert clock.stopping
    assert clock.wait(threading.Event(), 3600.0) is False
    assert clock._waiting == set()


def test_time_that_runs_fast_is_waited_for_as_fast() -> None:
    clock = FastClock(100_000.0, start=1_790_000_000.0)
    assert clock.wait(threading.Event(), 3600.0) is False
    before = clock.monotonic()
    assert clock.monotonic() >= before
    assert clock.now() >= 1_790_000_000.0
