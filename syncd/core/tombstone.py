"""Tombstones: they recognise a forgotten person who is listed again. Pure.

A tombstone is a keyed digest (HMAC-SHA256) of something that may be listed again. It does not show whom it stands for.
Whoever holds the key can ask about one person at a time, as a pull must. So the key lies in the ledger, beside the
tombstones: a restored ledger that could not read them would let the forgotten come back. One person leaves several:

- The person's X id, wherever and under whatever lead id it is listed.
- Each lead id of theirs: every row of an id is about one person.
- The digest of a row that had no id.
- The handle. It counts only against a row that has no X id, for handles change hands; but when the forgotten person had
  no X id themselves, it is all there is to go by, and counts against every row.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from syncd.core.lead import Lead, Malformed
from syncd.core.texts import bare, clean

WITHOUT_ID = "lead-"
"""Beginning of the person of a lead without an X id: see `Lead.person`."""


class Trace(NamedTuple):
    """One thing that a person may be recognised by."""

    kind: str
    value: str


class Sighting(NamedTuple):
    """The parts of a row that identify the person. Absent parts are empty."""

    source: str
    lead_id: int
    digest: str
    x_user_id: str
    handle: str


def new_key() -> str:
    """Make a key for tombstones."""
    return secrets.token_hex(32)


def left_by(sightings: Collection[Sighting]) -> set[Trace]:
    """Return the traces to keep tombstones of when the person behind these rows is forgotten."""
    nameless = not any(it.x_user_id for it in sightings)
    kinds = ("handle", "handle of anybody") if nameless else ("handle",)
    return {trace for it in sightings for trace in _traces(it, kinds)}


def carried_by(it: Sighting) -> set[Trace]:
    """Return the traces by which a listed row may be recognised as a forgotten person's."""
    return set(_traces(it, ("handle of anybody",) if it.x_user_id else ("handle", "handle of anybody")))


def spellings(handle: str) -> set[str]:
    """Return the spellings of a handle: bare, and unchanged as in earlier versions. Mostly they are one."""
    return {name for name in (bare(handle), handle.casefold()) if name}


def _traces(it: Sighting, handles: Sequence[str]) -> Iterator[Trace]:
    """`handles`: the kinds of traces that a handle leaves."""
    if it.x_user_id:
        yield Trace("person", it.x_user_id)
    if it.lead_id:
        yield Trace("lead", f"{it.source}\0{it.lead_id}")
    if it.digest:
        yield Trace("row", f"{it.source}\0{it.digest}")
    for handle in spellings(it.handle):
        yield from (Trace(kind, handle) for kind in handles)


def of_lead(lead: Lead) -> Sighting:
    """Read a sighting off a parsed lead."""
    return Sighting(lead.source, lead.id, "", lead.profile.x_user_id or "", lead.profile.handle or "")


def of_malformed(row: Malformed) -> Sighting:
    """Read a sighting off a row that is no lead, as far as it can be read."""
    profile = profile_of(row.payload)
    return Sighting(
        row.key.source, row.key.id, row.digest, _text(profile.get("xUserId")), _text(profile.get("handle"))
    )


def of_row(source: str, lead_id: int, digest: str, person: str, payload: str | None) -> Sighting:
    """Read a sighting off a row of the ledger."""
    profile = profile_of(payload)
    x_user_id = _text(profile.get("xUserId"))
    if person and not person.startswith(WITHOUT_ID):
        x_user_id = person
    return Sighting(source, lead_id, digest, x_user_id, _text(profile.get("handle")))


def profile_of(payload: str | None) -> Mapping[str, Any]:
    """The profile inside a stored payload, clean as a lead's is; empty when it cannot be read."""
    try:
        raw = json.loads(payload or "null")
    except (ValueError, RecursionError):
        return {}
    profile = clean(raw.get("profile")) if isinstance(raw, dict) else None
    return profile if isinstance(profile, dict) else {}


def marks(keys: Sequence[str], traces: Collection[Trace]) -> list[str]:
    """Return the tombstones of these traces under every key."""
    return [
        hmac.new(bytes.fromhex(key), "\0".join(trace).encode(), hashlib.sha256).hexdigest()
        for key in keys
        for trace in traces
    ]


def _text(value: object) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
