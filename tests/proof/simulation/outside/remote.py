"""The protocol of the remotes of a world, for its script and for the oracle from outside."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

App = Callable[..., Iterable[bytes]]
Readings = Mapping[str, object]
"""Where a vendor's page is silent: how this remote reads the page, by name."""
Row = Mapping[str, Any]
"""A row of a listing, as CTGO's API shows it."""
LeadId = tuple[int, int, int]
"""A row's id, campaign and segment; 0 for a part that is absent."""


class Remote(Protocol):
    """A program behind a host name. It outlives every process of syncd."""

    @property
    def readings(self) -> Readings:
        """How it reads what its vendor leaves open."""

    @property
    def app(self) -> App:
        """The WSGI app."""

    def live(self) -> None:
        """Let other people, and the vendor, do something to it: its own weather."""

    def calm(self) -> None:
        """End its own weather; poisoned people and locked records are sound again."""

    def revoke(self) -> None:
        """Refuse the credentials from now on."""

    def give_back(self) -> None:
        """Take the credentials again."""


class Ctgo(Remote, Protocol):
    """One account of CTGO."""

    def add(self, count: int) -> Sequence[int]:
        """Find new leads now; return their ids."""

    def people_of(self, ids: Sequence[int]) -> list[str]:
        """Return the X ids of the people of these leads; empty for one without a profile."""

    def rows(self) -> Iterable[Row]:
        """Return each row that it ever listed, and that is there still."""

    def new(self) -> Collection[int]:
        """Return the ids of `lifecycle=new`."""


class Crm(Remote, Protocol):
    """One account of a CRM."""

    def people(self) -> Counter[str]:
        """Count the records of each person, by our external id. Records that other people made do not count."""

    def held(self) -> Collection[str]:
        """Return all people whose record it ever held, also if somebody deleted or merged the record since."""

    def poison(self, person: str) -> None:
        """Refuse this person's records, as a validation rule does."""

    def refuses(self, row: Row) -> bool:
        """Tell if it refuses the record of this row's person, by a choice of its own that outlives all faults."""

    def lock(self, person: str) -> None:
        """Keep this person's record locked until `calm`, or refuse it where there are no locks."""

    def mark(self, person: str, value: str) -> bool:
        """Have a salesperson set a person's status; return False if the person is not there."""

    def expire(self) -> None:
        """End sessions, where it has some."""

    def forget_rows(self, n: int) -> None:
        """Leave so many rows out of the next answer to a batch."""

    def new_day(self) -> None:
        """Begin daily allocations anew."""


def lead_id(row: Row) -> LeadId | None:
    """Read a row's id, campaign and segment; None if one of them is no id."""
    parts = (row.get("id"), row.get("streamId") or 0, row.get("segmentId") or 0)
    if not all(type(part) is int and part.bit_length() < 64 for part in parts) or not parts[0]:
        return None  # also a number that no ledger can hold: such a row is quarantined
    return parts  # type: ignore[return-value]  # it was just looked at


def person_of(row: Row) -> str:
    """Return the X id of a row's person; a row without one stands for itself."""
    profile = row.get("profile")
    known = profile.get("xUserId") if isinstance(profile, dict) else None
    return str(known) if known else f"lead-{row.get('id')}"
