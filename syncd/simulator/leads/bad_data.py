"""Bad leads: texts that attack a reader or a store, and shapes that break the documentation."""

import random
from collections.abc import Callable, Mapping
from typing import Any

HOSTILE_TEXTS = (
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://evil.example","click")',
    "+1+1",
    "-2+3",
    "@SUM(1+1)",
    "\t=1+1",
    'Robert"); DROP TABLE leads;--',
    'O\'Brien, "Bob"',
    "first line\nsecond line\r\nthird",
    "\u202egnp.elpmaxe\u202c",
    "مرحبا, \u200fworld",
    "👩🏽\u200d🚀 Zoë 🏳️\u200d🌈",
    "A" * 5_000,
    "Z\u0351\u0364a\u0363\u0301l\u0321g\u0322o\u0323",
    "[red]Ana[/red] [/]",
    "<script>alert(1)</script><b>Ana</b>",
    "{{ 7 * 7 }} {% raw %}",
    "\x1b[31mred\x1b[0m\x1b]0;owned\x07",
    "\u200b\ufeffhidden",
    "null",
    "",
    "   ",
)

Payload = dict[str, Any]
HUGE = int("9" * 300)


def _within_profile(**changes: Any) -> Callable[[Payload], Any]:
    return lambda payload: {**payload, "profile": {**payload["profile"], **changes}}


def _with(**changes: Any) -> Callable[[Payload], Any]:
    return lambda payload: {**payload, **changes}


def _without(name: str) -> Callable[[Payload], Any]:
    return lambda payload: {key: value for key, value in payload.items() if key != name}


# Name of a flaw -> the change that makes the listed lead of it.
FLAWS: Mapping[str, Callable[[Payload], Any]] = {
    "no_id": _without("id"),
    "null_id": _with(id=None),
    "text_id": _with(id="ninety"),
    "huge_id": _with(id=HUGE),
    "no_profile": _without("profile"),
    "profile_list": _with(profile=[]),
    "no_discovered_at": _without("discoveredAt"),
    "discovered_at_no_date": _with(discoveredAt="the day before yesterday"),
    "discovered_at_number": _with(discoveredAt=1_781_000_000),
    "huge_follower_count": _within_profile(followerCount=HUGE),
    "follower_count_object": _within_profile(followerCount={"n": 1}),
    "nul_in_bio": _within_profile(bio="before\x00after"),
    "lone_surrogate": _within_profile(displayName="half \ud83d of it"),
    "handle_number": _within_profile(handle=12),
    "text_instead": lambda _: "lead",
    "null_instead": lambda _: None,
}


def hostile(chance: random.Random) -> Payload:
    """Draw a hostile name and bio for a profile."""
    return {"displayName": chance.choice(HOSTILE_TEXTS), "bio": chance.choice(HOSTILE_TEXTS)}
