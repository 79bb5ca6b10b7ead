"""A lead as CTGO lists it: one person, found for one campaign and one segment.

A row of a listing becomes a frozen `Lead` that keeps its raw payload, or a `Malformed` that keeps as much as
could be read. The vendor publishes no field table: every field but `id` and `discoveredAt` is optional here,
unknown fields are kept in `raw`, and a bad row never spoils its neighbours.

A lead's key is (source, id, streamId, segmentId), absent parts stored as 0: the same id may be listed once for
each campaign and segment. The person behind it is `profile.xUserId`.

This module decides what is a lead; it reads no clock and does no I/O.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, ValidationError
from pydantic_core import from_json, to_json

LARGEST_ID = 2**63 - 1
LARGEST_PAYLOAD = 256 * 1024
"""Bytes. CTGO's leads are under 1 KiB; one of this size is a fault, and is kept aside."""


_STRICT = json.JSONEncoder(allow_nan=False)


class LeadKey(NamedTuple):
    """What makes a row of a listing one and the same lead."""

    source: str
    id: int
    stream_id: int
    segment_id: int

    def __str__(self) -> str:
        return f"{self.id}/{self.stream_id}/{self.segment_id}"


class Profile(BaseModel):
    """The X profile inside a lead."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)

    x_user_id: str | None = Field(None, alias="xUserId")
    handle: str | None = None
    display_name: str | None = Field(None, alias="displayName")
    image_url: str | None = Field(None, alias="profileImageUrl")
    follower_count: int | None = Field(None, alias="followerCount", le=LARGEST_ID)
    bio: str | None = None


class Lead(BaseModel):
    """One row of a leads listing. Source: `GET /streams/{id}/leads`; nullability is read off samples."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)

    source: str
    id: int = Field(ge=1, le=LARGEST_ID)
    stream_id: int | None = Field(None, alias="streamId", ge=0, le=LARGEST_ID)
    segment_id: int | None = Field(None, alias="segmentId", ge=0, le=LARGEST_ID)
    account_id: int | None = Field(None, alias="trackedXAccountId", le=LARGEST_ID)
    match_confidence: str | None = Field(None, alias="matchConfidence")
    source_type: str | None = Field(None, alias="sourceType")
    discovered_at: datetime = Field(alias="discoveredAt")
    exported_at: datetime | None = Field(None, alias="exportedAt")
    profile: Profile
    raw: SkipValidation[Mapping[str, Any]]

    @cached_property
    def key(self) -> LeadKey:
        """The lead's key, absent parts 0."""
        return LeadKey(self.source, self.id, self.stream_id or 0, self.segment_id or 0)

    @property
    def person(self) -> str:
        """The stable X id of the person; a lead without one stands for itself."""
        return self.profile.x_user_id or f"lead-{self.id}"


@dataclass(frozen=True, slots=True)
class Malformed:
    """A row that is no lead, kept so that a person can see it. `key.id` is 0 when it had none: see `digest`."""

    key: LeadKey
    digest: str
    payload: str
    reason: str


def parse_lead(source: str, raw: object) -> tuple[Lead, str] | Malformed:
    """Read one row of a listing.

    Returns the lead with its payload as compact JSON text, or the row as `Malformed`.
    """
    try:
        encoded = to_json(raw)
        if b"NaN" in encoded or b"Infinity" in encoded:
            _STRICT.encode(raw)  # raises if it is the number and not the word
    except (ValueError, RecursionError):  # lone surrogates, NaN, a nesting without end
        return _malformed(source, raw, "it holds text or numbers that are not valid JSON")
    if len(encoded) > LARGEST_PAYLOAD:
        return _malformed(source, raw, f"it is {len(encoded)} bytes long")
    payload = encoded.decode()
    if "\\u0000" in payload:
        return _malformed(source, raw, "it holds NUL characters")
    if not isinstance(raw, dict):
        return _malformed(source, raw, "it is not an object")
    return _validated(source, raw, payload)


def read_lead(source: str, payload: str) -> Lead:
    """The lead of a payload that `parse_lead` returned earlier. Raises ValueError for any other text."""
    parsed = _validated(source, from_json(payload), payload)
    if isinstance(parsed, Malformed):
        raise ValueError(parsed.reason)  # noqa: TRY004 - a wrong value, wherever it came from
    return parsed[0]


def _validated(source: str, raw: dict[str, Any], payload: str) -> tuple[Lead, str] | Malformed:
    try:
        lead = Lead.model_validate({**raw, "source": source, "raw": raw})
        found = lead.discovered_at
        odd = found.tzinfo is None or lead.exported_at is not None or not 1 < found.year < MAXYEAR
        return (_in_utc(lead) if odd else lead), payload
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return _malformed(source, raw, f"{where}: {first['msg']}")
    except (OverflowError, RecursionError):
        return _malformed(source, raw, "it holds a number that is too large, or a time outside the calendar")


def _in_utc(lead: Lead) -> Lead:
    """Times without a zone are UTC, as all of CTGO's are. Raises OverflowError for one that no calendar holds.

    A check after the fact rather than a validator: called for each of 50,000 leads, a validator shows.
    """
    times = {name: moment for name in ("discovered_at", "exported_at") if (moment := getattr(lead, name))}
    return lead.model_copy(
        update={
            name: moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
            for name, moment in times.items()
        }
    )


def _malformed(source: str, raw: object, reason: str) -> Malformed:
    row = raw if isinstance(raw, dict) else {}
    lead_id = _number(row.get("id"))
    key = LeadKey(source, lead_id, _number(row.get("streamId")), _number(row.get("segmentId")))
    try:
        payload = json.dumps(raw, separators=(",", ":"))  # ASCII: nothing in it can fail to be stored
    except (ValueError, RecursionError):
        payload = "null"
    return Malformed(key, "" if lead_id else identity(row, payload), payload[:LARGEST_PAYLOAD], reason)


def _number(value: object) -> int:
    """An id if it can be read as one, else 0."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < len(str(LARGEST_ID)):
        value = int(value)
    fits = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST_ID
    return value if fits and isinstance(value, int) else 0


def identity(row: Mapping[str, Any], payload: str = "") -> str:
    """What tells one row without an id from another: who and when, so that a changing bio makes no new row.

    The same lead, listed whole later, has the same. `payload` stands in for a row that says neither.
    """
    profile = row.get("profile")
    who = profile.get("xUserId") or profile.get("handle") if isinstance(profile, dict) else None
    said = repr((who, row.get("discoveredAt"))) if who else payload
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()


def utc_text(instant: datetime | float) -> str:
    """An instant as people and CTGO write it: `2026-06-11T07:15:00Z`, with a fraction only if there is one."""
    moment = (
        datetime.fromtimestamp(instant, UTC) if isinstance(instant, int | float) else instant.astimezone(UTC)
    )
    return moment.isoformat().replace("+00:00", "Z")
