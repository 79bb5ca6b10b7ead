"""What headers say about the budget, and how odd ones are read."""

import threading
from contextlib import suppress
from email.utils import formatdate

import httpx
import pytest
from pydantic import SecretStr

from syncd.clock import SystemClock
from syncd.core.failure import Failure
from syncd.ctgo import Signals, Upstream
from tests.ctgo.remote import BASE, KEY, Recorder, failure_of, upstream

NOW = 1_780_000_000.0


def observed(status: int, body: object = None, *headers: tuple[str, str]) -> Signals:
    seen: list[Signals] = []
    client = upstream(Recorder(status, body, headers), seen)
    with suppress(Failure):
        client.leads(since=None)
    (signals,) = seen
    return signals


def test_every_answer_is_observed_once_with_what_it_says_of_the_budget() -> None:
    before = SystemClock().monotonic()
    headers = (("X-RateLimit-Limit", "60"), ("X-RateLimit-Remaining", "12"))
    signals = observed(200, {"leads": []}, *headers)
    assert (signals.status, signals.limit, signals.remaining, signals.retry_after) == (200, 60, 12, None)
    assert before <= signals.answered_at <= SystemClock().monotonic()


@pytest.mark.parametrize("text", ["", "many", "-1", "6.5", "1" * 400, "60, 60"])
def test_an_odd_budget_header_counts_as_absent(text: str) -> None:
    assert observed(200, {"leads": []}, ("X-RateLimit-Limit", text)).limit is None


@pytest.mark.parametrize(
    ("status", "error", "asked", "rest"),
    [
        (429, "slow_down", "7", 7),
        (429, "slow_down", "garbage", 60),
        (429, "credits_exhausted", "7", None),
        (503, "maintenance", "7", 7),
        (503, "maintenance", "garbage", None),
        (502, "gateway", "7", None),
        (200, "", "7", None),
    ],
)
def test_the_key_rests_only_for_a_true_rate_limit_or_a_503(
    status: int, error: str, asked: str, rest: float | None
) -> None:
    assert observed(status, {"error": error, "leads": []}, ("Retry-After", asked)).retry_after == rest


def test_a_call_that_got_no_answer_is_observed_too_from_the_calling_thread() -> None:
    def lost(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("lost")

    seen: list[tuple[int, int]] = []
    client = Upstream(
        BASE,
        SecretStr(KEY),
        SystemClock(),
        observe=lambda signals: seen.append((signals.status, threading.get_ident())),
        transport=httpx.MockTransport(lost),
    )
    assert failure_of(client.me).code == "unreachable"
    assert seen == [(0, threading.get_ident())]


def test_a_bug_in_between_is_observed_and_raised_as_it_is() -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise LookupError("a bug")

    seen: list[Signals] = []
    transport = httpx.MockTransport(broken)
    client = Upstream(BASE, SecretStr(KEY), SystemClock(), observe=seen.append, transport=transport)
    with pytest.raises(LookupError):
        client.me()
    assert [signals.status for signals in seen] == [0]


def test_an_unfit_answer_is_observed_with_its_status() -> None:
    assert observed(200, b"<html>").status == 200


def test_a_page_knows_what_time_it_is_at_the_server() -> None:
    headers = [("Date", formatdate(NOW, usegmt=True))]
    assert upstream(Recorder(200, {"leads": []}, headers)).leads(since=None).server_date == NOW
    assert upstream(Recorder(200, {"leads": []}, [("Date", "noon")])).leads(since=None).server_date is None
