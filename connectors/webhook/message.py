"""The message: its body, and the headers by which a receiver knows it again and knows that it is ours.

The headers are those of Standard Webhooks. `webhook-id` is made of the lead's key and the connector's name, so it is
the same on every re-send, after a restart and from a restored ledger; a receiver that keeps the ids it has seen takes
a lead once. The signature covers id, time and body; several secrets give several signatures, so that a secret can
be changed without a gap.
Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from syncd.connector import LeadKey
from syncd.http.kit import clean

SHORTEST, LONGEST = 24, 64
"""Bytes of a secret that the specification allows."""
_PREFIX = "whsec_"


def secrets(text: str) -> tuple[bytes, ...]:
    """The keys of one or more `whsec_…` secrets, parted by blanks; the prefix may be left out.

    Raises:
        ValueError: what is accepted.
    """
    return tuple(_key(each) for each in text.split())


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not SHORTEST <= len(key) <= LONGEST:
        raise ValueError(
            f'must be "whsec_" and the base64 of {SHORTEST} to {LONGEST} random bytes, as `openssl rand -base64 32` gives'
        )
    return key


def message_id(connector: str, lead: LeadKey) -> str:
    """The id of one lead on its way to one connector: no full stop can be in it, as the signature demands."""
    return f"{connector}-{lead.source}-{lead.id}-{lead.stream_id}-{lead.segment_id}"


def headers(id_: str, now: float, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The headers of one attempt. `now`: seconds since the epoch."""
    stamp = str(int(now))
    found = {"webhook-id": id_, "webhook-timestamp": stamp}
    if keys:
        signed = b".".join((id_.encode(), stamp.encode(), body))
        found["webhook-signature"] = " ".join(f"v1,{_signature(key, signed)}" for key in keys)
    return found


def _signature(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def body(fields: Mapping[str, object]) -> bytes:
    """The fields as one JSON object. Raises ValueError for numbers that JSON does not have."""
    return json.dumps(_clean(fields), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
