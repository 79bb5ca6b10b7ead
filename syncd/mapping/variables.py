"""The variables that a mapping may name, and texts of nothing but variables, as most fields are.

Each variable is a plain value of a lead, or null.
Null is Python's None and means "unknown". A text of nothing but white space is null too, for a blank must never overwrite a
salesperson's text; other texts stay as CTGO sent them.

An email and a LinkedIn URL come from the answer to enriching, else from the listing, whose shape CTGO does not document: it
is read leniently. An address and its status are always from the same place.
"""

import re
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from syncd.core.failure import Reject
from syncd.core.lead import UNDATED, Lead, Profile, utc_text
from syncd.mapping.display_name import split_name

_NOTHING: Mapping[int, str] = MappingProxyType({})
_NOT_IN_HANDLE = re.compile("[^A-Za-z0-9_]")


class Labels(NamedTuple):
    """Names of campaigns, segments and tracked accounts (handles), by id. One that is not known is null."""

    streams: Mapping[int, str] = _NOTHING
    segments: Mapping[int, str] = _NOTHING
    accounts: Mapping[int, str] = _NOTHING


_NO_LABELS = Labels()


def _contact(raw: Mapping[str, Any], enrichment: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Find the objects that may hold contact data, best first."""
    return [
        place
        for place in (enrichment, raw, raw.get("profile"))
        if isinstance(place, dict)
        and ("email" in place or "linkedin" in place or "linkedinUrl" in place or "linkedin_url" in place)
    ]


def _bare(handle: str | None) -> str | None:
    """Remove the @ of a handle."""
    return handle.strip().removeprefix("@") or None if handle else None


def _trimmed(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _unless_blank(text: str | None) -> str | None:
    return None if not text or text.isspace() else text


def _label(known: Mapping[int, str], number: int | None) -> str | None:
    return _unless_blank(None if number is None else known.get(number))


def x_url(handle: str | None) -> str | None:
    """Return the address of a profile on X; null for no handle."""
    handle = _bare(handle)
    if not handle:
        return None
    plain = handle.isascii() and handle.replace("_", "a").isalnum()
    return f"https://x.com/{handle if plain else _NOT_IN_HANDLE.sub(_percent, handle)}"


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "replace"))


def _email(contact: list[dict[str, Any]]) -> tuple[str | None, str | None]:
    """Find an address and its status."""
    for holder in contact:
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


def _email_domain(contact: list[dict[str, Any]]) -> str | None:
    address = _email(contact)[0] or ""
    return address.rpartition("@")[2].strip().lower() or None


def _linkedin_url(contact: list[dict[str, Any]]) -> str | None:
    for holder in contact:
        inner = holder.get("linkedin")
        nested = inner.get("url") if isinstance(inner, Mapping) else None
        for found in (nested, holder.get("linkedinUrl"), holder.get("linkedin_url")):
            if url := _trimmed(found):
                return url
    return None


@lru_cache(maxsize=1)
def _text_of(now: float) -> str:
    """Write the time of a batch, which all of its leads share."""
    return utc_text(now)


class _Given(NamedTuple):
    """A lead and all other data that its variables are read from."""

    lead: Lead
    profile: Profile
    labels: Labels
    contact: list[dict[str, Any]]
    now: float | None


class VariableSpec(NamedTuple):
    """A variable: the type of its value (`text`, `number` or `table`), its origin, its reader, and if it can be null.

    `origin` is `listing` or `enriching` with the path in CTGO's answer, one of CTGO's lists, or the clock.
    """

    type: str
    origin: str
    read: Callable[[_Given], object]
    can_be_null: bool = True


# fmt: off
SPECS: Mapping[str, VariableSpec] = MappingProxyType({
    "id": VariableSpec("number", "listing: id", lambda it: it.lead.key.id, can_be_null=False),
    "stream_id": VariableSpec("number", "listing: streamId", lambda it: it.lead.stream_id),
    "stream_name": VariableSpec("text", "CTGO's list of campaigns, by stream_id", lambda it: _label(it.labels.streams, it.lead.stream_id)),
    "segment_id": VariableSpec("number", "listing: segmentId", lambda it: it.lead.segment_id),
    "segment_name": VariableSpec("text", "CTGO's list of segments, by segment_id", lambda it: _label(it.labels.segments, it.lead.segment_id)),
    "account_id": VariableSpec("number", "listing: trackedXAccountId", lambda it: it.lead.account_id),
    "account_handle": VariableSpec("text", "CTGO's list of tracked accounts, by account_id", lambda it: _label(it.labels.accounts, it.lead.account_id)),
    "match_confidence": VariableSpec("text", "listing: matchConfidence", lambda it: _unless_blank(it.lead.match_confidence)),
    "source_type": VariableSpec("text", "listing: sourceType", lambda it: _unless_blank(it.lead.source_type)),
    "discovered_at": VariableSpec("text", "listing: discoveredAt", lambda it: None if it.lead.discovered_at is UNDATED else utc_text(it.lead.discovered_at)),
    "handle": VariableSpec("text", "listing: profile.handle", lambda it: _bare(it.profile.handle)),
    "display_name": VariableSpec("text", "listing: profile.displayName", lambda it: _unless_blank(it.profile.display_name)),
    "first_name": VariableSpec("text", "listing: profile.displayName", lambda it: split_name(it.profile.display_name).first),
    "last_name": VariableSpec("text", "listing: profile.displayName", lambda it: split_name(it.profile.display_name).last),
    "bio": VariableSpec("text", "listing: profile.bio", lambda it: _unless_blank(it.profile.bio)),
    "follower_count": VariableSpec("number", "listing: profile.followerCount", lambda it: it.profile.follower_count),
    "image_url": VariableSpec("text", "listing: profile.profileImageUrl", lambda it: _unless_blank(it.profile.image_url)),
    "x_user_id": VariableSpec("text", "listing: profile.xUserId", lambda it: _unless_blank(it.profile.x_user_id)),
    "x_url": VariableSpec("text", "listing: profile.handle", lambda it: x_url(it.profile.handle)),
    "email": VariableSpec("text", "enriching: email.address, else the listing", lambda it: _email(it.contact)[0]),
    "email_status": VariableSpec("text", "enriching: email.status, else the listing", lambda it: _email(it.contact)[1]),
    "email_domain": VariableSpec("text", "enriching: email.address, else the listing", lambda it: _email_domain(it.contact)),
    "linkedin_url": VariableSpec("text", "enriching: linkedin.url, else the listing", lambda it: _linkedin_url(it.contact)),
    "raw": VariableSpec("table", "listing: all of it", lambda it: it.lead.raw, can_be_null=False),
    "synced_at": VariableSpec("text", "clock: the time of the delivery", lambda it: None if it.now is None else _text_of(it.now), can_be_null=False),
})
# fmt: on
"""Every variable: all that the code reads and the documentation tells, in the order of the documentation."""

_READ = {name: spec.read for name, spec in SPECS.items()}

VARIABLES: tuple[str, ...] = tuple(SPECS)
"""The names of the variables."""


def variables(
    lead: Lead,
    labels: Labels = _NO_LABELS,
    enrichment: Mapping[str, Any] | None = None,
    names: Collection[str] = VARIABLES,
    now: float | None = None,
) -> dict[str, object]:
    """Read the values of `names` for one lead; null is None. Raises KeyError for a name that is no variable.

    `enrichment` is the `result` of CTGO's enrich answer; `now`, seconds since the epoch, becomes `synced_at`.
    """
    given = _Given(lead, lead.profile, labels, _contact(lead.raw, enrichment), now)
    return {name: _READ[name](given) for name in names}


LONGEST = 65_536
"""Characters of a field, and of a product or replacement inside one."""

_VARIABLE = re.compile(r"\{\{ *([a-z_]+) *\}\}")
_SPECIAL = frozenset("{}\r")
"""Characters with a meaning for Jinja2, which then must parse the text."""


class Variable(NamedTuple):
    """A part of a text that is one variable."""

    name: str


def plain_parts(text: str) -> list[str | Variable] | None:
    """Split a text into its non-empty parts; None if it holds more than known variables."""
    texts, names = (_VARIABLE.split(text)[first::2] for first in (0, 1))
    if not _SPECIAL.isdisjoint("".join(texts)) or not all(name in VARIABLES for name in names):
        return None
    parts: list[str | Variable] = [texts[0]]
    for name, after in zip(names, texts[1:], strict=True):
        parts += [Variable(name), after]
    return [part for part in parts if part]


def failed(field: str, reason: str) -> Reject:
    """Make the rejection of a lead for which a field cannot be evaluated."""
    return Reject("mapping_failed", f"field {field}: {reason}")
