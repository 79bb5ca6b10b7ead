"""The limiter of the HubSpot connector: how long it says to wait."""

from datetime import UTC, datetime

import pytest

from connectors.hubspot.rate_limit import RateLimit, known_zone, until_reset
from syncd.http.answer import whole_number


def sent_at(limit: RateLimit, count: int, now: float = 0.0) -> list[float]:
    """The times of `count` requests that are sent as soon as they may."""
    times = []
    for _ in range(count):
        while wait := limit.wait(now):
            now += wait
        limit.sent(now)
        times.append(now)
    return times


@pytest.mark.parametrize(
    ("rate", "count", "span"), [(9.0, 9, 1.0), (0.5, 1, 2.0), (2.5, 2, 0.8), (1000.0, 1000, 1.0)]
)
def test_no_span_holds_more_than_the_rate(rate: float, count: int, span: float) -> None:
    times = sent_at(RateLimit(rate), count * 3)
    assert all(later - first >= span - 1e-9 for first, later in zip(times, times[count:], strict=False))
    assert times[-1] == pytest.approx(2 * span, abs=0.01)


def test_the_windows_of_the_headers_are_kept() -> None:
    limit = RateLimit(100)
    limit.observe({"x-hubspot-ratelimit-max": "5", "x-hubspot-ratelimit-interval-milliseconds": "10000"}, 0.0)
    times = sent_at(limit, 12)
    assert times == pytest.approx([0.0] * 5 + [10.0] * 5 + [20.0] * 2)


def test_a_request_counts_from_its_answer_for_nobody_knows_when_it_arrived() -> None:
    limit = RateLimit(1)
    limit.sent(0.0)
    limit.answered(0.7)
    assert limit.wait(0.7) == 1.0
    assert limit.wait(1.7) == 0.0


def test_with_nothing_remaining_it_holds() -> None:
    limit = RateLimit(100)
    limit.observe({"x-hubspot-ratelimit-remaining": "0"}, 50.0)
    assert limit.wait(50.0) == 1.0
    assert limit.wait(51.0) == 0.0


@pytest.mark.parametrize("text", ["", "-1", "nine", "٩", "1e9", "9" * 30])
def test_headers_that_make_no_sense_change_nothing(text: str) -> None:
    limit = RateLimit(100)
    limit.observe(
        {
            "x-hubspot-ratelimit-max": text,
            "x-hubspot-ratelimit-interval-milliseconds": text,
            "x-hubspot-ratelimit-remaining": text,
        },
        0.0,
    )
    assert whole_number(text) is None
    assert sent_at(limit, 50) == [0.0] * 50


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("now", "zone", "seconds"),
    [
        ("2026-06-11T12:00:00", "US/Eastern", 16 * 3600 + 5),
        ("2026-10-25T00:30:00", "Europe/Berlin", 22.5 * 3600 + 5),  # the day has 25 hours
        ("2026-03-29T00:30:00", "Europe/Berlin", 21.5 * 3600 + 5),  # the day has 23
        ("2026-06-11T04:00:10", "US/Eastern", 900),  # just after midnight: somebody's clock is wrong
        ("2026-06-11T12:00:00", "", 905),
        ("2026-06-11T12:14:59", "", 6),
    ],
)
def test_when_the_daily_quota_may_be_back(now: str, zone: str, seconds: float) -> None:
    assert until_reset(at(now), zone) == seconds


@pytest.mark.parametrize("name", [None, 5, "", "Mars/Olympus", "../etc/passwd", "\0"])
def test_a_zone_that_nobody_knows_is_none(name: object) -> None:
    assert known_zone(name) == ""
