"""The deadline of a request: one for the whole exchange, from the first look-up to the last byte of the answer.

A time-out for each read never fires on a server that sends a byte now and then. So every look-up, connect, read and write
gets no more time than is left. Several requests may be under way at once; the deadline of each travels in a context variable.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from syncd.clock import Clock


class Deadline(NamedTuple):
    """The instant, on the monotonic clock, by which a request must be over."""

    clock: Clock
    at: float

    def left(self) -> float:
        """Seconds left; zero or less when it has passed."""
        return self.at - self.clock.monotonic()


_DEADLINE: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def deadline(clock: Clock, seconds: float) -> Iterator[Deadline]:
    """Hold all that this thread does on the network to one deadline, for the length of a `with`."""
    held = Deadline(clock, clock.monotonic() + seconds)
    token = _DEADLINE.set(held)
    try:
        yield held
    finally:
        _DEADLINE.reset(token)


def within(timeout: float | None, late: type[Exception]) -> float | None:
    """Return the lesser of a time-out and what is left of the deadline. Raises `late` when nothing is left."""
    held = _DEADLINE.get()
    if held is None:
        return timeout
    left = held.left()
    if left <= 0:
        raise late("the deadline has passed")
    return left if timeout is None else min(timeout, left)
