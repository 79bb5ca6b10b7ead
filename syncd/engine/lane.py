"""What a lane is to those who run it."""

from typing import NamedTuple, Protocol


class Next(NamedTuple):
    """When a lane wants to be stepped again.

    `wait`: seconds; 0 at once, None not before something wakes it. `trouble`: the code of what is wrong, empty when
    the wait is only pacing or there is nothing to do.
    """

    wait: float | None
    trouble: str = ""


AGAIN = Next(0.0)
IDLE = Next(None)


class Lane(Protocol):
    """A lane as its runner sees it. `kind` is deliver, hear, pull, export, enrich, names or feedback; `name` the connector's or the source's."""

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102

    def step(self) -> Next:
        """Do what may be done now. Raises LedgerError when the ledger cannot be used, anything else for a bug."""
        ...
