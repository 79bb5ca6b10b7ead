"""The in-memory connector that also tells what became of people, and its remote, whose index lags unevenly."""

from collections.abc import Sequence
from typing import NamedTuple

from syncd.connector import Context, Status, Statuses, Watched
from syncd.testing import ManualClock, MemoryConnector, MemoryRemote
from syncd.testing.memory import MemoryOptions, RemoteError

WATCHED = Watched("outcome", frozenset({"customer", "nonsense"}))
LAG = 20.0
OVERLAP = 60.0


class Entry(NamedTuple):
    """A change: when it was made, and from when on it shows."""

    at: float
    shows: float
    key: str
    value: str


class TellingRemote(MemoryRemote):
    """Changes are listed by when they were made, as far as they show. `changed` is its API."""

    def __init__(self, token: str = "memory-s3cret") -> None:  # noqa: S107 - made up
        super().__init__(token)
        self.clock = ManualClock()
        self.log: list[Entry] = []

    def mark(self, person: str, value: str) -> None:
        now, late = self.clock.now(), LAG * ((len(self.log) + 1) % 2)
        self.people[person]["outcome"] = value
        self.log.append(Entry(now, now + late, person, value))

    def changed(self, token: str, since: float, skip: int, limit: int) -> list[Entry]:
        """What was changed from then on, the last of each person. Raises RemoteError."""
        self._admit(token)
        last = {it.key: it for it in self.log if it.shows <= self.clock.now()}
        found = sorted(it for it in last.values() if it.at >= since)
        return found[skip : skip + limit]


class TellingConnector(MemoryConnector):
    """Its cursor is an instant, and how many of a look's entries were told."""

    page = 4

    def __init__(self, options: MemoryOptions, context: Context) -> None:
        super().__init__(options, context)
        assert isinstance(options.remote, TellingRemote)
        self._telling, self._clock = options.remote, context.clock

    def statuses_since(self, cursor: str) -> Statuses:
        since, skip = self._place(cursor)
        token = self._token.get_secret_value()
        try:
            found = self._telling.changed(token, since, skip, self.page)
        except RemoteError as error:
            raise self._failure(error) from None
        return self._page(found, since, skip)

    def _page(self, found: Sequence[Entry], since: float, skip: int) -> Statuses:
        told = [Status(it.value, it.at, person=it.key) for it in found]
        if len(found) == self.page:
            return Statuses(told, f"{since} {skip + self.page}", more=True)
        return Statuses(told, f"{self._begin()} 0")

    def _begin(self) -> float:
        """Where the next look begins."""
        return self._clock.now() - OVERLAP

    @staticmethod
    def _place(cursor: str) -> tuple[float, int]:
        since, _, skip = cursor.partition(" ")
        try:
            return float(since), int(skip)
        except ValueError:
            return 0.0, 0
