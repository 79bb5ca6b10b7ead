"""Three windows at once, and headers that may be absent."""

import pytest

from connectors.apollo.rate_limit import Windows
from syncd.http.answer import whole_number

HOUR = {"x-hourly-usage": "400", "x-hourly-requests-left": "0"}


def test_what_is_not_said_stops_nobody() -> None:
    windows = Windows()
    for headers in ({}, {"x-minute-requests-left": ""}, {"x-minute-requests-left": "many"}):
        windows.observe("a", headers, 0.0)
        assert windows.rest("a", 0.0) is None


@pytest.mark.parametrize(
    ("left", "seconds", "window"),
    [
        ("x-minute-requests-left", 60.0, "minute"),
        ("x-hourly-requests-left", 3600.0, "hour"),
        ("x-24-hour-requests-left", 86400.0, "day"),
    ],
)
def test_an_empty_window_is_sat_out(left: str, seconds: float, window: str) -> None:
    windows = Windows()
    windows.observe("a", {left: "0"}, 100.0)
    assert windows.rest("a", 100.0) == (seconds, window)


def test_a_rest_is_said_once_so_that_resuming_asks_apollo() -> None:
    windows = Windows()
    windows.observe("a", HOUR, 0.0)
    assert windows.rest("a", 0.0) is not None
    assert windows.rest("a", 0.0) is None


def test_the_longest_of_the_empty_windows_counts() -> None:
    windows = Windows()
    windows.observe("a", {"x-24-hour-requests-left": "0", "x-minute-requests-left": "0"}, 0.0)
    assert windows.rest("a", 0.0) == (86400.0, "day")


def test_endpoints_are_counted_apart() -> None:
    windows = Windows()
    windows.observe("a", HOUR, 0.0)
    assert windows.rest("b", 0.0) is None
    assert windows.rest("a", 0.0) is not None


def test_a_window_that_was_seen_to_open_ends_by_its_own_length() -> None:
    windows = Windows()
    windows.observe("a", {"x-hourly-usage": "1", "x-hourly-requests-left": "399"}, 1000.0)
    windows.observe("a", HOUR, 1500.0)
    assert windows.rest("a", 1500.0) == (3100.0, "hour")


def test_a_count_that_falls_means_that_a_window_opened() -> None:
    windows = Windows()
    windows.observe("a", {"x-hourly-usage": "300"}, 0.0)
    windows.observe("a", {"x-hourly-usage": "7"}, 1000.0)
    windows.observe("a", HOUR, 2000.0)
    assert windows.rest("a", 2000.0) == (2600.0, "hour")


def test_a_window_that_must_have_closed_is_no_longer_counted_from() -> None:
    windows = Windows()
    windows.observe("a", {"x-hourly-usage": "1"}, 0.0)
    windows.observe("a", HOUR, 5000.0)
    assert windows.rest("a", 5000.0) == (3600.0, "hour")


def test_a_rest_that_is_over_is_none() -> None:
    windows = Windows()
    windows.observe("a", HOUR, 0.0)
    assert windows.rest("a", 3600.0) is None


def test_only_whole_numbers_are_numbers() -> None:
    assert [whole_number(text) for text in ("0", " 12 ", "-1", "1.5", "٣", "9" * 16, None)] == [
        0,
        12,
        *[None] * 5,
    ]
