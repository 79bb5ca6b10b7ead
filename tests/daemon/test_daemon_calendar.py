"""The calendar: when what is due, whatever the clocks do."""

import threading
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from syncd.daemon.calendar import GLANCE, Calendar, Chore, Cron, Every, spread
from syncd.ledger import LedgerError
from tests.support import START, Clock, Log
from tests.support.patience import patience

HOUR = 3600.0


class Kept:
    """A calendar, and when each chore was done: seconds since the start of true time."""

    def __init__(self) -> None:
        self.clock, self.log = Clock(), Log()
        self.failed: list[LedgerError] = []
        self.calendar = Calendar(self.clock, self.log, self.failed.append)
        self.done: list[float] = []
        self.turns = 0

    def put(self, when: Every | Cron, grace: float | None = 3600.0, name: str = "chore") -> None:
        self.calendar.put(
            Chore(name, when, lambda: self.done.append(self.clock.passed), brief=True, grace=grace)
        )

    def pass_(self, seconds: float) -> None:
        """Let time pass as the daemon does."""
        end = self.clock.passed + seconds
        while True:
            self.calendar.jumped()
            wait = self.calendar.turn()
            self.turns += 1
            if wait is None or self.clock.passed + wait > end:
                self.clock.advance(end - self.clock.passed)
                return
            self.clock.advance(max(wait, 1e-6))

    def times(self) -> list[int]:
        return [round(it) for it in self.done]


@pytest.fixture
def kept() -> Kept:
    return Kept()


def test_an_interval_is_kept_from_its_first_time_on(kept: Kept) -> None:
    kept.put(Every(60.0, first=15.0))
    kept.pass_(200)
    assert kept.times() == [15, 75, 135, 195]


def test_a_first_time_of_none_is_a_whole_interval_away_and_of_0_is_now(kept: Kept) -> None:
    kept.put(Every(60.0))
    kept.pass_(61)
    assert kept.times() == [60]
    kept.done.clear()
    kept.put(Every(60.0, first=0.0))
    kept.pass_(1)
    assert kept.times() == [61]


@pytest.mark.parametrize("jump", [-HOUR, HOUR, -30 * 86400.0, 30 * 86400.0])
def test_an_interval_goes_on_whatever_becomes_of_the_wall_clock(kept: Kept, jump: float) -> None:
    """APScheduler's own scheduler stood still for the hour that the clock was set back."""
    kept.put(Every(60.0))
    kept.pass_(90)
    kept.clock.jump(jump)
    kept.pass_(150)
    assert kept.times() == [60, 120, 180, 240]


def test_a_cron_line_is_about_the_wall_in_utc(kept: Kept) -> None:
    kept.put(Cron("*/10 * * * *"))
    kept.pass_(3 * 600)
    assert [(START + it) % 600 < 0.01 for it in kept.done] == [True] * 3


def test_a_time_of_day_is_of_its_zone_also_when_the_zone_changes_its_clocks(kept: Kept) -> None:
    kept.put(Cron.daily(8, 0, "Europe/Paris"))
    kept.pass_(60 * 86400)

    local = [datetime.fromtimestamp(START + it, UTC).astimezone(ZoneInfo("Europe/Paris")) for it in kept.done]
    assert {(it.hour, it.minute) for it in local} == {(8, 0)}
    assert len(local) == 60


def test_a_cron_line_is_kept_when_the_wall_clock_is_set_back(kept: Kept) -> None:
    kept.put(Cron("0 * * * *"))
    kept.pass_(2 * HOUR)
    kept.done.clear()
    kept.clock.jump(-HOUR)
    kept.pass_(HOUR + 60)
    assert 1 <= len(kept.done) <= 2


def test_a_cron_line_is_kept_when_the_wall_clock_is_set_ahead(kept: Kept) -> None:
    kept.put(Cron("0 12 * * *"), grace=60.0)
    kept.pass_(10)
    kept.clock.jump(86400.0 - 5 * HOUR)
    kept.pass_(86400)
    assert len(kept.done) == 1
    assert kept.log.named("chore_missed") or (START + kept.done[0] + kept.clock.skew) % 86400 < 12 * HOUR + 61


def test_a_missed_time_is_made_up_for_once_and_only_within_its_grace(kept: Kept) -> None:
    kept.put(Every(60.0), grace=None, name="patient")
    kept.clock.advance(10 * 60)  # the process was stopped
    kept.pass_(1)
    assert len(kept.done) == 1
    kept.calendar.remove("patient")
    kept.done.clear()
    kept.put(Every(60.0), grace=30.0, name="strict")
    kept.clock.advance(10 * 60 + 31)
    kept.pass_(1)
    assert kept.done == []
    assert len(kept.log.named("chore_missed")) == 1


def test_a_clock_that_is_being_disciplined_is_not_one_that_was_set(kept: Kept) -> None:
    kept.clock.jump(4.0)
    assert kept.calendar.jumped() == 0.0
    kept.clock.jump(2.0)
    assert kept.calendar.jumped() == pytest.approx(6.0)
    assert kept.calendar.jumped() == 0.0


def test_nobody_gets_up_for_intervals_but_when_they_are_due(kept: Kept) -> None:
    kept.put(Every(600.0))
    kept.pass_(3600)
    assert kept.turns <= 8


def test_the_wall_clock_is_glanced_at_while_something_is_due_by_it(kept: Kept) -> None:
    kept.put(Cron("0 3 * * 6"))
    assert (kept.calendar.turn() or 0.0) <= GLANCE


def test_what_a_chore_raises_ends_nothing(kept: Kept) -> None:
    def bug() -> None:
        raise ZeroDivisionError

    def full() -> None:
        raise LedgerError("ledger_full", "The disk is full.")

    kept.calendar.put(Chore("buggy", Every(60.0), bug, brief=True))
    kept.calendar.put(Chore("full", Every(60.0), full, brief=True))
    kept.put(Every(60.0))
    kept.pass_(125)
    assert kept.times() == [60, 120]
    assert len(kept.log.named("chore_failed")) == 2
    assert [it.code for it in kept.failed] == ["ledger_full"] * 2


def test_a_long_chore_delays_nothing_and_is_never_run_twice_at_a_time(kept: Kept) -> None:
    begun, over = threading.Event(), threading.Event()
    runs: list[int] = []

    def long() -> None:
        runs.append(1)
        begun.set()
        over.wait(patience(10))

    kept.calendar.put(Chore("long", Every(60.0), long))
    kept.put(Every(60.0))
    kept.pass_(61)
    assert begun.wait(patience(10))
    kept.pass_(120)
    over.set()
    assert kept.times() == [60, 120, 180]
    assert len(runs) == 1
    assert len(kept.log.named("chore_still_running")) == 2


def test_a_chore_that_is_gone_is_not_done(kept: Kept) -> None:
    kept.put(Every(60.0))
    kept.calendar.remove("chore")
    assert kept.calendar.turn() is None
    assert kept.calendar.due_in("chore") is None


def test_names_spread_over_the_interval() -> None:
    parts = [spread(f"source{n}", 60.0) for n in range(200)]
    assert all(0 < it <= 60 for it in parts)
    for quarter in range(4):
        assert 30 <= sum(15 * quarter < it <= 15 * (quarter + 1) for it in parts) <= 70
