"""A lead as CTGO lists it: one person, found for one campaign and one segment.

A row of a listing becomes a frozen `Lead` that keeps its raw payload. The vendor publishes no field table: every field but
`id` is optional here, unknown fields are kept in `raw`, and a bad row never spoils its neighbours. A field of another type
than expected costs that field; text is cleaned as `syncd.core.texts` says. Only a row that does not say which lead it is, for
which campaign and about whom, becomes a `Malformed`, which keeps as much as could be read.

A lead's key is (source, id, streamId, segmentId), absent parts stored as 0: the same id may be listed once for
each campaign and segment. The person behind it is `profile.xUserId`.

This module decides what is a lead; it reads no clock and does no I/O.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import from_json, to_json

from syncd.core.texts import clean, is_clean

LARGEST_ID = 2**63 - 1
LARGEST_PAYLOAD = 256 * 1024
"""Bytes. CTGO's leads are under 1 KiB; of a larger one, what is known is kept, and of the rest the smallest."""
UNDATED = datetime.fromtimestamp(0, UTC)
"""The time of a lead whose `discoveredAt` is absent or cannot be read: before all others, and null in a mapping."""

_STRICT = json.JSONEncoder(allow_nan=False)
_COMPACT = (",", ":")


class LeadKey(NamedTuple):
    """The key of a lead: rows of a listing with one key are one lead."""

    source: str
    id: int
    stream_id: int
    segment_id: int

    def __str__(self) -> str:
        return f"{self.id}/{self.stream_id}/{self.segment_id}"


class Profile(NamedTuple):
    """The X profile inside a lead."""

    x_user_id: str | None = None
    handle: str | None = None
    display_name: str | None = None
    image_url: str | None = None
    follower_count: int | None = None
    bio: str | None = None


class Lead(NamedTuple):
    """One row of a leads listing. Source: `GET /streams/{id}/leads`; nullability is read off samples. Times are UTC."""

    key: LeadKey
    stream_id: int | None
    segment_id: int | None
    account_id: int | None
    match_confidence: str | None
    source_type: str | None
    discovered_at: datetime
    exported_at: datetime | None
    profile: Profile
    raw: Mapping[str, Any]

    @property
    def source(self) -> str:
        """The source that listed it."""
        return self.key.source

    @property
    def id(self) -> int:
        """CTGO's number, used in `/leads/{id}/...`."""
        return self.key.id

    @property
    def person(self) -> str:
        """The stable X id of the person; a lead without one stands for itself."""
        return self.profile.x_user_id or f"lead-{self.key.id}"


@dataclass(frozen=True, slots=True)
class Malformed:
    """A row that is no lead, kept so that a person can see it. `key.id` is 0 when it had none: see `digest`."""

    key: LeadKey
    digest: str
    payload: str
    reason: str


_Number = Annotated[int, Field(le=LARGEST_ID)]
_ODD = ConfigDict(extra="ignore", coerce_numbers_to_str=True, alias_generator=to_camel)


class ProfileRow(BaseModel):
    """A profile as it may come: see `Row`."""

    model_config = _ODD

    x_user_id: str | None = None
    handle: str | None = None
    display_name: str | None = None
    profile_image_url: str | None = None
    follower_count: _Number | None = None
    bio: str | None = None


class Row(BaseModel):
    """A row as it may come: numbers as text, ids of people as numbers, times with any zone or none."""

    model_config = _ODD

    id: int = Field(ge=1, le=LARGEST_ID)
    stream_id: int | None = Field(None, ge=0, le=LARGEST_ID)
    segment_id: int | None = Field(None, ge=0, le=LARGEST_ID)
    tracked_x_account_id: _Number | None = None
    match_confidence: str | None = None
    source_type: str | None = None
    discovered_at: datetime | None = None
    exported_at: datetime | None = None
    profile: ProfileRow


_NEEDED = frozenset({("id",), ("streamId",), ("segmentId",), ("profile",), ("profile", "xUserId")})
"""Fields that say which lead it is, for which campaign and about whom. Any other of a type that nobody foresaw is absent."""


def _in_utc(moment: datetime | None) -> datetime | None:
    """A time without a zone is UTC, as all of CTGO's are. One at the ends of the calendar is absent."""
    if moment is None or moment.tzinfo is None:
        return moment and moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return None


def parse_lead(source: str, raw: object) -> tuple[Lead, str] | Malformed:
    """Read one row of a listing.

    Returns the lead with its payload as compact JSON text, which `read_lead` reads alike, or the row as `Malformed`. What
    the payload holds is the row as it came, as far as JSON has it; the lead's own texts, `raw` among them, are clean.
    """
    encoded = _encoded(raw)
    if encoded is not None and is_clean(encoded):
        return _validated(source, raw, raw, encoded.decode())
    row = clean(raw)
    kept = json.dumps(clean(raw, str), separators=_COMPACT)
    if len(kept) > LARGEST_PAYLOAD and isinstance(row, dict):
        row = _fitting(row)
        kept = json.dumps(row, separators=_COMPACT)
    return _validated(source, raw, row, kept)


