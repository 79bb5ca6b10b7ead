"""A made-up lead, to show a mapping before there is a real lead."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from syncd.core.lead import Lead, parse_lead
from syncd.mapping import Labels

_FULL: Mapping[str, Any] = MappingProxyType(
    {
        "id": 90211,
        "streamId": 14,
        "trackedXAccountId": 3,
        "segmentId": 6,
        "matchConfidence": "high",
        "sourceType": "new_follower",
        "discoveredAt": "2026-06-11T07:15:00Z",
        "exportedAt": None,
        "profile": {
            "xUserId": "2290114477",
            "handle": "mara_builds",
            "displayName": "Mara Oduya",
            "profileImageUrl": "https://pbs.example.com/profile/1.jpg",
            "followerCount": 4310,
            "bio": "Shipping small dev tools.",
        },
    }
)
ENRICHED: Mapping[str, Any] = MappingProxyType(
    {
        "email": {"address": "mara@smalltools.example", "status": "verified", "provider": "prospeo"},
        "linkedin": {"url": "https://www.linkedin.com/in/mara-oduya", "confidence": "high"},
    }
)
"""The enrichment of the made-up lead."""

NAMES = Labels(
    streams={14: "Indie founders"},
    segments={6: "Founders who sell to developers"},
    accounts={3: "northwindlabs"},
)
"""The names of the made-up lead's campaign, segment and tracked account."""


_BARE: Mapping[str, Any] = MappingProxyType(
    {"id": 90212, "discoveredAt": "2026-06-11T07:16:00Z", "profile": {"handle": "nobody_knows"}}
)


def sample(source: str, *, bare: bool = False) -> Lead:
    """Make a lead with everything that CTGO documents; if `bare`, with as little as possible."""
    parsed = parse_lead(source, dict(_BARE if bare else _FULL))
    assert isinstance(parsed, tuple)  # noqa: S101 - it is valid
    return parsed[0]
