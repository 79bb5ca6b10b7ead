"""What is asked of the org, for the modules that decide it, and for the one that asks."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

Where = Mapping[str, Sequence[str]]
"""Values by field, of which a record must match one."""


class Select(NamedTuple):
    """An object, the fields to ask for, and which records; `deleted`: also those in the recycle bin."""

    what: str
    fields: Sequence[str]
    where: Where
    deleted: bool = False

    @property
    def resource(self) -> str:
        """Of Salesforce's two for queries, the one that finds them."""
        return "queryAll" if self.deleted else "query"


class Asking(Protocol):
    """Of the wire, what looking records up needs."""

    def select(self, wanted: Select) -> list[Mapping[str, Any]]:
        """The records of an object that match. Raises Pause, Halt or Refused."""
        ...
