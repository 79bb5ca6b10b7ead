"""The daily summary: once at its time of day wherever that is, whatever the clocks do there, and what it says."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.alerts.message import Totals, digest_text, is_due, previous, totals
from syncd.core.lane_state import BY_HAND, LaneState
from syncd.health.view import Place, SourceView, View

PARIS = "Europe/Paris"


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("now", "hour", "expected"),
    [
        ("2026-11-25T08:00:00+01:00", 8, "2026-11-25T08:00:00+01:00"),
        ("2026-11-25T07:59:59+01:00", 8, "2026-11-24T08:00:00+01:00"),
        ("2026-11-25T00:30:00+01:00", 23, "2026-11-24T23:00:00+01:00"),
        # The clocks go forward at 2:00 and back at 3:00
        ("2026-03-29T12:00:00+02:00", 2, "2026-03-29T01:00:00+00:00"),
        ("2026-03-29T12:00:00+02:00", 8, "2026-03-29T08:00:00+02:00"),
        ("2026-10-25T12:00:00+01:00", 2, "2026-10-25T02:00:00+02:00"),
        ("2026-10-25T12:00:00+01:00", 8, "2026-10-25T08:00:00+01:00"),
    ],
)
def test_the_time_of_day_that_passed_last(now: str, hour: int, expected: str) -> None:
    assert previous(at(now), hour, 0, PARIS) == at(expected)


@given(
    start=st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001 - hypothesis wants them so
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    zone=st.sampled_from(
        [PARIS, "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "UTC"]
    ),
    every=st.sampled_from([0.25, 1.0, 5.0, 11.0]),
)
def test_it_comes_once_for_each_day_there(
    start: datetime, hour: int, minute: int, zone: str, every: float
) -> None:
    begin = now = start.replace(tzinfo=UTC).timestamp()
    last, sent = Totals(now), []
    while now < begin + 10 * 86400:
        now += every * 3600
        if is_due(last, now, hour, minute, zone):
            last = Totals(now)
            sent.append(datetime.fromtimestamp(previous(now, hour, minute, zone), ZoneInfo(zone)).date())
    days = [b - a for a, b in itertools.pairwise(sent)]
    assert 9 <= len(sent) <= 11
    assert set(days) == {timedelta(days=1)}


def test_before_the_first_there_is_nothing_to_compare_with() -> None:
    assert not is_due(None, 1e9, 8, 0, "UTC")


def test_it_says_what_was_found_and_delivered_and_what_is_stuck_by_cause() -> None:
    view = View(
        100_000.0,
        [SourceView("main", credits=7), SourceView("other")],
        [
            LaneState("deliver", "crm", status="halted", code="token_refused"),
            LaneState("pull", "other", status="paused", code=BY_HAND),
            LaneState("deliver", "sheet"),
        ],
        {
            "lead": {"main": {"exported": 90, "rejected": 12}},
            "delivery": {"crm": {"delivered": 90, "pending": 4, "rejected": 8}, "sheet": {"delivered": 100}},
            "export": {"main": {"delivered": 90}},
        },
        [
            Place("delivery", "crm", "bad_phone", 5),
            Place("export", "main", "bad_phone", 1),
            Place("lead", "main", "odd", 2),
        ],
        {"crm": 7200.0, "sheet": 60.0},
    )
    assert totals(view) == Totals(100_000.0, 102, 190, 90)
    assert digest_text(view, Totals(13_600.0, 100, 180, 85), "vps1").splitlines() == [
        "syncd on vps1, the last 24 h: 2 found, 10 delivered, 5 exported.",
        "Pending: 4.",
        "Set aside: 6 bad_phone, 2 odd. See: syncd rejected list",
        "Stopped: connector crm (token_refused), source other (paused by hand).",
        "Credits: 7 (main).",
        "Oldest pending: 2 h (crm).",
    ]


def test_a_quiet_day_is_two_lines() -> None:
    assert digest_text(View(86_400.0), Totals(0.0), "vps1").splitlines() == [
        "syncd on vps1, the last 24 h: 0 found, 0 delivered, 0 exported.",
        "Nothing is pending.",
    ]


def test_many_causes_and_sources_stay_short() -> None:
    view = View(
        0.0,
        [SourceView(f"s{n}", credits=n) for n in range(200)],
        set_aside=[Place("delivery", "crm", f"code_{n}", 200 - n) for n in range(200)],
    )
    text = digest_text(view, Totals(0.0), "vps1")
    assert "200 code_0, 199 code_1" in text
    assert "and 192 more causes" in text
    assert len(text) < 700
