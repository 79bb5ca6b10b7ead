"""One row of a listing: a person found through one pair of a campaign, and how the API shows it."""

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
    """A lead as CTGO keeps it. Several rows may share an `id`, and several ids a person.

    Attributes:
        sequence: Unique; rows of one instant are listed by it.
        discovered: Epoch seconds, in the precision in which they are shown.
        listed_from: Epoch seconds from which listings show it.
        flaw: A name of `FLAWS`, or None for a lead of the documented shape.
        changes: Members set over the generated ones; those of `profile` are set into the profile.
        exported: Epoch seconds, or None while new.
        listed: Whether listings show it by now.
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
        """What `lifecycle=` selects it by."""
        return "new" if self.exported is None else "exported"

    def change(self, changes: dict[str, Any]) -> None:
        """Set members over the generated ones, as if the vendor had learned better."""
        profile = {**self.changes.get("profile", {}), **changes.get("profile", {})}
        self.changes = {**self.changes, **changes, **({"profile": profile} if profile else {})}
        self._text = None

    def mark_exported(self, instant: float | None) -> None:
        """Set `exportedAt`."""
        self.exported = instant
        self._text = None

    def text(self, options: Options) -> str:
        """Its JSON, kept until something changes: a page of 500 is a join."""
        if self._text is None:
            self._text = dumps(self.payload(options))
        return self._text

    def payload(self, options: Options) -> Any:
        """Its JSON as Python values; an object unless a flaw made it something else."""
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
    """Compact JSON in UTF-8 as JavaScript writes it; half a surrogate pair can only be escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if text.isascii() or _encodes(text) else json.dumps(value, separators=(",", ":"))


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
