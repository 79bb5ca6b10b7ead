"""A judgement on a lead in a segment, as `POST /leads/{id}/feedback` takes it, and what its answer must be.

Source: https://docs.catchthegoodones.com/api-reference/submit-feedback
"""

import json
from typing import Any

from syncd.ctgo.shapes import Unfit, json_of, nothing_of


def judgement(segment_id: int, feedback: str, reason: str = "", text: str = "") -> bytes:
    """The body. What is empty is left out: CTGO has a default for `badReason`."""
    given: dict[str, Any] = {"segmentId": segment_id, "feedback": feedback}
    if reason:
        given["badReason"] = reason
    if text:
        given["badReasonFreeform"] = text
    return json.dumps(given).encode()


def taken_of(body: bytes) -> Unfit | None:
    """None for a yes. `{"ok": true}` is documented; a 2xx without a word is as good, `{"ok": false}` is not."""
    value = json_of(body) if body.strip() else None
    if isinstance(value, dict) and value.get("ok", True) is not True:
        return Unfit("says that it was not taken")
    return nothing_of(body)
