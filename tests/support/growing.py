"""How the time of a call grows with what it is given: for expressions that must not be made to run for minutes."""

import time
from collections.abc import Callable

_TIMES = 16
_SMALL = 1_000
LINEAR = 4.0
"""Times the growth of the input that is still no other growth; a square comes to `_TIMES`."""


def growth(act: Callable[[str], object], piece: str) -> float:
    """How many times faster than the text itself the time grows, from a thousand pieces to sixteen thousand.

    Of this thread's processor time, and the least of several runs: a busy machine changes nothing.
    """
    return _least(act, piece * _SMALL * _TIMES) / _least(act, piece * _SMALL) / _TIMES


def _least(act: Callable[[str], object], text: str) -> float:
    times = []
    for _ in range(5):
        begun = time.thread_time()
        act(text)
        times.append(time.thread_time() - begun)
    return max(min(times), 1e-5)
