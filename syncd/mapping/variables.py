"""What a mapping may name: the variables of a lead, each a plain value or null.

Null is Python's None and means "nobody knows". A text of nothing but white space is null too, for a blank must
never overwrite what a salesperson typed; other texts are left as CTGO sent them.

An email and a LinkedIn URL come from what enriching answered, else from the listing, whose shape the vendor
does not document: it is read leniently. An address and its status are always from the same place.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

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
    """Where contact data may be, best first."""
    return [
        place
        for place in (enrichment, raw, raw.get("profile"))
        if isinstance(place, dict)
        and ("email" in place or "linkedin" in place or "linkedinUrl" in place or "linkedin_url" in place)
    ]


def _bare(handle: str | None) -> str | None:
    """A handle without the @."""
    return handle.strip().removeprefix("@") or None if handle else None


def _trimmed(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _label(known: Mapping[int, str], number: int | None) -> str | None:
    name = None if number is None else known.get(number)
    return None if not name or name.isspace() else name


def _x_url(handle: str | None) -> str | None:
    if not handle:
        return None
    plain = handle.isascii() and handle.replace("_", "a").isalnum()
    return f"https://x.com/{handle if plain else _NOT_IN_HANDLE.sub(_percent, handle)}"


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "replace"))


def _email(contact: list[dict[str, Any]]) -> tuple[str | None, str | None]:
    """Address and status."""
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


_TEXTS = frozenset({"match_confidence", "source_type", "display_name", "bio", "image_url", "x_user_id"})
"""Variables that are a text of the lead, or null where that is blank."""

_NUMBERS = frozenset({"id", "stream_id", "segment_id", "account_id", "follower_count"})
"""Variables that are a whole number, or null."""

_SHARED: Mapping[str, str] = MappingProxyType(
    {
        "bare_handle": "_bare(handle)",
        "name": "split_name(display_name)",
        "contact": "_contact(raw, enrichment)",
    }
)
"""What several variables are read from, found once a lead."""

_WORDS: Mapping[str, Any] = MappingProxyType(
    {"UNDATED": UNDATED}
    | {
        word.__name__: word
        for word in (
            _bare,
            _contact,
            _email,
            _email_domain,
            _label,
            _linkedin_url,
            _x_url,
            split_name,
            utc_text,
        )
    }
)
"""Functions that `_SHARED` and `_READ` speak of."""

_READ: Mapping[str, str] = MappingProxyType(
    {
        "id": "key.id",
        "stream_id": "stream_id",
        "stream_name": "_label(labels.streams, stream_id)",
        "segment_id": "segment_id",
        "segment_name": "_label(labels.segments, segment_id)",
        "account_id": "account_id",
        "account_handle": "_label(labels.accounts, account_id)",
        "match_confidence": "match_confidence",
        "source_type": "source_type",
        "discovered_at": "None if discovered_at is UNDATED else utc_text(discovered_at)",
        "handle": "bare_handle",
        "display_name": "display_name",
        "first_name": "name.first",
        "last_name": "name.last",
        "bio": "bio",
        "follower_count": "follower_count",
        "image_url": "image_url",
        "x_user_id": "x_user_id",
        "x_url": "_x_url(bare_handle)",
        "email": "_email(contact)[0] if contact else None",
        "email_status": "_email(contact)[1] if contact else None",
        "email_domain": "_email_domain(contact)",
        "linkedin_url": "_linkedin_url(contact) if contact else None",
        "raw": "raw",
        "synced_at": "None if now is None else utc_text(now)",
    }
)
"""How each variable is read, in the order of the documentation.

Python over the members of a lead and of its profile, `_SHARED`, and what else `variables` is given.
"""

VARIABLES: tuple[str, ...] = tuple(_READ)
"""Every variable, in the order of the documentation."""


class _Read(Protocol):
    """Reads the variables that it was compiled for."""

    def __call__(
        self, lead: Lead, labels: Labels, enrichment: Mapping[str, Any] | None, now: float | None, /
    ) -> dict[str, object]: ...


@lru_cache(maxsize=64)
def _reader(names: frozenset[str]) -> _Read:
    """One function for a set of variables, compiled: it is run once a lead, and half the time would go into calling others.

    Raises KeyError for a name that is no variable.
    """
    if unknown := names.difference(VARIABLES):
        raise KeyError(min(unknown))
    values = {
        name: _blank_is_null(_READ[name]) if name in _TEXTS else _READ[name]
        for name in _READ
        if name in names
    }
    items = ", ".join(f"{name!r}: {value}" for name, value in values.items())
    read: _Read = _compiled([f" return {{{items}}}"])
    return read


def _compiled(body: Sequence[str]) -> Any:
    """A function over a lead, of these lines."""
    said = "\n".join(body)
    shared = [f" {part} = {how}" for part, how in _SHARED.items() if re.search(rf"\b{part}\b", said)]
    # Members by their names: to look each up in the lead, and some twice, would be a tenth of the work
    members = [f" {', '.join(Lead._fields)} = lead", f" {', '.join(Profile._fields)} = profile"]
    source = "\n".join(["def read(lead, labels, enrichment, now, /):", *members, *shared, said])
    scope: dict[str, Any] = {}
    exec(source, dict(_WORDS), scope)  # noqa: S102 - words of this file, no operator's
    return scope["read"]


ReadFields = Callable[[Lead, Labels, Mapping[str, Any] | None, float | None], dict[str, object] | None]
"""Reads the fields that it was compiled for, each a variable; None where one of them is too long."""


def fields_reader(fields: Sequence[tuple[str, str]], longest: int) -> ReadFields | None:
    """One function for fields that are a variable each, given by name, nulls and blanks left out; None for `raw`.

    To read the variables first and make fields of them then would take half as long again.
    """
    if any(key == "raw" for _, key in fields):
        return None
    lines = [" result = {}"]
    for name, key in fields:
        # All texts but the lead's own are trimmed where they are read
        blank = " and not value.isspace()" if key in _TEXTS else ""
        wanted = "value is not None" if key in _NUMBERS else f"value{blank}"
        lines += [f" value = {_READ[key]}", f" if {wanted}:"]
        lines += [] if key in _NUMBERS else [f"  if len(value) > {longest}: return None"]
        lines.append(f"  result[{name!r}] = value")
    read: ReadFields = _compiled([*lines, " return result"])
    return read


def _blank_is_null(text: str) -> str:
    return f"{text} if {text} and not {text}.isspace() else None"


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
    return read(lead, labels, enrichment, now)
