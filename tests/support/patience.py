"""How long to wait for what takes moments on a quiet machine: longer on one that has other work.

A bound of a test says what a machine of its own would keep to. How many others want this one's cores is looked at when a
bound is needed, so a suite that runs beside something else fails for what is wrong and not for what is slow.
"""

import os
import time

SAMPLE = 0.02
"""Seconds of work that are timed."""


def slowness() -> float:
    """How many times longer things take here and now than they would alone; at least 1."""
    began, worked = time.monotonic(), time.thread_time()
    while time.thread_time() - worked < SAMPLE:
        pass
    waited = (time.monotonic() - began) / SAMPLE
    return max(1.0, waited, os.getloadavg()[0] / len(os.sched_getaffinity(0)))


def patience(seconds: float) -> float:
    """A bound in seconds, for a machine that would keep to `seconds` if it were quiet."""
    return seconds * (2 * slowness() - 1)


def in_time(taken: float, seconds: float) -> bool:
    """Whether what took so long was quick enough; looks at the machine only if it has to."""
    return taken < seconds or taken < patience(seconds)
