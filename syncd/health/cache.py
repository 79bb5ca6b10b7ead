"""A cache of a second: asking in a loop costs no more than asking once a second."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from syncd.clock import Clock

SECONDS = 1.0

T = TypeVar("T")


class Recent(Generic[T]):
    """Values by key, for `seconds` each; for one thread. It keeps few keys: those of whoever asked within that time."""

    def __init__(self, clock: Clock, seconds: float = SECONDS) -> None:
        self._clock, self._seconds = clock, seconds
        self._made: dict[Hashable, tuple[float, T]] = {}

    def has(self, key: Hashable, most: int) -> bool:
        """Tell if there is a value for the key, or room for it among `most` keys."""
        self._drop()
        return key in self._made or len(self._made) < most

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value for the key; `make` makes one if there is none that is young enough."""
        self._drop()
        if key not in self._made:
            self._made[key] = self._clock.monotonic(), make()
        return self._made[key][1]

    def _drop(self) -> None:
        now = self._clock.monotonic()
        self._made = {key: it for key, it in self._made.items() if now - it[0] < self._seconds}
