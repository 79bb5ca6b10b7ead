"""Every status has one meaning, and `Retry-After` is believed within bounds."""

import http
from typing import get_args

import pytest

from connectors.webhook.options import CODES, FAILURES
from syncd.connector import Failure, Halt, Pause, Reject
from syncd.http.answer import Answer, Trouble
from syncd.testing.bench import NOON

MEANINGS: dict[int, tuple[type[Failure], str]] = {
    401: (Halt, "webhook_refused_access"),
    403: (Pause, "webhook_forbidden"),
    404: (Halt, "webhook_gone"),
    408: (Pause, "webhook_unavailable"),
    410: (Halt, "webhook_gone"),
    429: (Pause, "webhook_rate_limited"),
}
BY_HUNDRED: dict[int, tuple[type[Failure], str]] = {
    1: (Pause, "webhook_unexpected_answer"),
    3: (Halt, "webhook_redirected"),
    4: (Reject, "webhook_refused"),
    5: (Pause, "webhook_unavailable"),
}
STATUSES = sorted({*map(int, http.HTTPStatus), 299, 399, 418, 499, 520, 599})


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_its_meaning(status: int) -> None:
    if 200 <= status < 300:
        assert Answer(status).ok
        return
    why = FAILURES.failure(Answer(status), NOON)
    kind, code = MEANINGS.get(status, BY_HUNDRED[status // 100])
    assert (type(why), why.code) == (kind, code)
    assert not Answer(status).ok
    assert code in CODES
    assert str(status) in why.detail


@pytest.mark.parametrize("status", [0, 99, 600, 999])
def test_a_number_that_is_no_status_is_no_delivery(status: int) -> None:
    why = FAILURES.failure(Answer(status), NOON)
    assert isinstance(why, Pause)
    assert why.unexplained


@pytest.mark.parametrize("status", [403, 408, 500, 502, 503, 504, 520])
def test_a_failure_that_says_nothing_is_unexplained(status: int) -> None:
    why = FAILURES.failure(Answer(status, {"retry-after": "soon"}), NOON)
    assert isinstance(why, Pause)
    assert (why.unexplained, why.after) == (True, None)


@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_that_says_how_long_is_waited_for(status: int) -> None:
    why = FAILURES.failure(Answer(status, {"retry-after": "37"}), NOON)
    assert isinstance(why, Pause)
    assert (why.unexplained, why.after) == (False, 37.0)


def test_a_bare_429_is_waited_out_without_blaming_a_lead() -> None:
    why = FAILURES.failure(Answer(429), NOON)
    assert isinstance(why, Pause)
    assert (why.unexplained, why.after) == (False, None)


def test_what_the_network_does_has_a_meaning_each() -> None:
    troubles = get_args(Trouble)[1:]
    found = {name: FAILURES.failure(Answer(trouble=name), NOON) for name in troubles}
    assert isinstance(found.pop("private"), Halt)
    assert {name: isinstance(why, Pause) and why.unexplained for name, why in found.items()} == {
        "unsent": False,
        "untrusted": False,
        "late": True,
        "broken": True,
    }
