"""`Retry-After` by one rule for everyone, and dates; whatever a header holds."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.http.answer import http_date, retry_after

NOW = 1_780_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("0", 1.0),
        ("1.5", 1.5),
        ("3600", 3600.0),
        ("86400", 3600.0),
        ("9" * 5000, 3600.0),
        ("-5", None),
        ("soon", None),
        ("", None),
        (" 12 ", 12.0),
        ("1e3", None),
        ("Mon, 99 Foo 0000 99:99:99 GMT", None),
        ("60, 60", None),
        ("nan", None),
        ("1e9", None),
        ("٣", None),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        (formatdate(NOW + 90), 90.0),
        (formatdate(NOW - 90, usegmt=True), None),
        (formatdate(NOW + 9e6, usegmt=True), 3600.0),
        ("Mon, 99 Foo 2026 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_bounds(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}, NOW) == seconds


def test_a_date_is_counted_from_the_servers_own_clock() -> None:
    headers = {"retry-after": formatdate(NOW + 90, usegmt=True), "date": formatdate(NOW, usegmt=True)}
    assert retry_after(headers, NOW + 30 * 86400) == 90.0


@given(st.text())
def test_no_header_text_is_an_error(text: str) -> None:
    http_date({"date": text})
    wait = retry_after({"retry-after": text}, NOW)
    assert wait is None or 1 <= wait <= 3600
