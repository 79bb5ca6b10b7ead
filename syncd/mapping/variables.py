"""What a mapping may name: the variables of a lead, each a plain value or null.

Null is Python's None and means "nobody knows". A text of nothing but white space is null too, for a blank must
never overwrite what a salesperson typed; other texts are left as CTGO sent them.

An email and a LinkedIn URL come from what enriching answered, else from the listing, whose shape the vendor
does not document: it is read leniently. An address and its status are always from the same place.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from syncd.lead import Lead, utc_text
from syncd.names import Name, split_name

_NOT_IN_HANDLE = re.compile("[^A-Za-z0-9_]")


@dataclass(frozen=True, slots=True)
class Labels:
    """Names of campaigns, segments and tracked accounts (handles), by id. One that is not known is null."""

    streams: Mapping[int, str] = field(default_factory=dict)
    segments: Mapping[int, str] = field(default_factory=dict)
    accounts: Mapping[int, str] = field(default_factory=dict)


_NO_LABELS = Labels()


_CONTACT = frozenset({"email", "linkedin", "linkedinUrl", "linkedin_url"})


class _Facts:
    """One lead while its variables are read; what several of them share is found once."""

    __slots__ = ("_contact", "_handle", "_name", "enrichment", "labels", "lead", "now", "profile")

    def __init__(
        self, lead: Lead, labels: Labels, enrichment: Mapping[str, Any] | None, now: float | None
    ) -> None:
        self.lead, self.labels, self.enrichment, self.now = lead, labels, enrichment, now
        self.profile = lead.profile
        self._contact: list[dict[str, Any]] | None = None
        self._name: Name | None = None
        self._handle: str | None = ""

    @property
    def contact(self) -> list[dict[str, Any]]:
        """Where contact data may be, best first."""
        if self._contact is None:
            raw = self.lead.raw
            self._contact = []
            for place in (self.enrichment, raw, raw.get("profile")):
                if isinstance(place, dict) and not place.keys().isdisjoint(_CONTACT):
                    self._contact.append(place)
        return self._contact

    @property
    def name(self) -> Name:
        """First and last name."""
        if self._name is None:
            self._name = split_name(self.profile.display_name)
        return self._name

    @property
    def handle(self) -> str | None:
        """Without the @."""
        if self._handle == "":
            handle = self.profile.handle
            self._handle = handle.strip().removeprefix("@") or None if handle else None
        return self._handle


def _filled(text: str | None) -> str | None:
    return None if text is None or not text or text.isspace() else text


def _trimmed(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _label(known: Mapping[int, str], number: int | None) -> str | None:
    return None if number is None else _filled(known.get(number))


def _x_url(facts: _Facts) -> str | None:
    handle = facts.handle
    if not handle:
        return None
    plain = handle.isascii() and handle.replace("_", "a").isalnum()
    return f"https://x.com/{handle if plain else _NOT_IN_HANDLE.sub(_percent, handle)}"


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "replace"))


def _email(facts: _Facts) -> tuple[str | None, str | None]:
    """Address and status."""
    for holder in facts.contact:
        found = holder.get("email")
        # Enriching answers with an object; what a listing would show is not documented: then beside the address
        address, status = (
            (found.get("address"), found.get("status"))
            if isinstance(found, Mapping)
            else (found, holder.get("emailStatus", holder.get("email_status")))
        )
        address = _trimmed(address)
        if address and "@" in address:  # "n/a" and the like would have a CRM refuse the whole contact
            return address, _trimmed(status)
    return None, None


def _email_domain(facts: _Facts) -> str | None:
    address = _email(facts)[0] or ""
    return address.rpartition("@")[2].strip().lower() or None


def _linkedin_url(facts: _Facts) -> str | None:
    for holder in facts.contact:
        inner = holder.get("linkedin")
        nested = inner.get("url") if isinstance(inner, Mapping) else None
        for found in (nested, holder.get("linkedinUrl"), holder.get("linkedin_url")):
            if url := _trimmed(found):
                return url
    return None


_PLAIN: Mapping[str, str] = MappingProxyType(
    {
        "id": "id",
        "stream_id": "stream_id",
        "segment_id": "segment_id",
        "account_id": "account_id",
        "follower_count": "profile.follower_count",
        "raw": "raw",
    }
)
"""Variables that are an attribute of the lead as it is."""

_TEXT: Mapping[str, str] = MappingProxyType(
    {
        "match_confidence": "match_confidence",
        "source_type": "source_type",
        "display_name": "profile.display_name",
        "bio": "profile.bio",
        "image_url": "profile.image_url",
        "x_user_id": "profile.x_user_id",
    }
)
"""Variables that are a text attribute of the lead, or null where that is blank."""

_READ: Mapping[str, Callable[[_Facts], object]] = MappingProxyType(
    {
        "stream_name": lambda of: _label(of.labels.streams, of.lead.stream_id),
        "segment_name": lambda of: _label(of.labels.segments, of.lead.segment_id),
        "account_handle": lambda of: _label(of.labels.accounts, of.lead.account_id),
        "discovered_at": lambda of: utc_text(of.lead.discovered_at),
        "handle": lambda of: of.handle,
        "first_name": lambda of: of.name.first,
        "last_name": lambda of: of.name.last,
        "x_url": _x_url,
        "email": lambda of: _email(of)[0],
        "email_status": lambda of: _email(of)[1],
        "email_domain": _email_domain,
        "linkedin_url": _linkedin_url,
        "synced_at": lambda of: None if of.now is None else utc_text(of.now),
    }
)
"""Variables that are worked out."""

VARIABLES: tuple[str, ...] = (
    "id", "stream_id", "stream_name", "segment_id", "segment_name", "account_id", "account_handle", "match_confidence",
    "source_type", "discovered_at", "handle", "display_name", "first_name", "last_name", "bio", "follower_count",
    "image_url", "x_user_id", "x_url", "email", "email_status", "email_domain", "linkedin_url", "raw", "synced_at",
)  # fmt: skip
"""Every variable, in the order of the documentation."""


_Read = Callable[[Lead, _Facts], dict[str, object]]


@lru_cache(maxsize=64)
def _reader(names: frozenset[str]) -> _Read:
    """A function that reads these variables, compiled: one dictionary expression, for it is run once a lead.

    Raises KeyError for a name that is no variable.
    """
    wanted = [name for name in VARIABLES if name in names]
    if unknown := names.difference(wanted):
        raise KeyError(min(unknown))
    items = ", ".join(f"{name!r}: {_expression(name)}" for name in wanted)
    read: _Read = eval(f"lambda lead, facts: {{{items}}}", dict(_READ))  # noqa: S307 - words of our own
    return read


def _expression(name: str) -> str:
    """How a variable is read from `lead` and `facts`. Those that are worked out stand by their names."""
    if name in _PLAIN:
        return f"lead.{_PLAIN[name]}"
    if name in _TEXT:
        text = f"lead.{_TEXT[name]}"
        return f"{text} if {text} and not {text}.isspace() else None"
    return f"{name}(facts)"


def variables(
    lead: Lead,
    labels: Labels = _NO_LABELS,
    enrichment: Mapping[str, Any] | None = None,
    names: Collection[str] = VARIABLES,
    now: float | None = None,
) -> dict[str, object]:
    """The values of `names` for one lead; null is None. Raises KeyError for a name that is no variable.

    `enrichment` is the `result` of CTGO's enrich answer; `now`, seconds since the epoch, is what `synced_at` says. Only
    what is asked for is computed.
    """
    read = _reader(names if isinstance(names, frozenset) else frozenset(names))
    return read(lead, _Facts(lead, labels, enrichment, now))
