"""Defects of the limiter, of `Retry-After`, and of what is measured on which clock."""

from typing import Any

from sqlalchemy import text

from tests.proof.defects.planting import around, defect, instead

LIMITER = "tests/core/test_limiter.py"
SOURCES = "tests/engine/pull/test_engine_sources.py"
DELIVERING = "tests/engine/deliver/test_engine_delivering.py"


@defect("I-11", "engine", f"{SOURCES}::test_two_sources_on_one_key_share_its_allowance")
def a_slot_is_free_with_its_answer() -> None:
    """A slot is given back when its answer is there, and not a window later."""
    instead("syncd.core.limiter:freed", lambda answered_at: answered_at)


@defect("I-11", "engine", f"{SOURCES}::test_a_restart_breaks_no_limit")
def a_restart_forgets_the_slots() -> None:
    """A start begins with a fresh allowance, whatever the life before has sent."""

    def make(plain: Any) -> Any:
        def start_over(connection: Any, meter: Any, now: float) -> None:
            plain(connection, meter, now)
            connection.exec_driver_sql("DELETE FROM slot")

        return start_over

    around("syncd.ledger.budgets:start_over", make)


@defect("I-11", "engine", f"{SOURCES}::test_a_reboot_breaks_no_limit")
def a_reboot_forgets_the_slots() -> None:
    """Slots that were taken before the machine was started anew are believed free."""
    instead("syncd.core.limiter:clamp", lambda *_, **__: ())


@defect("I-11", "ledger", "tests/ledger/test_ledger_budgets.py::test_two_keys_do_not_share")
def all_keys_share_one_allowance() -> None:
    """Slots are counted without asking whose they are."""
    instead("syncd.ledger.budgets:_SLOTS", text("SELECT free_at, n FROM slot"))


@defect("I-11", "unit", f"{LIMITER}::test_a_wait_is_never_too_short_and_a_millisecond_too_long_at_most")
def a_wait_is_rounded_down() -> None:
    """Whoever waits as long as he was told asks again a moment too early, and spins."""
    instead("syncd.core.limiter:_rounded_up", lambda now, until: int((until - now) * 1000.0) / 1000.0)


@defect(
    "pulls on time", "unit", f"{LIMITER}::test_other_work_leaves_a_pull_what_it_needs_and_live_work_takes_it"
)
def nothing_is_kept_for_pulls() -> None:
    """Exports take the last slot a second before a scheduled pull."""
    instead("syncd.core.limiter:_reserved", lambda *_: iter(()))


@defect("I-11", "unit", f"{LIMITER}::test_a_server_that_counts_more_than_we_do_is_believed")
def strangers_on_the_key_are_overlooked() -> None:
    """What CTGO says of the requests that are left is not listened to."""
    instead("syncd.core.limiter:foreign", lambda *_, **__: None)


@defect(
    "I-11",
    "upstream",
    "tests/ctgo/test_upstream_signals.py::test_the_key_rests_only_for_a_true_rate_limit_or_a_503",
)
def retry_after_of_ctgo_is_ignored() -> None:
    """After a 429 the next request leaves at once."""
    instead("syncd.ctgo.client:retry_after", lambda *_: None)


@defect(
    "I-11",
    "unit",
    "tests/http/test_headers.py::test_retry_after_is_seconds_or_a_date_within_bounds",
)
def retry_after_is_taken_for_milliseconds() -> None:
    """A receiver that asks for a minute is asked again after a twentieth of a second."""

    def make(plain: Any) -> Any:
        def read(headers: Any, now: float) -> float | None:
            wait = plain(headers, now)
            return None if wait is None else wait / 1000

        return read

    around("syncd.http.answer:retry_after", make)


@defect(
    "liveness", "engine", f"{DELIVERING}::test_a_retry_that_is_due_in_a_future_that_the_clock_left_is_made"
)
def a_due_time_is_believed_however_far_away() -> None:
    """A retry that was due tomorrow, by a clock that was wrong then, waits until tomorrow."""

    def make(plain: Any) -> Any:
        return lambda connection, lane, now, _cap, *rest, **named: plain(
            connection, lane, now, 1e15, *rest, **named
        )

    around("syncd.ledger.deliveries.due:due", make)


@defect(
    "liveness",
    "unit",
    "tests/core/test_delivery_once_broken.py::test_a_pause_ends_although_the_clock_went_back_a_month",
)
def a_pause_ends_by_the_wall_clock_alone() -> None:
    """A wall clock that is set back by a month makes a pause of a minute one of a month."""

    def wait(self: Any, now: float, probe: float | None = None) -> float | None:
        if self.status == "open":
            return 0.0
        if self.status == "halted":
            return None if probe is None else max(0.0, self.since + probe - now)
        return None if self.until is None else max(0.0, self.until - now)

    instead("syncd.core.lane_state:LaneState.wait", wait)


@defect(
    "I-11",
    "engine",
    f"{DELIVERING}::test_a_wall_clock_that_jumps_breaks_no_limit_and_loses_no_lead[2592000.0]",
)
def slots_are_counted_on_the_wall_clock() -> None:
    """A wall clock that is set ahead frees every slot."""

    def make(plain: Any) -> Any:
        def init(self: Any, api_key: str, limit: int, clock: Any, *, deadline: float) -> None:
            plain(self, api_key, limit, _OnTheWall(clock), deadline=deadline)

        return init

    around("syncd.engine.budget:RequestBudget.__init__", make)


class _OnTheWall:
    def __init__(self, clock: Any) -> None:
        self._clock = clock

    def monotonic(self) -> float:
        now: float = self._clock.now()
        return now

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clock, name)


@defect("stop within 10 s", "unit", "tests/base/test_clock.py::test_a_stop_ends_every_wait_now_and_later")
def a_stop_ends_no_wait() -> None:
    """Who waits for an hour is told to stop, and waits for the rest of it."""

    def stop(self: Any) -> None:
        self._stopping = True

    instead("syncd.clock:SystemClock.stop", stop)
