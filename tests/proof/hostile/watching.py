"""What every answer is held to besides what it means: time, descriptors, threads, memory."""

import gc
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.patience import in_time

SIMULATOR = "ctgo-webhooks"
"""The simulator's own thread. It starts when a sync is complete, which a slow machine may see in the middle of a test."""

LONGEST = 5.0
"""Seconds that anything may take which needs no waiting: a hundred times what it takes."""


def descriptors() -> int:
    """How many are open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def peak() -> int:
    """Bytes that this process ever held at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def within(seconds: float = LONGEST, what: str = "") -> Iterator[None]:
    """It ends in time."""
    began = time.monotonic()
    yield
    taken = time.monotonic() - began
    assert in_time(taken, seconds), f"{what} took {taken:.1f} s"


@contextmanager
def nothing_left() -> Iterator[None]:
    """No descriptor and no thread outlives what is done within."""
    gc.collect()
    before, threads = descriptors(), set(threading.enumerate())
    yield
    gc.collect()
    left = [
        it for it in threading.enumerate() if it not in threads and it.is_alive() and it.name != SIMULATOR
    ]
    assert not left, left
    assert descriptors() <= before, f"{descriptors() - before} descriptors are left over"
