"""How a forgotten person is recognised when they are listed again: pure.

What is left of a person is a set of marks: keyed digests (HMAC-SHA256) of what may be listed again. A mark tells nobody
who it stands for, and whoever holds the key can ask about one person at a time, which is just what a pull must do. So the
key lives in the ledger, beside the marks, and goes wherever the ledger goes: a restored or replicated ledger that could
not read its marks would let the forgotten come back.

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
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from syncd.core.lead import Lead, Malformed
from syncd.core.texts import bare, clean

WITHOUT_ID = "lead-"
"""How the person of a lead without an X id begins: see `Lead.person`."""


class Trace(NamedTuple):
    """One thing that a person may be recognised by."""

    kind: str
    value: str


class Sighting(NamedTuple):
    """What a row says about who it is. Absent parts are empty."""

    source: str
    lead_id: int
    digest: str
    x_user_id: str
    handle: str


def new_key() -> str:
    """A key for marks."""
    return secrets.token_hex(32)


def mark(key: str, trace: Trace) -> str:
    """The keyed digest of a trace."""
    return hmac.new(bytes.fromhex(key), "\0".join(trace).encode(), hashlib.sha256).hexdigest()


def left_by(sightings: Collection[Sighting]) -> set[Trace]:
    """The traces to keep marks of when the person behind these rows is forgotten."""
    traces = set()
    nameless = not any(it.x_user_id for it in sightings)
    for it in sightings:
        traces |= _ids(it)
        for handle in spellings(it.handle):
            traces.add(Trace("handle", handle))
            if nameless:
                traces.add(Trace("handle of anybody", handle))
    return traces


def carried_by(it: Sighting) -> set[Trace]:
    """The traces that tell whether a listed row is about somebody who was forgotten."""
    traces = _ids(it)
    for handle in spellings(it.handle):
        traces.add(Trace("handle of anybody", handle))
        if not it.x_user_id:
            traces.add(Trace("handle", handle))
    return traces


def spellings(handle: str) -> set[str]:
    """What marks of a handle are made of: the bare one, and as it stands, which earlier versions took. Mostly they are one."""
    return {name for name in (bare(handle), handle.casefold()) if name}


def _ids(it: Sighting) -> set[Trace]:
    traces = set()
    if it.x_user_id:
        traces.add(Trace("person", it.x_user_id))
    if it.lead_id:
        traces.add(Trace("lead", f"{it.source}\0{it.lead_id}"))
    if it.digest:
        traces.add(Trace("row", f"{it.source}\0{it.digest}"))
    return traces


def of_lead(lead: Lead) -> Sighting:
    """What a parsed lead says."""
    return Sighting(lead.source, lead.id, "", lead.profile.x_user_id or "", lead.profile.handle or "")


def of_malformed(row: Malformed) -> Sighting:
    """What can be read of a row that is no lead."""
    profile = profile_of(row.payload)
    return Sighting(
        row.key.source, row.key.id, row.digest, _text(profile.get("xUserId")), _text(profile.get("handle"))
    )


def of_row(source: str, lead_id: int, digest: str, person: str, payload: str | None) -> Sighting:
    """What a row of the ledger says."""
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
    """The marks of these traces under every key."""
    return [mark(key, trace) for key in keys for trace in traces]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return ""
    return str(value) if isinstance(value, str | int) else ""
