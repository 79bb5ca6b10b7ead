"""Durations, schedules and the other small types."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from apscheduler.triggers.cron import CronTrigger
from pydantic import TypeAdapter

from syncd.settings.values import BaseUrl, DigestAt, ListenAt, instant, schedule, seconds


def read(type_: Any, value: object) -> Any:
    return TypeAdapter(type_).validate_python(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", 30),
        ("15m", 900),
        ("2h", 7200),
        ("7d", 604800),
        ("1h30m", 5400),
        ("1d1s", 86401),
        ("0.5s", 0.5),
        ("0s", 0),
    ],
)
def test_a_duration_is_its_seconds(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "value", ["", "5", "s", "1h 30m", "30m1h", "-1s", "1w", "1e3s", "٣s", 5, True, None, -1.0]
)
def test_what_is_no_duration_is_refused_with_what_is_accepted(value: object) -> None:
    with pytest.raises(ValueError, match="30s, 15m, 2h, 7d or 1h30m"):
        seconds(value)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("*/5 * * * *", "*/5 * * * *"),
        ("  0   8-18/2  1,15 * * ", "0 8-18/2 1,15 * *"),
        ("0 9 * jan-MAR 1-5", "0 9 * jan-mar mon,tue,wed,thu,fri"),
        ("0 9 * * 0", "0 9 * * sun"),
        ("0 9 * * 7", "0 9 * * sun"),
        ("0 9 * * 5-7", "0 9 * * sun,fri,sat"),
        ("0 9 * * mon", "0 9 * * mon"),
        ("10/20 * * * */2", "10/20 * * * sun,tue,thu,sat"),
    ],
)
def test_a_cron_line_names_its_weekdays_and_the_scheduler_takes_it(line: str, expected: str) -> None:
    read_line = schedule(line)
    assert (read_line.cron, read_line.every) == (expected, None)
    CronTrigger.from_crontab(read_line.cron, timezone="UTC")


def test_day_zero_is_sunday_as_cron_counts() -> None:
    trigger = CronTrigger.from_crontab(schedule("0 9 * * 0").cron, timezone="UTC")
    fires = trigger.get_next_fire_time(None, datetime(2026, 11, 24, tzinfo=UTC))
    assert fires.strftime("%a") == "Sun"


@pytest.mark.parametrize(
    "line",
    ["* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "a * * * *",
     "5-1 * * * *", "*/0 * * * *", "*/60 * * * *", "1-5/9 * * * *", "*-5 * * * *", "1, * * * *", "@daily x x x x", "* * * foo *"],
)  # fmt: skip
def test_what_is_no_cron_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"must be|has a"):
        schedule(line)


def test_an_instant_is_told_in_utc_and_has_a_zone() -> None:
    assert instant("2026-06-11T09:15:00+02:00") == datetime(2026, 6, 11, 7, 15, tzinfo=UTC)
    for wrong in ("2026-06-11T09:15:00", "2026-06-31", "tomorrow", "3 days", 5):
        with pytest.raises(ValueError, match="2026-06-11T07:15:00Z"):
            instant(wrong)


def test_a_date_is_its_midnight_and_a_word_or_a_duration_counts_back_from_now() -> None:
    midnight = datetime(2026, 6, 11, tzinfo=UTC)
    assert instant("2026-06-11") == instant(midnight.date()) == midnight
    before = datetime.now(UTC)
    today, yesterday, two_hours, three_days = map(instant, ("today", "Yesterday", "2h", "3d"))
    after = datetime.now(UTC)
    assert before.date() <= today.date() <= after.date()
    assert today.time() == time()
    assert today - yesterday in {timedelta(days=1), timedelta(0)}, "0 if midnight fell between the two"
    assert before <= two_hours + timedelta(hours=2) <= after
    assert before <= three_days + timedelta(days=3) <= after


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h.example/api/v2/", "https://h.example/api/v2"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("http://127.9.9.9/", "http://127.9.9.9"),
        ("http://localhost:9000/", "http://localhost:9000"),
        ("http://[::1]:9000", "http://[::1]:9000"),
    ],
)
def test_a_base_url_loses_its_last_slash_and_may_be_plain_http_on_this_machine(
    url: str, expected: str
) -> None:
    assert read(BaseUrl, url) == expected


@pytest.mark.parametrize(
    "url",
    ["http://h.example", "http://localhost.evil.example", "http://127.0.0.1.evil.example", "HTTP://h.example",
     "http://localhost@evil.example", "http://10.0.0.1", "ftp://h", "https://", "https:///x", "h.example", "", "https://h:x",
     "https://h:99999", "https://h/a b", "https://h\n", "https://h/#x", "https://[::1"],
)  # fmt: skip
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"must (be|begin|end|not)"):
        read(BaseUrl, url)


def test_where_to_listen_may_be_a_v6_address_or_nowhere() -> None:
    assert (read(ListenAt, "[::1]:80").host, read(ListenAt, "[::1]:80").port) == ("::1", 80)
    assert not read(ListenAt, "")


def test_a_digest_is_a_time_in_a_zone_and_utc_without_one() -> None:
    digest = read(DigestAt, "08:05 Europe/Paris")
    assert (digest.hour, digest.minute, digest.zone) == (8, 5, "Europe/Paris")
    assert read(DigestAt, "23:59").zone == "UTC"
    assert not read(DigestAt, "")
