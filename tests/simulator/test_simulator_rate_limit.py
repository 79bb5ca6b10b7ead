"""The allowance of a key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.simulator.gateway import FixedWindow, LastMinute, SlidingWindow
from tests.simulator.conftest import START, Make

# Quarters of a second are exact, so that the naive oracle meets every edge.
GAPS = st.lists(st.integers(0, 240).map(lambda quarters: quarters / 4), max_size=80)
LIMITS = st.integers(1, 6)


def arrivals(gaps: list[float]) -> list[float]:
    return [START + sum(gaps[: index + 1]) for index in range(len(gaps))]


@given(gaps=GAPS, limit=LIMITS)
def test_a_sliding_window_admits_what_leaves_every_minute_within_the_limit(
    gaps: list[float], limit: int
) -> None:
    window = SlidingWindow(limit)
    admitted: list[float] = []
    for now in arrivals(gaps):
        recent = [then for then in admitted if then > now - 60]
        verdict = window.admit(now)
        assert verdict.admitted == (len(recent) < limit)
        assert verdict.remaining == max(0, limit - len(recent) - 1)
        if verdict.admitted:
            admitted.append(now)
        else:
            assert verdict.reset == recent[0] + 60


@given(gaps=GAPS, limit=LIMITS)
def test_a_fixed_window_from_the_first_request_counts_within_its_minute(
    gaps: list[float], limit: int
) -> None:
    window, start, used = FixedWindow(limit), None, 0
    for now in arrivals(gaps):
        if start is None or now - start >= 60:
            start, used = now, 0
        verdict = window.admit(now)
        assert verdict.admitted == (used < limit)
        used = min(limit, used + 1)
        assert (verdict.remaining, verdict.reset) == (limit - used, start + 60)


@given(gaps=GAPS, limit=LIMITS)
def test_a_fixed_window_of_the_minute_counts_within_the_minute(gaps: list[float], limit: int) -> None:
    window, used = FixedWindow(limit, "minute"), dict[int, int]()
    for now in arrivals(gaps):
        minute = int(now) // 60
        verdict = window.admit(now)
        assert verdict.admitted == (used.get(minute, 0) < limit)
        used[minute] = used.get(minute, 0) + verdict.admitted
        assert verdict.reset == 60 * (minute + 1)


@pytest.mark.parametrize("window", ["fixed", "sliding"])
@given(gaps=GAPS, limit=LIMITS)
def test_whoever_waits_as_told_is_admitted(window: str, gaps: list[float], limit: int) -> None:
    allowance = SlidingWindow(limit) if window == "sliding" else FixedWindow(limit)
    now = START
    for gap in gaps:
        now += gap
        verdict = allowance.admit(now)
        if not verdict.admitted:
            now += verdict.wait(now)
            assert allowance.admit(now).admitted


@given(gaps=GAPS)
def test_the_busiest_minute_is_the_largest_count_in_any_60_seconds(gaps: list[float]) -> None:
    busiest, seen = LastMinute(), arrivals(gaps)
    for now in seen:
        busiest.note(now)
    assert busiest.most == max((sum(end - 60 < then <= end for then in seen) for end in seen), default=0)


@pytest.mark.parametrize("window", ["fixed", "sliding"])
def test_the_61st_request_of_a_minute_is_429_and_says_when_to_come_back(make: Make, window: str) -> None:
    simulator = make(window=window, rate_limit=60)
    remaining = []
    for _ in range(60):
        answer = simulator.get("/me")
        assert answer.status_code == 200
        assert "Retry-After" not in answer.headers
        remaining.append(int(answer.headers["X-RateLimit-Remaining"]))
        simulator.time.instant += 0.5
    assert remaining == list(range(59, -1, -1))
    refused = simulator.get("/me")
    assert refused.status_code == 429
    assert refused.json == {"error": "rate_limited", "message": "Rate limit exceeded. Try again later."}
    assert {
        name: refused.headers[name] for name in ("X-RateLimit-Limit", "X-RateLimit-Remaining", "Retry-After")
    } == {
        "X-RateLimit-Limit": "60",
        "X-RateLimit-Remaining": "0",
        "Retry-After": "30",
    }
    simulator.time.instant = START + 60
    assert simulator.get("/me").status_code == 200
    assert simulator.get("/me").status_code == (200 if window == "fixed" else 429)


def test_each_key_has_its_own_allowance(make: Make) -> None:
    simulator = make(rate_limit=1)
    assert [simulator.get("/me", key=key).status_code for key in ("ctgo_a", "ctgo_a", "ctgo_b")] == [
        200,
        429,
        200,
    ]


def test_retry_after_can_be_a_date_or_absent(make: Make) -> None:
    dated = make(rate_limit=1, retry_after="date")
    dated.get("/me")
    assert dated.get("/me").headers["Retry-After"] == "Mon, 21 Sep 2026 14:14:20 GMT"
    absent = make(rate_limit=1, retry_after="absent")
    absent.get("/me")
    assert "Retry-After" not in absent.get("/me").headers


@pytest.mark.parametrize(("counted", "status"), [(True, 429), (False, 401)])
def test_refused_keys_count_if_the_switch_says_so(make: Make, counted: bool, status: int) -> None:  # noqa: FBT001
    simulator = make(rate_limit=1, api_keys=frozenset({"ctgo_a"}), count_unauthorised=counted)
    assert simulator.get("/me", key="ctgo_b").status_code == 401
    assert simulator.get("/me", key="ctgo_b").status_code == status
