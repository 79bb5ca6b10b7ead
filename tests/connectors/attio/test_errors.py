"""Each answer has one meaning, and no detail repeats what Attio says."""

from email.utils import formatdate

import pytest

from connectors.attio.options import CODES, FAILURES
from syncd.core.failure import Failure, Halt, Pause, Reject, Retry
from syncd.http.answer import Answer
from syncd.testing.bench import NOON


@pytest.mark.parametrize(
    ("answer", "words", "kind", "code", "unexplained"),
    [
        (Answer(200), (), Pause, "attio_unexpected_answer", True),
        (Answer(302), (), Halt, "attio_wrong_address", False),
        (Answer(400), (), Reject, "attio_refused", False),
        (Answer(400), ("validation_type", "invalid_request_error"), Reject, "attio_refused", False),
        (Answer(400), ("filter_error", None), Halt, "attio_setup_missing", False),
        (Answer(400), (["filter_error"], None), Reject, "attio_refused", False),
        (Answer(400), ("uniqueness_conflict", None), Retry, "attio_conflict", False),
        (Answer(409), ("concurrent_write_conflict", None), Retry, "attio_conflict", False),
        (Answer(401), (), Halt, "attio_token_refused", False),
        (Answer(403), (), Pause, "attio_forbidden", True),
        (Answer(403), ("unauthorized", "auth_error"), Halt, "attio_token_refused", False),
        (Answer(404), (), Halt, "attio_wrong_address", False),
        (Answer(404), ("not_found", None), Retry, "attio_conflict", False),
        (Answer(408), (), Pause, "attio_unavailable", True),
        (Answer(413), (), Reject, "attio_refused", False),
        (Answer(429), (), Pause, "attio_rate_limited", False),
        (Answer(400), ("429", "busy"), Reject, "attio_refused", False),
        (Answer(500), (), Pause, "attio_unavailable", True),
        (Answer(503, {"retry-after": "7"}), (), Pause, "attio_rate_limited", False),
        (Answer(700), (), Pause, "attio_unexpected_answer", True),
        (Answer(trouble="unsent"), (), Pause, "attio_unreachable", False),
        (Answer(trouble="late"), (), Pause, "attio_unavailable", True),
        (Answer(200, trouble="broken"), (), Pause, "attio_unavailable", True),
        (Answer(200, unread="too_large"), (), Pause, "attio_unavailable", True),
    ],
)
def test_an_answer_has_one_meaning(
    answer: Answer,
    words: tuple[object, ...],
    kind: type[Failure],
    code: str,
    unexplained: bool,  # noqa: FBT001
) -> None:
    why = FAILURES.failure(answer, NOON, *words)
    assert (type(why), why.code) == (kind, code)
    assert CODES[code]
    assert isinstance(why, Pause) is False or why.unexplained is unexplained  # type: ignore[attr-defined]


def test_attio_says_by_a_date_how_long_to_wait() -> None:
    why = FAILURES.failure(Answer(429, {"retry-after": formatdate(NOON + 12, usegmt=True)}), NOON)
    assert why.after == pytest.approx(12, abs=1)


def test_no_detail_repeats_a_message() -> None:
    assert "maker1" not in str(FAILURES.failure(Answer(400), NOON, "maker1@studio1.example.com", "maker1"))