def read_lead(source: str, payload: str) -> Lead:
    """Read the lead of a payload that `parse_lead` returned earlier. Raises ValueError for any other text."""
    try:
        raw = from_json(payload, cache_strings="keys")
    except ValueError:  # half of a surrogate pair
        raw = json.loads(payload)
    if not is_clean(payload.encode()):
        raw = clean(raw)
    parsed = _validated(source, raw, raw, payload)
    if isinstance(parsed, Malformed):
        raise ValueError(parsed.reason)  # noqa: TRY004 - a wrong value, wherever it came from
    return parsed[0]


def _encoded(raw: object) -> bytes | None:
    """A value as JSON in UTF-8; None for half of a surrogate pair, for NaN, infinities and a nesting without end."""
    try:
        encoded = to_json(raw)
        if b"NaN" in encoded or b"Infinity" in encoded:
            _STRICT.encode(raw)  # raises if it is the number and not a text
    except (ValueError, RecursionError):
        return None
    return encoded


def _validated(source: str, raw: object, row: object, payload: str) -> tuple[Lead, str] | Malformed:
    """Make the lead of a row. `raw`: the row as it came; `row`: it is clean."""
    if not isinstance(row, dict) or not isinstance(raw, dict):
        return _malformed(source, raw, "it is not an object")
    for name in ("id", "streamId", "segmentId"):
        if row.get(name) is None is not raw.get(name):
            return _malformed(source, raw, f"{name}: it cannot be read")
    try:
        lead = _lenient(source, row)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return _malformed(source, raw, f"{where}: {first['msg']}")
    if lead.profile.x_user_id is None is not raw["profile"].get("xUserId"):
        return _malformed(source, raw, "profile.xUserId: it cannot be read")
    return lead, payload


def _row(raw: dict[str, Any]) -> Row:
    """Read a row without the fields that nobody needs and that cannot be read. Raises ValidationError."""
    try:
        return Row.model_validate(raw)
    except ValidationError as error:
        odd = {
            one["loc"] for one in error.errors(include_url=False, include_context=False, include_input=False)
        }
        if odd & _NEEDED:
            raise
    profile = {name: value for name, value in raw["profile"].items() if ("profile", name) not in odd}
    return Row.model_validate(
        {name: value for name, value in raw.items() if (name,) not in odd} | {"profile": profile}
    )


def _lenient(source: str, raw: dict[str, Any]) -> Lead:
    """Raises ValidationError."""
    row = _row(raw)
    who = row.profile
    return Lead(
        LeadKey(source, row.id, row.stream_id or 0, row.segment_id or 0),
        row.stream_id,
        row.segment_id,
        row.tracked_x_account_id,
        row.match_confidence,
        row.source_type,
        _in_utc(row.discovered_at) or UNDATED,
        _in_utc(row.exported_at),
        Profile(
            who.x_user_id, who.handle, who.display_name, who.profile_image_url, who.follower_count, who.bio
        ),
        raw,
    )


def _fitting(row: dict[str, Any]) -> dict[str, Any]:
    """A clean row without the largest of its unknown parts, so that the rest can be kept."""
    if isinstance(row.get("profile"), dict):
        row = {**row, "profile": _trimmed(row["profile"], ProfileRow.model_fields)}
    return _trimmed(row, Row.model_fields)


def _trimmed(part: dict[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    """Keep the known members and the smallest of the others, as far as there is room: bytes of JSON in ASCII."""
    room = LARGEST_PAYLOAD // 2
    kept = {name: part[name] for name in map(to_camel, fields) if name in part}
    others = {name: len(json.dumps({name: part[name]})) for name in part.keys() - kept.keys()}
    for name, size in sorted(others.items(), key=itemgetter(1)):
        room -= size
        if room < 0:
            break
        kept[name] = part[name]
    return kept


def _malformed(source: str, raw: object, reason: str) -> Malformed:
    row = raw if isinstance(raw, dict) else {}
    lead_id = _number(row.get("id"))
    key = LeadKey(source, lead_id, _number(row.get("streamId")), _number(row.get("segmentId")))
    try:
        payload = json.dumps(raw, separators=_COMPACT)  # ASCII: nothing in it can fail to be stored
    except (ValueError, RecursionError):
        payload = "null"
    digest = "" if lead_id else identity(clean(row), payload)
    return Malformed(key, digest, payload[:LARGEST_PAYLOAD], reason)


def _number(value: object) -> int:
    """An id if it can be read as one, else 0."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < len(str(LARGEST_ID)):
        value = int(value)
    fits = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST_ID
    return value if fits and isinstance(value, int) else 0


def identity(row: Mapping[str, Any], payload: str = "") -> str:
    """Return the identity of a row without an id: person and time, so that a changed bio makes no new row.

    The same lead, complete in a later listing, has the same identity. `payload` stands in for a row that has neither.
    """
    profile = row.get("profile")
    who = profile.get("xUserId") or profile.get("handle") if isinstance(profile, dict) else None
    text = repr((who, row.get("discoveredAt"))) if who else payload
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def utc_text(instant: datetime | float) -> str:
    """An instant as people and CTGO write it: `2026-06-11T07:15:00Z`, with a fraction only if there is one."""
    moment = instant if isinstance(instant, datetime) else datetime.fromtimestamp(instant, UTC)
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat()[:-6] + "Z"
