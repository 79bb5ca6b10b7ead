"""Stored payloads, as they are shown to people."""

from typing import Any

from syncd.log import opened


def profile_of(payload: str | None) -> dict[str, Any]:
    """Return the profile in a stored payload; empty if the payload is gone or has none."""
    document = opened(payload)
    profile = document.get("profile") if isinstance(document, dict) else None
    return profile if isinstance(profile, dict) else {}
