"""Feedback at the simulator: per lead and segment, overwritten by a repeat, refused as the vendor's page says."""

from typing import Any

import pytest

from syncd.simulator.leads.feedback import REASONS
from tests.simulator.conftest import START, Make, Simulator

LEAD, SEGMENT, OTHER = 90_211, 6, 9


def said(simulator: Simulator) -> Any:
    return simulator.http.get("/_sim/feedback").json


def judge(simulator: Simulator, lead: int = LEAD, **body: Any) -> Any:
    return simulator.post(f"/leads/{lead}/feedback", {"segmentId": SEGMENT, "feedback": "good", **body})


def test_feedback_is_taken_and_shown_by_the_control_surface(make: Make) -> None:
    simulator = make(leads=1)
    answer = judge(simulator, feedback="bad", badReason="wrong_job", badReasonFreeform="A recruiter.")
    assert (answer.status_code, answer.json) == (200, {"ok": True})
    assert said(simulator) == {
        "posts": 1,
        "feedback": [
            {
                "leadId": LEAD, "segmentId": SEGMENT, "feedback": "bad", "badReason": "wrong_job",
                "badReasonFreeform": "A recruiter.", "at": START, "times": 1,
            }
        ],
    }  # fmt: skip


def test_a_repeat_overwrites_and_each_segment_is_judged_for_itself(make: Make) -> None:
    simulator = make(leads=1)
    for body in ({"feedback": "bad"}, {"feedback": "good"}, {"feedback": "bad", "segmentId": OTHER}):
        assert judge(simulator, **body).status_code == 200
    found = {
        (one["segmentId"], one["feedback"], one["badReason"], one["times"])
        for one in said(simulator)["feedback"]
    }
    assert found == {(SEGMENT, "good", None, 2), (OTHER, "bad", "zapier", 1)}
    assert said(simulator)["posts"] == 3


@pytest.mark.parametrize("errors", ["codes", "sentences"])
@pytest.mark.parametrize(
    ("lead", "segment", "sentence"),
    [(1, SEGMENT, "Lead not found"), (LEAD, 77, "Saved search not found")],
)
def test_what_is_not_ours_is_404_in_the_vendors_words(
    make: Make, errors: str, lead: int, segment: int, sentence: str
) -> None:
    answer = judge(make(leads=1, errors=errors), lead, segmentId=segment)
    assert (answer.status_code, answer.json) == (404, {"error": sentence})


@pytest.mark.parametrize(
    "body",
    [
        {"segmentId": None},
        {"segmentId": "6"},
        {"segmentId": True},
        {"feedback": None},
        {"feedback": "fine"},
        {"badReason": "rude"},
        {"badReasonFreeform": 7},
        {"badReasonFreeform": "x" * 501},
    ],
)
def test_a_body_that_is_not_as_documented_is_refused(make: Make, body: dict[str, Any]) -> None:
    simulator = make(leads=1)
    assert judge(simulator, **{"feedback": "bad", **body}).status_code == 400
    assert said(simulator)["posts"] == 0


@pytest.mark.parametrize("reason", REASONS)
def test_every_documented_reason_is_taken(make: Make, reason: str) -> None:
    assert (
        judge(make(leads=1), feedback="bad", badReason=reason, badReasonFreeform="x" * 500).status_code == 200
    )


def test_no_body_at_all_is_refused(make: Make) -> None:
    assert make(leads=1).post(f"/leads/{LEAD}/feedback").status_code == 400


def test_a_failure_can_be_ordered_for_it(make: Make) -> None:
    simulator = make(leads=1)
    simulator.http.post("/_sim/fail", json={"route": "feedback", "after_applying": True})
    assert judge(simulator).status_code == 500
    assert said(simulator)["posts"] == 1
