"""Each answer has one meaning, and no detail repeats what Attio says."""

from email.utils import formatdate

import pytest

from connectors.attio.errors import CODES, Answer, failure
from syncd.core.failure import Failure, Halt, Pause, Reject, Retry
from syncd.testing.bench import NOON


@pytest.mark.parametrize(
    ("answer", "kind", "code", "unexplained"),
    [
        (Answer(200), Pause, "attio_unexpected_answer", True),
        (Answer(302), Halt, "attio_wrong_address", False),
        (Answer(400), Reject, "attio_refused", False),
        (
            Answer(400, body={"code": "validation_type", "type": "invalid_request_error"}),
            Reject,
            "attio_refused",
            False,
        ),
        (Answer(400, body={"code": "filter_error"}), Halt, "attio_setup_missing", False),
        (Answer(400, body={"code": ["filter_error"]}), Reject, "attio_refused", False),
        (Answer(400, body={"code": "uniqueness_conflict"}), Retry, "attio_conflict", False),
        (Answer(409, body={"code": "concurrent_write_conflict"}), Retry, "attio_conflict", False),
        (Answer(401), Halt, "attio_token_refused", False),
        (Answer(403), Pause, "attio_forbidden", True),
        (
            Answer(403, body={"type": "auth_error", "code": "unauthorized"}),
            Halt,
            "attio_token_refused",
            False,
        ),
        (Answer(404), Halt, "attio_wrong_address", False),
        (Answer(404, body={"code": "not_found"}), Retry, "attio_conflict", False),
        (Answer(408), Pause, "attio_unavailable", True),
        (Answer(413), Reject, "attio_refused", False),
        (Answer(429), Pause, "attio_rate_limited", False),
        (Answer(500), Pause, "attio_unavailable", True),
        (Answer(503, "7"), Pause, "attio_unavailable", False),
        (Answer(700), Pause, "attio_unexpected_answer", True),
        (Answer(trouble="unsent"), Pause, "attio_unreachable", False),
        (Answer(trouble="late"), Pause, "attio_unavailable", True),
        (Answer(trouble="broken"), Pause, "attio_unavailable", True),
        (Answer(trouble="too large"), Pause, "attio_unavailable", True),
    ],
)
def test_an_answer_has_one_meaning(
    answer: Answer,
    kind: type[Failure],
    code: str,
    unexplained: bool,  # noqa: FBT001
) -> None:
    why = failure(answer, NOON)
    assert (type(why), why.code) == (kind, code)
    assert CODES[code]
    assert isinstance(why, Pause) is False or why.unexplained is unexplained  # type: ignore[attr-defined]


def test_attio_says_by_a_date_how_long_to_wait() -> None:
    why = failure(Answer(429, formatdate(NOON + 12, usegmt=True)), NOON)
    assert why.after == pytest.approx(12, abs=1)


def test_no_detail_repeats_a_message() -> None:
    said = {"code": "maker1@studio1.example.com", "message": "maker1@studio1.example.com", "type": "maker1"}
    assert "maker1" not in str(failure(Answer(400, body=said), NOON))
