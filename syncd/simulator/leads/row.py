"""One row of a listing: a person that one pair of a campaign found."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from syncd.simulator.instants import iso
from syncd.simulator.leads.bad_data import FLAWS
from syncd.simulator.leads.people import Person
from syncd.simulator.options import Options

Lifecycle = Literal["new", "exported"]


@dataclass(slots=True, eq=False)
class Row:
    """A lead as CTGO stores it. Rows may share an `id`, and ids may share a person.

    Attributes:
        sequence: Unique number that orders the rows of one instant.
        discovered: Epoch seconds in the shown precision.
        listed_from: Epoch seconds at which listings begin to show the row.
        flaw: A name of `FLAWS`, or None for the documented shape.
        changes: Members that replace generated ones; those of `profile` go into the profile.
        exported: Epoch seconds of the export, or None.
        listed: Listings show the row.
    """

    sequence: int
    id: int
    stream_id: int
    account_id: int
    segment_id: int | None
    confidence: str | None
    person: Person
    discovered: float
    listed_from: float
    flaw: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    exported: float | None = None
    listed: bool = False
    key: tuple[float, int] = field(init=False)
    _text: str | None = None

    def __post_init__(self) -> None:
        self.key = (self.discovered, self.sequence)

    @property
    def lifecycle(self) -> Lifecycle:
        """The value of `lifecycle=` that selects the row."""
        return "new" if self.exported is None else "exported"

    def change(self, changes: dict[str, Any]) -> None:
        """Replace generated members, as if the vendor corrected the lead."""
        profile = {**self.changes.get("profile", {}), **changes.get("profile", {})}
        self.changes = {**self.changes, **changes, **({"profile": profile} if profile else {})}
        self._text = None

    def mark_exported(self, instant: float | None) -> None:
        """Set `exportedAt`."""
        self.exported = instant
        self._text = None

    def text(self, options: Options) -> str:
        """Return the row as JSON text. The text is cached until a change, so a page of 500 is one join."""
        if self._text is None:
            self._text = dumps(self.payload(options))
        return self._text

    def payload(self, options: Options) -> Any:
        """Return the row as JSON values: an object, unless a flaw replaces it."""
        person = self.person
        shown: dict[str, Any] = {
            "id": self.id,
            "streamId": self.stream_id,
            "trackedXAccountId": self.account_id,
            "segmentId": self.segment_id,
            "matchConfidence": self.confidence,
            "sourceType": "new_follower",
            "discoveredAt": iso(self.discovered, options.times),
            "exportedAt": None if self.exported is None else iso(self.exported, options.times),
            "profile": {
                "xUserId": person.x_user_id,
                "handle": person.handle,
                "displayName": person.name,
                "profileImageUrl": person.image,
                "followerCount": person.followers,
                "bio": person.bio,
            },
        }
        if options.contact_in_listings != "no":
            holder = shown if options.contact_in_listings == "lead" else shown["profile"]
            status = person.email_status if person.email else None
            holder.update(email=person.email, emailStatus=status, linkedinUrl=person.linkedin)
        changed = {
            **shown,
            **self.changes,
            "profile": {**shown["profile"], **self.changes.get("profile", {})},
        }
        return FLAWS[self.flaw](changed) if self.flaw else changed


def dumps(value: Any) -> str:
    """Write compact JSON in UTF-8, as JavaScript does. Only a lone surrogate is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if text.isascii() or _encodes(text) else json.dumps(value, separators=(",", ":"))


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
