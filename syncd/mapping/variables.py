"""What a mapping may name: the variables of a lead, each a plain value or null.

Null is Python's None and means "nobody knows". A text of nothing but white space is null too, for a blank must
never overwrite what a salesperson typed; other texts are left as CTGO sent them.

An email and a LinkedIn URL come from what enriching answered, else from the listing, whose shape the vendor
does not document: it is read leniently. An address and its status are always from the same place.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from syncd.lead import Lead, utc_text
from syncd.names import split_name

_NOT_IN_HANDLE = re.compile("[^A-Za-z0-9_]")


@dataclass(frozen=True, slots=True)
class Labels:
    """Names of campaigns, segments and tracked accounts (handles), by id; where one is absent the id stands in."""

    streams: Mapping[int, str] = field(default_factory=dict)
    segments: Mapping[int, str] = field(default_factory=dict)
    accounts: Mapping[int, str] = field(default_factory=dict)


_NO_LABELS = Labels()


@dataclass(frozen=True, slots=True)
class _Facts:
    lead: Lead
    labels: Labels
    enrichment: Mapping[str, Any] | None


def _filled(text: str | None) -> str | None:
    return None if text is None or not text or text.isspace() else text


def _trimmed(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _label(known: Mapping[int, str], number: int | None) -> str | None:
    return None if number is None else _filled(known.get(number)) or str(number)


def _handle(facts: _Facts) -> str | None:
    handle = facts.lead.profile.handle
    return handle.strip().removeprefix("@") or None if handle else None


def _x_url(facts: _Facts) -> str | None:
    handle = _handle(facts)
    return f"https://x.com/{_NOT_IN_HANDLE.sub(_percent, handle)}" if handle else None


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "replace"))


_CONTACT = frozenset({"email", "linkedin", "linkedinUrl", "linkedin_url"})


def _holders(facts: _Facts) -> Iterator[Mapping[str, Any]]:
    """Where contact data may be, best first."""
    raw = facts.lead.raw
    for holder in (facts.enrichment, raw, raw.get("profile")):
        if isinstance(holder, dict) and not _CONTACT.isdisjoint(holder):
            yield holder


def _email(facts: _Facts) -> tuple[str | None, str | None]:
    """Address and status."""
    for holder in _holders(facts):
        found = holder.get("email")
        address, status = (
            (found.get("address"), found.get("status")) if isinstance(found, Mapping) else (found, None)
        )
        address = _trimmed(address)
        if address and "@" in address:  # "n/a" and the like would have a CRM refuse the whole contact
            return address, _trimmed(status)
    return None, None


def _email_domain(facts: _Facts) -> str | None:
    address = _email(facts)[0] or ""
    return address.rpartition("@")[2].strip().lower() or None


def _linkedin_url(facts: _Facts) -> str | None:
    for holder in _holders(facts):
        inner = holder.get("linkedin")
        nested = inner.get("url") if isinstance(inner, Mapping) else None
        for found in (nested, holder.get("linkedinUrl"), holder.get("linkedin_url")):
            if url := _trimmed(found):
                return url
    return None


_READ: Mapping[str, Callable[[_Facts], object]] = MappingProxyType(
    {
        "id": lambda of: of.lead.id,
        "stream_id": lambda of: of.lead.stream_id,
        "stream_name": lambda of: _label(of.labels.streams, of.lead.stream_id),
        "segment_id": lambda of: of.lead.segment_id,
        "segment_name": lambda of: _label(of.labels.segments, of.lead.segment_id),
        "account_id": lambda of: of.lead.account_id,
        "account_handle": lambda of: _label(of.labels.accounts, of.lead.account_id),
        "match_confidence": lambda of: _filled(of.lead.match_confidence),
        "source_type": lambda of: _filled(of.lead.source_type),
        "discovered_at": lambda of: utc_text(of.lead.discovered_at),
        "handle": _handle,
        "display_name": lambda of: _filled(of.lead.profile.display_name),
        "first_name": lambda of: split_name(of.lead.profile.display_name).first,
        "last_name": lambda of: split_name(of.lead.profile.display_name).last,
        "bio": lambda of: _filled(of.lead.profile.bio),
        "follower_count": lambda of: of.lead.profile.follower_count,
        "image_url": lambda of: _filled(of.lead.profile.image_url),
        "x_user_id": lambda of: _filled(of.lead.profile.x_user_id),
        "x_url": _x_url,
        "email": lambda of: _email(of)[0],
        "email_status": lambda of: _email(of)[1],
        "email_domain": _email_domain,
        "linkedin_url": _linkedin_url,
        "raw": lambda of: of.lead.raw,
    }
)

VARIABLES: tuple[str, ...] = tuple(_READ)
"""Every variable, in the order of the documentation."""


def variables(
    lead: Lead,
    labels: Labels = _NO_LABELS,
    enrichment: Mapping[str, Any] | None = None,
    names: Collection[str] = VARIABLES,
) -> dict[str, object]:
    """The values of `names` for one lead; null is None. Raises KeyError for a name that is no variable.

    `enrichment` is the `result` of CTGO's enrich answer. Only what is asked for is computed.
    """
    facts = _Facts(lead, labels, enrichment)
    return {name: _READ[name](facts) for name in names}
