"""The segments, and the labels that CTGO knows.

The vendor documents that a label without a canonical match is refused, but not the labels. These are a few; their case
does not matter. Nothing here is thread-safe: hold the world's lock.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from syncd.simulator.campaigns.models import ARCHIVED_SEGMENT, SEGMENTS, Segment
from syncd.simulator.instants import DAY, iso
from syncd.simulator.leads.people import BIOS, draw
from syncd.simulator.options import Options
from syncd.simulator.refusals import ORPHAN_LABEL, SEGMENT_NOT_FOUND, RefusedError

LABELS: Mapping[str, Sequence[str]] = {
    "job_role": (
        "Founder",
        "Developer Advocate",
        "Designer",
        "Data Engineer",
        "Software Engineer",
        "Product Manager",
        "Marketer",
        "Investor",
    ),
    "skill": ("Python", "SQL", "JavaScript", "TypeScript", "Rust", "Go", "Design", "CSS", "Writing", "Sales"),
}
# The labels of each theme of bios.
THEMES = {
    "founder": ("Founder", "Investor"),
    "advocate": ("Developer Advocate", "Writing"),
    "designer": ("Designer", "Design", "CSS"),
    "data": ("Data Engineer", "SQL", "Python"),
}
GENDERS = {"female": ("women", "woman", "female"), "male": ("men", "man", "male")}


class Segments:
    """The segments of the user."""

    def __init__(self, options: Options, start: float) -> None:
        self._options = options
        self._known = {
            segment.id: replace(segment, created=start - 30 * DAY)
            for segment in (*SEGMENTS, ARCHIVED_SEGMENT)
        }

    @property
    def all(self) -> tuple[Segment, ...]:
        """Every segment, archived ones included."""
        return tuple(self._known.values())

    def get(self, segment_id: int) -> Segment:
        """Return a segment. Raises RefusedError: no segment has this id (404)."""
        if segment_id not in self._known:
            raise RefusedError(SEGMENT_NOT_FOUND)
        return self._known[segment_id]

    def draft(self, body: Mapping[str, Any], now: float) -> Segment:
        """Return the segment that a body describes. It has the id 0 until `keep`. Raises as `canonical`."""
        labels = canonical(body.get("appliedSearchFilters") or {})
        return Segment(
            id=0,
            name=body.get("name"),
            description=body["description"],
            labels=labels,
            theme=self._theme(labels, body["description"]),
            genders=tuple(body.get("genderValues") or ()),
            follower_tiers=tuple(body.get("followerCountTiers") or ()),
            created=now,
        )

    def keep(self, draft: Segment) -> Segment:
        """Give the draft an id and store it."""
        segment = replace(draft, id=max(self._known) + 1)
        self._known[segment.id] = segment
        return segment

    def _theme(self, labels: Mapping[str, Sequence[str]], description: str) -> str:
        theme_of = {label: theme for theme, known in THEMES.items() for label in known}
        themes = [theme_of[label] for found in labels.values() for label in found if label in theme_of]
        return themes[0] if themes else draw(self._options.seed, "theme", description).choice(sorted(BIOS))


def canonical(filters: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the labels in CTGO's spelling.

    Raises:
        RefusedError: Some labels have no match: 400, and `orphans` lists them.
    """
    found: dict[str, list[str]] = {}
    orphans = []
    for category, labels in filters.items():
        known = {label.lower(): label for label in LABELS.get(category, ())}
        found[category] = [known[label.lower()] for label in labels if label.lower() in known]
        orphans += [label for label in labels if label.lower() not in known]
    if orphans:
        raise RefusedError(ORPHAN_LABEL, orphans=orphans)
    return found


def described(text: str) -> dict[str, Any]:
    """Describe a segment by the labels and genders that a free text names."""
    words = text.lower()
    return {
        "description": text,
        "name": None,
        "genderValues": [
            gender
            for gender, names in GENDERS.items()
            if any(re.search(rf"\b{name}\b", words) for name in names)
        ],
        "appliedSearchFilters": {
            category: found
            for category, labels in LABELS.items()
            if (found := [label for label in labels if re.search(rf"\b{label.lower()}s?\b", words)])
        },
        "followerCountTiers": [],
    }


def segment_payload(segment: Segment, linked: int, options: Options) -> dict[str, Any]:
    """Show one segment as `GET /segments` does; `linked` counts its active campaigns."""
    return {
        "id": segment.id,
        "userFacingId": f"seg_{segment.id}",
        "name": segment.name,
        "description": segment.description,
        "genderValues": list(segment.genders),
        "appliedSearchFilters": {category: list(labels) for category, labels in segment.labels.items()},
        "followerCountTiers": list(segment.follower_tiers),
        "linkedStreamCount": linked,
        "createdAt": iso(segment.created, options.times),
        "updatedAt": iso(segment.created, options.times),
    }
