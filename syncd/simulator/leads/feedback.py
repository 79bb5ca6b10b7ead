"""Feedback on leads.

Each (lead, segment) has one judgement, and a repeat replaces it. Source: the vendor's page on submitting feedback.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FEEDBACKS = ("good", "bad")
REASONS = ("bot", "wrong_gender", "wrong_job", "wrong_skill", "wrong_personality", "zapier", "other")
DEFAULT_REASON = "zapier"
LONGEST = 500
"""Characters of `badReasonFreeform`."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One accepted judgement. `reason` is None for a good lead."""

    segment_id: int
    feedback: str
    reason: str | None
    freeform: str | None


@dataclass(frozen=True, slots=True)
class StoredFeedback:
    """The last judgement on a lead in a segment. `at` is epoch seconds; `times` counts the judgements."""

    lead_id: int
    judgement: Judgement
    at: float
    times: int

    def payload(self) -> dict[str, Any]:
        """Show it as the control surface does."""
        return {
            "leadId": self.lead_id,
            "segmentId": self.judgement.segment_id,
            "feedback": self.judgement.feedback,
            "badReason": self.judgement.reason,
            "badReasonFreeform": self.judgement.freeform,
            "at": self.at,
            "times": self.times,
        }


@dataclass
class FeedbackStore:
    """All judgements by (lead id, segment id), in the order of the first judgements."""

    stored: dict[tuple[int, int], StoredFeedback] = field(default_factory=dict)
    posts: int = 0

    def store(self, lead_id: int, judgement: Judgement, at: float) -> None:
        """Store a judgement in the place of an earlier one."""
        key = (lead_id, judgement.segment_id)
        before = self.stored.get(key)
        self.stored[key] = StoredFeedback(lead_id, judgement, at, before.times + 1 if before else 1)
        self.posts += 1

    def payload(self) -> dict[str, Any]:
        """Show it as the control surface does."""
        return {"posts": self.posts, "feedback": [one.payload() for one in self.stored.values()]}


def judgement_of(body: Mapping[str, Any]) -> Judgement:
    """Return the judgement of a body that matches its schema."""
    reason = (body.get("badReason") or DEFAULT_REASON) if body["feedback"] == "bad" else None
    return Judgement(body["segmentId"], body["feedback"], reason, body.get("badReasonFreeform"))
