"""The guard of acts on a group that a person saw some time ago, on a page that may have grown old."""

from collections.abc import Collection
from typing import NamedTuple

from syncd.ledger import Transaction, history

GROWN = 0.1
"""The part of a group that may have come since without a question."""

_ON_GROUPS = ("retry", "take back", "drop", "accept", "release", "hold", "replay")
"""Acts that move rows of a group."""


class Seen(NamedTuple):
    """A group when a person looked: its number of rows, and the newest act in the operator's log."""

    n: int
    newest: int


class GroupChangedError(Exception):
    """The group is another one than the person saw, so nothing was done. `now`: the group as it is."""

    def __init__(self, seen: Seen, now: Seen) -> None:
        super().__init__(f"{seen.n:,} when you looked, {now.n:,} now; somebody may have acted on them.")
        self.seen, self.now = seen, now


def require_unchanged(connection: Transaction, seen: Seen, n: int, names: Collection[str]) -> None:
    """Raise GroupChangedError if the group grew by more than a tenth, or somebody acted on it since.

    `n`: its rows now. `names`: what acts on it are logged under.
    """
    acted = history.acted_since(connection, seen.newest, _ON_GROUPS, {*names, ""})
    if acted or n - seen.n > GROWN * seen.n:
        raise GroupChangedError(seen, Seen(n, history.newest_action(connection)))
